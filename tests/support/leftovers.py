"""What is left of a client when nothing of it should be under way: tasks, slots, places in line, watches, locks."""

import asyncio
from collections.abc import Iterator

from packcloud_async import PackCloudClient, SyncRun
from packcloud_async._io.turns import FairSlots


async def let_go_of_the_ended() -> None:
    """A task that has just ended, or been cancelled, needs a turn of the loop to be gone."""
    for _ in range(3):
        await asyncio.sleep(0)


def tasks_left() -> list[str]:
    """The tasks but the one that asks."""
    return [repr(task) for task in asyncio.all_tasks() - {asyncio.current_task()}]


def left_of_client(client: PackCloudClient) -> list[str]:
    """Whatever is still held within a client."""
    return [*_in_gate(client), *_in_credentials(client), *_in_watches(client), *_in_session(client)]


def left_of_run(run: SyncRun) -> list[str]:
    """Whatever is still held within a bulk run."""
    context = run._context
    if context is None:
        return []
    return [*_in_slots("slots", context.slots), *_in_slots("places to fire", context.firing)]


def _in_gate(client: PackCloudClient) -> Iterator[str]:
    pipeline = client._pipeline
    gate, limiter = pipeline.gate, pipeline.gate.limiter
    if gate._used:
        yield f"{gate._used} slots of the gate"
    if not gate.door.is_empty or not gate.door.is_open:
        yield f"somebody in line, or a closed door: {gate.door}"
    if limiter._leaving:
        yield f"{len(limiter._leaving)} that were let go and never left"
    if limiter._begun != limiter._answered:
        yield f"{limiter._begun} requests begun and {limiter._answered} answered"
    if limiter._timer is not None:
        yield "a timer of the limiter, for nobody"
    if pipeline._under_way:
        yield f"{len(pipeline._under_way)} calls that can be ended by closing"
    if len(pipeline._totals):
        yield f"{len(pipeline._totals)} requests whose time runs"


def _in_credentials(client: PackCloudClient) -> Iterator[str]:
    if client._pipeline._credentials._renewing.locked():
        yield "the renewal of the credential"


def _in_watches(client: PackCloudClient) -> Iterator[str]:
    for organization_id, watch in client._watches.items():
        if len(watch.jobs) or watch._queue.next_due() is not None:
            yield f"{len(watch.jobs)} watched integrations of {organization_id}"
        if watch._reads:
            yield f"the task of the watch of {organization_id}"
        if watch.flights._sending:
            yield f"flights of {organization_id}: {list(watch.flights._sending)}"


def _in_session(client: PackCloudClient) -> Iterator[str]:
    silences = getattr(client._pipeline.transport, "_silences", ())
    if len(silences):
        yield f"{len(silences)} answers that are expected"
    session = getattr(client._pipeline.transport, "_own", None)
    if session is not None and session.connector is not None and session.connector._acquired:
        yield f"{len(session.connector._acquired)} connections"


def _in_slots(name: str, slots: FairSlots) -> Iterator[str]:
    if slots.busy or slots.below or slots._turns or slots._given:
        yield f"{name} of the run: {slots.busy} busy, {slots.below} below, somebody waits: {bool(slots._turns)}"
