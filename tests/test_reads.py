"""Reads and walks of one organization, told apart from the watch that begins them."""

import asyncio

import pytest
from attrs import define, field

from packcloud_async import PollPolicy, Routes, SyncKind, TransportError
from packcloud_async._sansio.glimpse import GeneralGlimpse
from packcloud_async._sansio.kind_state import KindState, Phase
from packcloud_async._sansio.learned_pacing import LearnedPacing
from packcloud_async._sansio.list_knowledge import ListKnowledge
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async.reads import Reads
from packcloud_async.watched import Watched, WatchedJobs

from .support.shop import STEADY, open_shop

ORDERS = SyncKind.ORDERS
T0 = "2026-01-01T00:00:00Z"


@define(eq=False)
class Asked:
    """A caller whose calls wait for their turn until ``let_go`` is set, leave then, and are answered a second later."""

    answer: object = None
    calls: int = 0
    once: list = field(factory=list)
    let_go: asyncio.Event = field(factory=asyncio.Event)
    routes = Routes()
    base_url = "https://api.pack.cloud"

    async def call(self, call, *, observer=None, once=False):
        self.calls += 1
        self.once.append(once)
        await self.let_go.wait()
        await observer.leaving()
        await asyncio.sleep(1)
        if self.answer is None:
            raise TransportError("lost", maybe_sent=True)
        return self.answer


@define(eq=False)
class Watching:
    """A watcher of jobs."""

    caller: Asked
    sees_all = False


@define
class Told:
    """Takes down who is told what: the integration shown, and when it was asked for."""

    shown: list = field(factory=list)
    failed: list = field(factory=list)

    def tell(self, same, marks, *, asked_at, integration=None, shared=False):
        self.shown += [(watched.integration_id, integration.id, asked_at) for watched in same]

    def tell_unmoved(self, found, *, asked_at):
        self.shown += [(watched.integration_id, integration.id, asked_at) for watched, integration in found]
        return []

    def tell_error(self, watched, failure, error, *, asked_at):
        self.failed.append((watched.integration_id, asked_at))


def job(caller, name="int_1", *, decides=False):
    progress = SyncProgress(PollPolicy(), 0.0, {ORDERS: KindState(phase=Phase.ACCEPTED, baseline=T0)})
    progress.watch(0.0)
    return Watched(name, progress, Watching(caller), (ORDERS,), None, 0, 1.0, decides)


@define
class Scene:
    """The reads of an organization whose list is one page long."""

    told: Told
    reads: Reads

    @classmethod
    def of(cls, *watched, pages=1):
        jobs, told = WatchedJobs(), Told()
        for one in watched:
            jobs.add(one)
        return cls(told, Reads("org_1", ListKnowledge(pages), jobs, told, with_trade=False))


async def walking(scene, due):
    """Begin a walk that waits for its turn."""
    reading = asyncio.create_task(scene.reads.read(due, {}))
    await asyncio.sleep(0)
    return reading


@pytest.fixture
async def caller():
    return Asked()


async def test_a_walk_that_waits_takes_along_what_does_not_decide(caller):
    due, later = [job(caller, "int_1"), job(caller, "int_2")], job(caller, "int_3")
    scene = Scene.of(*due, later)
    reading = await walking(scene, due)
    assert scene.reads.walks.take_along([later])
    assert due[-1] is later
    caller.let_go.set()
    await asyncio.gather(reading, return_exceptions=True)
    assert [name for name, _ in scene.told.failed] == ["int_1", "int_2", "int_3"]


@pytest.mark.parametrize("why", ["it ends a window", "somebody else asks", "it has left"])
async def test_a_walk_takes_nobody_along_who_has_to_be_read_otherwise(caller, why):
    due = [job(caller, "int_1"), job(caller, "int_2")]
    later = job(Asked() if why == "somebody else asks" else caller, "int_3", decides=why == "it ends a window")
    scene = Scene.of(*due, later)
    reading = await walking(scene, due)
    if why == "it has left":
        caller.let_go.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    # A walk for what ends no window is not repeated when it fails: one that does must not depend on it.
    assert caller.once == [True]
    assert not scene.reads.walks.take_along([later])
    assert later not in due
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_a_single_read_speaks_for_the_moment_it_left(caller):
    caller.answer = GeneralGlimpse(id="int_1", order_sync_updated_at=T0)
    watched = job(caller)
    scene = Scene.of(watched, pages=None)
    reading = await walking(scene, [watched])
    await asyncio.sleep(5)
    caller.let_go.set()
    await reading
    assert scene.told.shown == [("int_1", "int_1", pytest.approx(5.0))]


@pytest.mark.parametrize(
    ("decides", "asked_at"), [pytest.param(True, 5.0, id="a last look"), pytest.param(False, 0.0, id="any other")]
)
async def test_a_single_read_that_failed_is_as_old_as_what_it_decides_allows(caller, decides, asked_at):
    watched = job(caller, decides=decides)
    scene = Scene.of(watched, pages=None)
    reading = await walking(scene, [watched])
    await asyncio.sleep(5)
    caller.let_go.set()
    await reading
    assert scene.told.failed == [("int_1", pytest.approx(asked_at))]


async def test_who_asked_is_told_whatever_the_answer_calls_the_integration(caller):
    caller.answer = GeneralGlimpse(id="int_2", order_sync_updated_at=T0)
    caller.let_go.set()
    asked, other = job(caller, "int_1"), job(caller, "int_2")
    scene = Scene.of(asked, other, pages=None)
    await scene.reads.read([asked], {})
    assert sorted(name for name, *_ in scene.told.shown) == ["int_1", "int_2"]


@pytest.mark.parametrize("sees_all", [False, True], ids=["of a run", "alone"])
async def test_learning_begins_where_a_look_showed_nothing_yet(monkeypatch, sees_all):
    learned = []
    monkeypatch.setattr(LearnedPacing, "learn", lambda _, *, not_yet, seen, **names: learned.append((not_yet, seen)))
    async with open_shop(integrations=1, client={"pacing": LearnedPacing()}) as shop:
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5.0, None)])
        if sees_all:
            await shop.org.sync("int_1", ORDERS, poll=STEADY)
        else:
            async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
                assert len([result async for result in run]) == 1
    # Reads come at the ages 1, 2, 3, 4.5 and 6.75.
    assert learned == [(pytest.approx(4.5), pytest.approx(6.75))]
