"""What is too long for a terminal goes on where a reader looks for it; in a pipe a line stays a line."""

import fcntl
import io
import os
import pty
import struct
import sys
import termios

import pytest
from rich.console import Console
from rich.table import Table

from packcloud_async import KindOutcome, Outcome, ServerError, SyncKind
from packcloud_async.cli.console import WrappedPaths
from packcloud_async.cli.failures import complain
from packcloud_async.cli.outcome_views import kind_line, kind_row

from .terminal import read_until

REFUSED = KindOutcome(
    state=Outcome.REJECTED,
    error=ServerError(status=503, method="POST", path="/v1/organizations/o/stocks/sync", excerpt="no"),
)
PATH = "/v1/organizations/{organizationId}/integrations/{integrationId}/orders/sync"


def drawn(renderable, columns):
    console = Console(file=io.StringIO(), width=columns)
    console.print(renderable)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_long_reason_goes_on_below_where_it_begins():
    first, *rest = drawn(kind_row(SyncKind.STOCKS, REFUSED), 80)
    begins = first.index("POST")
    assert first.startswith("  stocks             rejected")
    assert rest
    assert all(line[:begins].isspace() and not line[begins].isspace() for line in rest)


def test_a_row_says_what_a_line_says():
    assert drawn(kind_row(SyncKind.STOCKS, REFUSED), 200) == [kind_line(SyncKind.STOCKS, REFUSED).plain]


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (100, [PATH]),
        (len(PATH), [PATH]),
        (64, ["/v1/organizations/{organizationId}/integrations/{integrationId}/", "orders/sync"]),
        (40, ["/v1/organizations/{organizationId}/", "integrations/{integrationId}/orders/sync"]),
        (
            12,
            [
                "/v1/",
                "organization",
                "s/",
                "{organizatio",
                "nId}/",
                "integrations",
                "/",
                "{integration",
                "Id}/",
                "orders/sync",
            ],
        ),
    ],
)
def test_a_path_is_wrapped_after_a_slash(columns, shown):
    assert drawn(WrappedPaths(PATH), columns) == shown


SENTENCE = "/v1/{organizationId}/shipping-services-sync answered 404, but https://a.example/v1/o does: look there."


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (200, [SENTENCE]),
        (
            44,
            [
                "/v1/{organizationId}/shipping-services-sync",
                "answered 404, but https://a.example/v1/o",
                "does: look there.",
            ],
        ),
        (
            38,
            [
                "/v1/{organizationId}/",
                "shipping-services-sync answered 404,",
                "but https://a.example/v1/o does: look",
                "there.",
            ],
        ),
        (
            20,
            [
                "/v1/",
                "{organizationId}/",
                "shipping-services-sy",
                "nc answered 404, but",
                "https://a.example/",
                "v1/o does: look",
                "there.",
            ],
        ),
    ],
)
def test_a_sentence_is_wrapped_between_words_and_its_paths_after_a_slash(columns, shown):
    assert drawn(WrappedPaths(SENTENCE), columns) == shown


def test_no_slash_begins_a_path_on_another_line_than_the_path():
    assert drawn(WrappedPaths("ask for /v1/organizations"), 12) == ["ask for /v1/", "organization", "s"]
    assert drawn(WrappedPaths("ask for it at /v1/o"), 15) == ["ask for it at", "/v1/o"]


def test_a_path_leaves_room_for_its_neighbours_and_keeps_control_characters_out():
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_row("routes.sync_orders", WrappedPaths("/v1/\x1b[31m/{organizationId}/orders"))
    assert drawn(table, 50) == ["routes.sync_orders  /v1/[31m/{organizationId}/", "                    orders"]


def test_a_complaint_is_wrapped_between_words_and_never_within_a_path(monkeypatch):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        complain("the ledger /srv/runs/of-this-very-long-name/2026-01-01.sqlite cannot be opened: no rights")
        shown = read_until(ours, "no rights")
    os.close(ours)
    assert shown.splitlines() == [
        "Error: the ledger",
        "/srv/runs/of-this-very-long-name/2026-01-01.sqlite",
        "cannot be opened: no rights",
    ]


def test_in_a_pipe_a_complaint_is_one_line(capsys):
    complain("word " * 60)
    assert capsys.readouterr().err == f"Error: {'word ' * 60}\n"
