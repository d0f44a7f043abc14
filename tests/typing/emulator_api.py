"""How the emulator is typed. Never run: mypy and basedpyright check it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import assert_type

from packcloud_async import PackCloudClient, Request, SyncKind
from packcloud_async.emulator import (
    EPOCH,
    PATHS,
    SYNC_ROUTES,
    AnswerLog,
    Books,
    Counters,
    Distribution,
    Emulator,
    Envelope,
    Fate,
    Fault,
    FaultPlan,
    InMemoryTransport,
    InvalidData,
    PostSeen,
    Reply,
    Served,
    Showing,
    State,
    SyncRun,
    SyncTimes,
    WatermarkFormat,
    World,
    plans_from,
)


def bad_day(*, by_name: bool) -> list[FaultPlan]:
    """Faults by their names, or by what is imported."""
    if by_name:
        return [
            FaultPlan(routes={"settings"}, script=["drop_after", 429, None], envelope="bare", watermark_format="plain")
        ]
    return [
        FaultPlan(routes=SYNC_ROUTES, methods=["POST"], script=[Fault.REFUSE], statuses={401: 0.1}),
        FaultPlan(envelope=Envelope.ROOT_PAGING, watermark_format=WatermarkFormat.FRACTION, retry_after=None),
    ]


def slow() -> Emulator:
    times = SyncTimes(median=30, distribution="uniform", finds_nothing=0.5)
    assert_type(times.distribution, Distribution)
    return Emulator(organizations=2, faults=bad_day(by_name=True), sync_times=times, paths=PATHS, keep_log=True)


def from_a_file(path: str) -> Emulator | str:
    """What was saved, or where it is wrong."""
    plans = plans_from(["sync_*:503:0.1", "*:latency:0.1-0.5"])
    assert_type(plans, tuple[FaultPlan, ...])
    try:
        emulator = Emulator.from_file(path, faults=plans)
    except InvalidData as error:
        assert_type(error.place, str)
        return f"{error.source}: {error.place}"
    emulator.save(path)
    return emulator


async def a_test_of_ones_own(emulator: Emulator) -> None:
    emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[(1.5, None), (3, "2026-03-01T10:00:00Z")])
    async with emulator.serve(max_connections=10) as served, PackCloudClient(token=emulator.token) as client:
        assert_type(served, Served)
        assert_type(served.base_url, str)
        await client.organization("org_1").sync("int_1", SyncKind.ORDERS)
    assert_type(emulator.transport(), InMemoryTransport)
    assert_type(emulator.world, World)
    assert_type(emulator.now, float)


def what_it_knows(emulator: Emulator) -> list[SyncRun]:
    books: Books = emulator.books
    counters: Counters = emulator.counters
    assert_type(counters.by_route, Counter[str])
    assert_type(EPOCH, datetime)
    runs: Sequence[SyncRun] = books.of("org_1", "int_1", SyncKind.ORDERS)
    return [run for run in runs if run.ends_at <= emulator.now]


def what_it_told(log: AnswerLog) -> list[PostSeen]:
    shown: list[Showing] = [showing for found in log.showings.values() for showing in found]
    return [] if not shown else [post for posts in log.posts.values() for post in posts if post.accepted]


def a_driver_of_ones_own(state: State, request: Request) -> Reply | None:
    reply = state.answer(request, 1.0)
    return reply if reply.fate is Fate.DELIVER else None
