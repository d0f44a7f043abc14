"""How a fleet is typed. Never run: mypy and basedpyright check it."""

import signal
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import assert_type

from procrastinate import App

from packcloud_async import (
    Ledger,
    OnConflict,
    PackCloudClient,
    PollPolicy,
    RateLimit,
    RunRecord,
    SyncKind,
    SyncReport,
    SyncResult,
    SyncTarget,
)
from packcloud_async.fleet import Fleet, FleetHealth, PostgresLedger, Run


async def submit(dsn: str) -> None:
    async with Fleet(dsn, connect_within=5) as fleet:
        assert_type(fleet, Fleet)
        assert_type(await fleet.init(), None)
        run_id = await fleet.submit(
            ["org_1", SyncTarget("org_2")],
            kinds={SyncKind.ORDERS, "stocks"},
            poll=PollPolicy(deadline=60),
            on_conflict=OnConflict.REJECT,
            run_id="nightly",
        )
        assert_type(run_id, str)
        assert_type(fleet.results(run_id), AsyncIterator[SyncResult])
        async for result in fleet.results(run_id):
            assert_type(result, SyncResult)
        assert_type(await fleet.report(run_id), SyncReport)
        assert_type(await fleet.cancel(run_id), None)
        assert_type(await fleet.check(), None)
        health = await fleet.health(silent_for=60)
        assert_type(health, FleetHealth)
        assert_type((health.workers, health.runs), tuple[int, int])
        assert_type((health.organizations_waiting, health.integrations_in_flight), tuple[int, int])
        assert_type(health.paused_for, float)
        assert_type(await fleet.forget(run_id), None)
        for run in assert_type(await fleet.runs(), Sequence[Run]):
            assert_type(run.record, RunRecord)
            assert_type(run.cancelled, datetime | None)


async def work(app: App) -> None:
    async with Fleet(app, PackCloudClient.from_env, rate_limit=RateLimit(50)) as fleet:
        await fleet.run_worker(concurrency=10, max_in_flight=20, silent_for=10, stop_on=[signal.SIGTERM])


async def recorded(dsn: str, client: PackCloudClient) -> None:
    ledger = PostgresLedger(dsn, "nightly")
    any_of_them: Ledger = ledger
    assert_type(ledger.run_id, str)
    async with client.sync_many(["org_1"], kinds={SyncKind.ORDERS}, ledger=any_of_them) as run:
        async for result in run:
            assert_type(result, SyncResult)
