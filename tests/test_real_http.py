"""The main job over real loopback HTTP: every outcome is held against the emulator's own books."""

import asyncio
import gc

import pytest

from packcloud_async import Outcome, PackCloudClient, PollPolicy, SyncKind
from packcloud_async.emulator import Emulator, SyncTimes

pytestmark = pytest.mark.sockets


async def test_two_hundred_organizations_with_five_integrations_each():
    emulator = Emulator(
        organizations=200,
        integrations=5,
        seed=11,
        sync_times=SyncTimes(median=0.8, spread=0.5, finds_nothing=0.3, several_steps=0.2),
    )
    poll = PollPolicy(first=0.5, growth=1.5, deadline=5)
    async with (
        emulator.serve() as served,
        PackCloudClient(token=emulator.token, base_url=served.base_url, max_connections=50) as client,
        client.sync_many(emulator.organization_ids, kinds=set(SyncKind), poll=poll) as run,
    ):
        results = [result async for result in run]

    books, counters = emulator.books, emulator.counters
    assert len(results) == 1_000
    assert [result.error for result in results if result.error is not None] == []
    wrong = []
    for result in results:
        for kind, outcome in result.kinds.items():
            place = (result.organization_id, result.integration_id, kind)
            (accepted,) = books.of(*place)
            moves = books.moves(*place)
            if kind is SyncKind.STOCKS:
                right = outcome.state is Outcome.UNOBSERVABLE
            elif outcome.state is Outcome.ADVANCED:
                # What the probe of shipping services shows is no value of the books.
                probed = kind is SyncKind.SHIPPING_SERVICES and outcome.after.startswith("services:")
                right = bool(moves) if probed else outcome.after in {value for _, value in moves}
            else:
                # The last look was asked no earlier than the deadline: what moved later it could not see.
                right = outcome.state is Outcome.QUIET and all(at > accepted.accepted_at + 5 for at, _ in moves)
            if not right:
                wrong.append((place, outcome, moves))
    assert wrong == []
    assert counters.duplicate_posts == 0
    assert counters.by_method["POST"] == 4_000
    assert run.report.requests_sent == client.requests_sent
    # A read is cut off when a list has told its job the news meanwhile; it may not have come to the server.
    assert 0 <= client.requests_sent - counters.total <= 20
    # A read that is cut off closes its connection, and the server may hear of that after the next one stands.
    assert counters.peak_connections <= 50 + (client.requests_sent - counters.total) + 5
    assert run.report.failed == 0
    assert {kind: sum(counts.values()) for kind, counts in run.report.outcomes.items()} == dict.fromkeys(
        SyncKind, 1_000
    )

    # Nothing is left: no task, no open transport that a collector would complain about.
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
