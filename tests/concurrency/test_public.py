"""The scenarios of cancellation leave out nothing that a caller can await."""

import asyncio

import pytest

from ..support.cancelling import AtSteps
from ..support.debugged import DebuggedLoop
from ..support.moments import MomentLoop
from .public import public_coroutines
from .scenarios import SCENARIOS
from .stage import in_memory, over_sockets, play


@pytest.mark.sockets
def test_every_public_coroutine_is_awaited_in_a_scenario(tmp_path):
    seen = set()
    for scenario in SCENARIOS:
        watching = AtSteps(watches=True)
        make, opening = (MomentLoop, in_memory) if scenario.in_memory else (DebuggedLoop, over_sockets)
        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(play(scenario, watching, opening, tmp_path))
        seen |= watching.seen
    assert sorted(name for name, code in public_coroutines().items() if code not in seen) == []


def test_what_is_public_is_found():
    found = public_coroutines()
    assert {
        "PackCloudClient.request",
        "PackCloudClient.__aexit__",
        "Integrations.delete",
        "AsyncSyncJob.__await__",
        "SyncRun.__anext__",
        "SqliteLedger.open",
        "Pages.__anext__",
        "_Events.__anext__",
        "read_path",
        "emulator.serve",
        "InMemoryTransport.send",
        "BearerToken.headers",
        "ShippingServicesProbe.read",
    } <= found.keys()
    assert not [name for name in found if name.startswith(("Ledger.", "Auth.", "Transport.", "Probe."))]
