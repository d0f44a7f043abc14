"""The page of the documentation is the table, and the table keeps the promises that hold for every fault."""

import subprocess
import sys
from pathlib import Path

import pytest

from packcloud_async import InvalidResponse, TransportError

from .calls import CALLS
from .connection_faults import DRIP
from .expectations import Conclusion
from .faults import BOUNDED, Good
from .good_answers import good_answer
from .page import page
from .statuses import fault_of
from .table import FAULTS, must_be

ROOT = Path(__file__).parents[2]
ALL = [*FAULTS, *(fault_of(status) for status in range(100, 600))]


def test_the_page_is_the_table():
    assert (ROOT / "docs" / "what-happens-when.md").read_text(encoding="utf-8") == page()


def test_the_page_is_written_by_a_command():
    written = subprocess.run([sys.executable, "-m", "tests.faults"], cwd=ROOT, capture_output=True, check=True)
    assert written.stdout.decode() == page()


def test_no_drip_is_over_before_its_bound():
    shortest = min(
        len(Good(*good_answer(call.method, "/sync", synced=False, list_goes_on=False), None).body) for call in CALLS
    )
    assert DRIP * shortest > 2 * BOUNDED.total


def test_every_row_has_a_name_of_its_own():
    assert len({fault.name for fault in ALL}) == len(ALL)


@pytest.mark.parametrize("call", [call for call in CALLS if call.method == "POST"], ids=lambda call: call.name)
def test_no_post_that_may_have_acted_is_expected_twice(call):
    harmless = {Conclusion.NOT_SENT, Conclusion.TURNED_AWAY}
    twice = {
        fault.name for fault in ALL if must_be(fault, call).ending.requests > 1 and fault.conclusion not in harmless
    }
    assert twice == {"401, and another credential that is right"}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_what_is_left_open_is_told_by_every_lost_answer(call):
    for fault in ALL:
        ending = must_be(fault, call).ending
        assert (ending.maybe_sent is not None) == (ending.error is TransportError), fault.name
        assert ending.error is not InvalidResponse or ending.requests == (1 if not call.is_once else ending.requests)
