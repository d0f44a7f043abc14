"""Texts that come back from a file or a user: tokens, ledgers, learned pacing, routes, timestamps."""

import asyncio
import json
import sqlite3
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async import (
    AsyncSyncJob,
    LedgerError,
    PackCloudClient,
    PackCloudError,
    PollPolicy,
    RetryPolicy,
    SqliteLedger,
    SyncError,
    SyncKind,
    read_ledger,
)
from packcloud_async._sansio.timestamps import Direction, direction_of, parse_timestamp, same_watermark
from packcloud_async.emulator import Emulator
from tests.support.jumping_loop import JumpingLoop
from tests.support.ledgers import ORG_1, ORG_2, RUN, token_of

from .near_valid import ODD_NAMES, ODD_VALUES, Raw, every_one_change, nearly
from .run import CORPUS
from .targets import TARGETS

TOKENS = [
    json.loads(path.read_bytes()) for path in sorted((CORPUS / "token").iterdir()) if b'"kinds"' in path.read_bytes()
]
RECORDS = [json.loads((CORPUS / "ledger" / name).read_bytes()) for name in ("run", "target", "target-of-all")]
PACINGS = [json.loads((CORPUS / "pacing" / name).read_bytes()) for name in ("learned", "empty")]

any_text = st.text(max_size=60) | st.text(st.characters(categories=["Cs", "Cc", "Nd", "Po"]), max_size=30)
toml = st.lists(
    st.tuples(
        st.sampled_from(
            ["[routes]", "sync_orders", "execute_action", "settings", "a.b", "'q'", '"\\u0000"', "[[routes]]"]
        ),
        st.sampled_from(["", " = ", "=", "\n"]),
        st.sampled_from(
            ["", '"/v1/{organizationId}/{integrationId}"', "'''x'''", "{a=1}", "[[[", "1e999", "0x" + "f" * 5000]
        ),
    ).map("".join),
    max_size=5,
).map("\n".join)


@pytest.mark.parametrize("name", ["token", "ledger", "pacing", "routes", "timestamps", "paging"])
@settings(max_examples=200)
@given(any_text)
def test_any_text_keeps_the_promise(name, text):
    TARGETS[name](text.encode("utf-8", "surrogatepass"))


@settings(max_examples=300)
@given(toml)
def test_any_routes_file_is_routes_or_a_configuration_error(text):
    TARGETS["routes"](text.encode())


@pytest.mark.parametrize(
    ("name", "documents"),
    [("token", TOKENS), ("ledger", RECORDS), ("pacing", PACINGS)],
    ids=["token", "ledger", "pacing"],
)
def test_any_few_changes_of_what_was_written_keep_the_promise(name, documents):
    @settings(max_examples=400)
    @given(nearly(documents))
    def check(body):
        TARGETS[name](body)

    check()


@pytest.mark.parametrize("document", [*RECORDS, *PACINGS], ids=lambda document: "-".join(document)[:30])
def test_any_one_change_of_what_was_written_keeps_the_promise(document):
    for body in every_one_change(document):
        TARGETS["pacing" if "learned" in document else "ledger"](body)


@settings(max_examples=400)
@given(nearly(TOKENS))
def test_a_job_resumed_from_a_changed_token_ends_in_a_result_or_an_error_of_ours(body):
    poll = PollPolicy(first=1, deadline=20, gone_after=5)

    async def resume():
        emulator = Emulator(organizations=1, integrations=2)
        retry = RetryPolicy(attempts=2)
        async with PackCloudClient(
            token=emulator.token, transport=emulator.transport(), retry=retry, probes={}
        ) as client:
            job = AsyncSyncJob.resume(client, body.decode("utf-8", "surrogatepass"), poll=poll)
            result = await job
            assert result.kinds.keys() == {SyncKind(kind) for kind in json.loads(job.token)["kinds"]}
            assert AsyncSyncJob.resume(client, job.token).token == job.token
        assert len(asyncio.all_tasks()) == 1

    # Bytes that are no text cannot be a token.
    with suppress(PackCloudError, UnicodeDecodeError), asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(resume())


