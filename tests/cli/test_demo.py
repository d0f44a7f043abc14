"""packcloud demo, as a user runs it: in a pipe, and on a terminal."""

import os
import re

import pytest

from packcloud_async import KindOutcome, Outcome, SyncKind, SyncResult
from packcloud_async.cli.books_check import BooksCheck
from packcloud_async.emulator import Emulator, SyncRun, WatermarkFormat
from packcloud_async.emulator.sync_runs import Move

from .conftest import ended
from .terminal import on_a_terminal, read_until


@pytest.mark.sockets
def test_in_a_pipe_it_writes_plain_lines_of_80_columns_and_agrees_with_the_books(start):
    result = ended(start("demo", "--organizations", "2", "--integrations", "2", "--seed", "8"))
    assert (result.code, result.err) == (0, "")
    assert "\x1b" not in result.out
    assert "\r" not in result.out
    assert max(len(line) for line in result.out.splitlines()) <= 80
    assert "4 of 4 integrations done" in result.out
    assert "all 16 outcomes are true; syncs started twice: none." in result.out
    for outcome in Outcome:
        assert re.search(rf"^  {outcome.value}  ", result.out, re.MULTILINE)


@pytest.mark.sockets
def test_on_a_terminal_it_shows_a_bar_and_control_c_ends_it_with_130(monkeypatch, heeded_interrupts):
    monkeypatch.setenv("TERM", "xterm-256color")
    process, terminal = on_a_terminal("demo", "--organizations", "2")
    shown = read_until(terminal, "moved")
    os.write(terminal, b"\x03")
    shown += read_until(terminal, None)
    os.close(terminal)
    assert process.wait(10) == 130
    assert "Watching" in shown
    assert "\x1b[?25l" in shown  # cursor hidden for the bar,
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # and shown again
    assert shown.endswith("Interrupted.\r\n")
    assert "Traceback" not in shown
    assert "Task was destroyed" not in shown


PLACE = ("org_1", "int_1")
MOVED = (Move(1.0, "new"),)
LATE = (Move(6.0, "new"),)


@pytest.mark.parametrize(
    ("kind", "moves", "outcome", "is_true"),
    [
        (SyncKind.ORDERS, MOVED, KindOutcome(state=Outcome.ADVANCED, after="new"), True),
        (SyncKind.ORDERS, MOVED, KindOutcome(state=Outcome.ADVANCED, after="other"), False),
        (SyncKind.ORDERS, (), KindOutcome(state=Outcome.ADVANCED, after="new"), False),
        (SyncKind.ORDERS, (), KindOutcome(state=Outcome.QUIET), True),
        (SyncKind.ORDERS, LATE, KindOutcome(state=Outcome.QUIET), True),
        (SyncKind.ORDERS, MOVED, KindOutcome(state=Outcome.QUIET), False),
        (SyncKind.ORDERS, None, KindOutcome(state=Outcome.QUIET), False),
        (SyncKind.ORDERS, (), KindOutcome(state=Outcome.UNOBSERVABLE), False),
        (SyncKind.STOCKS, (), KindOutcome(state=Outcome.UNOBSERVABLE), True),
        (SyncKind.STOCKS, None, KindOutcome(state=Outcome.UNOBSERVABLE), False),
        (SyncKind.ORDERS, None, KindOutcome(state=Outcome.REJECTED), True),
        (SyncKind.ORDERS, (), KindOutcome(state=Outcome.REJECTED), False),
        (SyncKind.ORDERS, None, KindOutcome(state=Outcome.AMBIGUOUS), True),
        (SyncKind.ORDERS, MOVED, KindOutcome(state=Outcome.AMBIGUOUS), False),
        (SyncKind.STOCKS, (), KindOutcome(state=Outcome.AMBIGUOUS), True),
        (SyncKind.ORDERS, MOVED, KindOutcome(state=Outcome.UNREAD), True),
        (SyncKind.ORDERS, (), KindOutcome(state=Outcome.GONE), False),
    ],
)
def test_the_books_tell_a_true_outcome_from_a_wrong_one(kind, moves, outcome, is_true):
    emulator = Emulator()
    if moves is not None:
        emulator.books.enter(SyncRun(*PLACE, kind, 0.0, 1.0, moves, WatermarkFormat.PLAIN))
    check = BooksCheck(emulator, expected=1, window=5.0)
    check.add(SyncResult(organization_id="org_1", integration_id="int_1", kinds={kind: outcome}))
    assert check.agrees is is_true
    assert bool(check.wrong) is not is_true


def test_an_outcome_that_is_missing_is_no_agreement():
    check = BooksCheck(Emulator(), expected=1, window=5.0)
    assert not check.agrees
    assert str(check) == "only 0 of 1 outcome is true; syncs started twice: none."
