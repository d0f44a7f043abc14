"""Every status from 100 to 599 against every kind of call."""

import asyncio

import pytest

from .calls import CALLS
from .stage import see
from .statuses import STATUSES, fault_of
from .table import must_be

pytestmark = pytest.mark.sockets


@pytest.mark.parametrize("hundred", range(100, 600, 100))
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_a_status_means_to_each_call_what_the_table_says(call, hundred):
    statuses = range(hundred, hundred + 100)
    seen = {}

    async def look(some):
        for status in some:
            seen[status] = await see(fault_of(status), call)

    async with asyncio.TaskGroup() as cells:
        for offset in range(10):
            cells.create_task(look(statuses[offset::10]))
    wanted = {status: must_be(fault_of(status), call) for status in statuses}
    assert {status: (seen[status], wanted[status]) for status in statuses if seen[status] != wanted[status]} == {}


def test_every_status_has_one_meaning():
    meanings = [sorted(one.members) for one in STATUSES]
    assert sorted(status for members in meanings for status in members) == list(range(100, 600))
