"""Every fault against every kind of call: the error, ``maybe_sent``, requests, the connection, and an end in time."""

import asyncio

import pytest

from .calls import CALLS
from .stage import see
from .table import FAULTS, must_be

pytestmark = pytest.mark.sockets


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_fault_means_to_each_call_what_the_table_says(fault):
    if fault.needs is not None:
        pytest.importorskip(fault.needs)
    seen = {}

    async def look(call):
        try:
            seen[call.name] = await see(fault, call)
        except Exception as error:  # noqa: BLE001 - it belongs to the cell, and fails the test
            seen[call.name] = f"{type(error).__name__}: {error}"

    async with asyncio.TaskGroup() as cells:
        for call in CALLS:
            cells.create_task(look(call))
    wrong = {
        call.name: {"must be": must_be(fault, call), "is": seen[call.name]}
        for call in CALLS
        if seen[call.name] != must_be(fault, call)
    }
    assert wrong == {}