COLUMNS = {
    "run": ["document", "finished"],
    "holder": ["pid", "host", "since"],
    "target": ["state", "error", "document"],
    "job": ["target", "integration_id", "token", "finished", "error"],
}
ODD_CELLS = [None, 0, 1, -1, 2**62, 1.5, "", "x", "listed", "\x1b[2J", b"", b"\xff", b"{}", *map(str, ODD_NAMES)] + [
    value.text if isinstance(value, Raw) else json.dumps(value) for value in ODD_VALUES
]


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, names in COLUMNS.items() for column in names])
async def test_any_cell_of_a_ledger_may_hold_anything(table, column, tmp_path):
    path = tmp_path / "run.sqlite"
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
        ledger.begin(RUN)
        first, _ = ledger.add_targets([ORG_1, ORG_2])
        ledger.add_jobs(first, [])
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO job VALUES (1, 1, 'int_1', ?, 0, NULL), (2, 1, 'int_2', ?, 1, NULL)",
            (token_of("int_1"), token_of("int_2")),
        )
    connection.close()
    refused = 0
    for cell in ODD_CELLS:
        with suppress(sqlite3.IntegrityError):
            _put(path, table, column, cell)
        refused += await _is_refused(path)
    assert refused or (table, column) == ("job", "target"), "nothing was refused"


def _put(path, table, column, cell):
    connection = sqlite3.connect(path)
    try:
        with connection:
            # As if nobody had closed it: a close leaves no holder.
            connection.execute("INSERT OR REPLACE INTO holder VALUES (1, 1, 'host', '2026-01-01T10:00:00+00:00')")
            connection.execute(f"UPDATE {table} SET {column} = ?", (cell,))
    finally:
        connection.close()


async def _is_refused(path):
    """Read it in every way there is; count the ways that end in a ``LedgerError``."""
    refused = 0
    try:
        with read_ledger(path) as contents:
            for target in contents.targets():
                for job in target.jobs:
                    assert type(job.integration_id) is type(job.token) is str
                    with suppress(SyncError):
                        _ = job.kinds
    except LedgerError:
        refused += 1
    ledger = SqliteLedger(path)
    try:
        await ledger.open()
        for target in await ledger.unfinished():
            assert all(type(job.integration_id) is type(job.token) is str for job in target.jobs)
    except LedgerError:
        refused += 1
    finally:
        with suppress(LedgerError):
            await ledger.aclose()
    return refused


@st.composite
def written_times(draw):
    """A text, and the instants (microseconds since 1970) it may stand for: from, and before."""
    minutes = draw(st.sampled_from([None, 0, 60, -90, 14 * 60, 345]))
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=draw(st.integers(-2 * 10**11, 2 * 10**11)))
    wall = start.astimezone(timezone(timedelta(minutes=minutes or 0)))
    digits = draw(st.sampled_from([-4, -3, -2, 0, 1, 3, 6, 9]))
    separator, basic = draw(st.sampled_from("T t_")), draw(st.booleans())
    day = f"{wall:%Y%m%d}" if basic and digits != -4 else f"{wall:%Y-%m-%d}"
    hour, minute, second = (f"{wall:%H}", f"{wall:%M}", f"{wall:%S}")
    colon = "" if basic else ":"
    clock = {-4: "", -3: hour, -2: colon.join([hour, minute])}.get(digits, colon.join([hour, minute, second]))
    fraction = f"{draw(st.sampled_from('.,'))}{wall:%f}000"[: digits + 1] if digits > 0 else ""
    zone = "" if minutes is None else draw(st.sampled_from(_zones(minutes)))
    # A day has no zone: it is one of UTC.
    text = day if digits == -4 else f"{day}{separator}{clock}{fraction}{zone}"
    cut = wall.replace(tzinfo=UTC) if digits == -4 else wall
    step = {-4: 86_400, -3: 3_600, -2: 60}.get(digits, 1) * 10**6 if digits <= 0 else 10 ** max(0, 6 - digits)
    for name, place in (("hour", -4), ("minute", -3), ("second", -2)):
        cut = cut.replace(**{name: 0}) if digits <= place else cut
    cut = cut.replace(microsecond=0 if digits <= 0 else cut.microsecond // step * step)
    return text, (cut - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1), step


def _zones(minutes):
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    forms = [f"{sign}{hours:02}:{rest:02}", f"{sign}{hours:02}{rest:02}"]
    return [*forms, "Z", "+00:00"] if minutes == 0 else forms


@settings(max_examples=500)
@given(written_times(), written_times())
def test_two_times_are_the_same_as_far_as_the_coarser_one_goes(one, other):
    (text, instant, step), (text_2, instant_2, step_2) = one, other
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert (parse_timestamp(text) - epoch) // timedelta(microseconds=1) == instant
    coarser = max(step, step_2)
    assert same_watermark(text, text_2) == (text == text_2 or instant // coarser == instant_2 // coarser)
    if instant != instant_2:
        assert direction_of(text, text_2) is (Direction.FORWARD if instant < instant_2 else Direction.BACKWARD)
