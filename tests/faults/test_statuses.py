"""Every status from 100 to 599 against every kind of call."""

import pytest

from .calls import CALLS
from .stage import see
from .statuses import STATUSES, fault_of
from .table import must_be

pytestmark = pytest.mark.sockets


@pytest.mark.parametrize("hundred", range(100, 600, 100))
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_a_status_means_to_each_call_what_the_table_says(call, hundred):
    wrong = {}
    for status in range(hundred, hundred + 100):
        fault = fault_of(status)
        if (seen := await see(fault, call)) != (wanted := must_be(fault, call)):
            wrong[status] = {"must be": wanted, "is": seen}
    assert wrong == {}


def test_every_status_has_one_meaning():
    meanings = [sorted(one.members) for one in STATUSES]
    assert sorted(status for members in meanings for status in members) == list(range(100, 600))
