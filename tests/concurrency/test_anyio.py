"""Under anyio: its task groups, and its cancellation, which is told again until a scope is left."""

import anyio
import pytest

from packcloud_async import ClientStateError, Outcome, PackCloudClient, PollPolicy, SyncKind
from packcloud_async.emulator import Emulator, SyncTimes
from packcloud_async.testing import VirtualTimeLoop, serving

MINUTES = SyncTimes(median=600, spread=0, finds_nothing=0)
POLL = PollPolicy(first=30, ceiling=30, deadline=3600)


def jump(main, *arguments):
    return anyio.run(main, *arguments, backend="asyncio", backend_options={"loop_factory": VirtualTimeLoop})


def in_memory(emulator):
    return PackCloudClient(token=emulator.token, transport=emulator.transport())


def test_the_tasks_of_a_group_share_a_client():
    emulator, found = Emulator(sync_times=MINUTES), []

    async def sync(client, organization):
        found.append(await client.organization(organization).sync("int_1", SyncKind.ORDERS, poll=POLL))

    async def main():
        async with in_memory(emulator) as client, anyio.create_task_group() as group:
            for organization in emulator.organization_ids:
                group.start_soon(sync, client, organization)

    jump(main)
    assert [result[SyncKind.ORDERS].state for result in found] == [Outcome.ADVANCED] * 3
    assert emulator.counters.duplicate_posts == 0


def test_what_a_scope_cancels_leaves_the_client_good():
    emulator = Emulator(sync_times=MINUTES)

    async def main():
        async with in_memory(emulator) as client:
            shop = client.organization("org_1")
            with anyio.move_on_after(100) as scope:
                await shop.sync("int_1", SyncKind.ORDERS, poll=POLL)
            assert scope.cancelled_caught
            assert anyio.current_time() == pytest.approx(100)
            with pytest.raises(TimeoutError), anyio.fail_after(100):
                await shop.sync("int_2", SyncKind.ORDERS, poll=POLL)
            return (await shop.integrations.get("int_1")).id, client.requests_sent

    found, requests = jump(main)
    assert found == "int_1"
    assert requests == emulator.counters.total


@pytest.mark.parametrize("seconds", [0, 1e-9, 31, 599])
def test_a_client_inside_a_scope_that_is_cancelled_is_closed(seconds):
    emulator = Emulator(sync_times=MINUTES)

    async def main():
        with anyio.move_on_after(seconds):
            async with in_memory(emulator) as client:
                async with client.sync_many(emulator.organization_ids, kinds={SyncKind.ORDERS}, poll=POLL) as run:
                    async for _ in run:
                        pytest.fail("it was over before")
        with pytest.raises(ClientStateError, match="closed"):
            await client.organization("org_1").integrations.get("int_1")

    jump(main)
    assert emulator.counters.duplicate_posts == 0


def test_one_that_fails_ends_the_others_of_its_group():
    emulator = Emulator(sync_times=MINUTES)

    async def fail():
        await anyio.sleep(45)
        raise ZeroDivisionError

    async def main():
        async with in_memory(emulator) as client, anyio.create_task_group() as group:
            group.start_soon(lambda: client.organization("org_1").sync("int_1", SyncKind.ORDERS, poll=POLL))
            group.start_soon(fail)

    with pytest.raises(ExceptionGroup) as caught:
        jump(main)
    assert caught.group_contains(ZeroDivisionError)
    # The baseline, the POST and one read.
    assert emulator.counters.total == 3


@pytest.mark.sockets
@pytest.mark.parametrize("options", [{}, {"use_uvloop": True}], ids=["asyncio", "uvloop"])
def test_over_sockets_on_either_loop(options):
    if options:
        pytest.importorskip("uvloop", reason="there is no uvloop for this platform")

    async def main(served):
        async with PackCloudClient(token=served.token, base_url=served.base_url) as client:
            with anyio.fail_after(30):
                return [one.id async for one in client.organization("org_1").integrations.list()]

    with serving(Emulator(integrations=30)) as served:
        found = anyio.run(main, served, backend="asyncio", backend_options=options)
    assert found == [f"int_{number}" for number in range(1, 31)]
