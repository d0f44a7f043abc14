"""Everything a user awaits, as scenarios to be cut off anywhere."""

import asyncio
import contextlib
from contextlib import aclosing
from datetime import UTC, datetime

import attrs

from packcloud_async import (
    AsyncSyncJob,
    ClientStateError,
    HeaderAuth,
    LedgerError,
    NewJob,
    OnConflict,
    PackCloudClient,
    PollPolicy,
    RateLimit,
    RunRecord,
    ShippingServicesProbe,
    SqliteLedger,
    SyncTarget,
    TargetRecord,
    read_ledger,
    read_path,
)
from packcloud_async.emulator import Emulator, FaultPlan

from ..support.run_books import hold_against_books
from .stage import ORDERS, PRODUCTS, SERVICES, STOCKS, Scenario, Stage

WATCHED = (ORDERS, PRODUCTS)
ORGANIZATIONS = ("org_1", "org_2")


# Calls


async def every_call(stage: Stage):
    integrations = stage.org.integrations
    await integrations.get("int_1")
    made = await integrations.create(name="new", connector_id="c", settings={"key": "value"})
    await integrations.update(made.id, name="newer")
    await integrations.settings(made.id)
    for action in (await integrations.actions("int_1"))[:1]:
        await integrations.execute_action("int_1", action.key)
    await integrations.sync_orders(made.id)
    await integrations.sync_products(made.id)
    await integrations.sync_stocks(made.id)
    await integrations.sync_shipping_services(made.id)
    await integrations.delete(made.id)
    await stage.client.request("GET", "/v1/organizations/org_1/integrations", query={"page": "1"})
    await read_path(stage.client, "/v1/organizations/org_1/integrations/int_1")


async def every_list(stage: Stage):
    assert [item.id async for item in stage.org.integrations.list()] == ["int_1", "int_2", "int_3"]
    assert len([page async for page in stage.org.integrations.list().pages()]) == 3
    assert [item async for item in stage.org.shipping_services.list()]


async def a_call(stage: Stage):
    await stage.org.integrations.get("int_2")


async def occupy(stage: Stage):
    for number in (1, 2):
        stage.beside(stage.org.integrations.get(f"int_{number}"))
    await asyncio.sleep(0)


class Renewed:
    """A credential that is refused once, and takes a while to be renewed."""

    def __init__(self):
        self.token = "old"

    async def headers(self, *, refused):
        await asyncio.sleep(0.01)
        if refused:
            self.token = "emulator-token"
        return {"Authorization": f"Bearer {self.token}"}


async def other_refused_call(stage: Stage):
    stage.beside(stage.org.integrations.get("int_1"))
    await asyncio.sleep(0)


# The client


async def client_in_a_block(stage: Stage):
    async with stage.connect() as client:
        await client.organization("org_1").integrations.get("int_1")


async def closing(stage: Stage):
    await stage.client.aclose()


async def watching_beside(stage: Stage):
    """A job that is being watched, and a call under way, when the client is closed."""

    async def meet(ended, *, may_be_answered=False):
        try:
            await ended
        except ClientStateError:
            return
        # It may have been cancelled before it began to close.
        assert may_be_answered or not stage.client._closed

    for kind in WATCHED:
        # Nothing moves, so that over sockets, where time does not wait, it is still watched when the client is closed.
        stage.emulator.plan_sync("org_1", "int_1", kind, moves=[])
    poll = attrs.evolve(stage.pace.poll, deadline=1_000) if stage.over_sockets else stage.pace.poll
    stage.job = AsyncSyncJob(stage.client, "org_1", "int_1", kinds=WATCHED, poll=poll)
    await stage.job.fire()
    stage.beside(meet(stage.job))
    stage.beside(meet(stage.org.integrations.get("int_2"), may_be_answered=stage.over_sockets))
    await asyncio.sleep(0)


async def is_closed(stage: Stage):
    await stage.client.aclose()
    job = AsyncSyncJob.resume(client := stage.connect(), stage.job.token, poll=stage.pace.poll)
    async with client:
        stage.judge(await job)


# One job


async def a_job(stage: Stage, *kinds):
    stage.job = AsyncSyncJob(stage.client, "org_1", "int_1", kinds=kinds or WATCHED, poll=stage.pace.poll)


async def awaiting_a_job(stage: Stage):
    await a_job(stage)
    await stage.job


async def a_job_in_steps(stage: Stage):
    await a_job(stage, ORDERS, STOCKS)
    await stage.job.fire()
    await stage.job.wait()


async def a_job_with_a_probe(stage: Stage):
    await a_job(stage, ORDERS, SERVICES)
    await stage.job


async def reading_events(stage: Stage):
    await a_job(stage)
    assert [event async for event in stage.job.events()]


async def organization_sync(stage: Stage):
    await stage.org.sync("int_1", *WATCHED, poll=stage.pace.poll)


async def going_on(stage: Stage):
    """Await it again or resume it elsewhere: each kind has one POST in all, and an outcome that is true."""
    if stage.job is None:
        return
    if stage.turn % 3 == 0:
        stage.judge(await stage.job)
    elif stage.turn % 3 == 1:
        stage.judge(await AsyncSyncJob.resume(stage.client, stage.job.token))
    else:
        # As another process would.
        async with stage.connect(**_probes(stage)) as client:
            stage.judge(await AsyncSyncJob.resume(client, stage.job.token))


def _probes(stage):
    return {"probes": stage.client.probes}


async def fired(stage: Stage):
    await a_job(stage)
    await stage.job.fire()


async def resuming(stage: Stage):
    stage.job = AsyncSyncJob.resume(stage.client, stage.job.token)
    await stage.job


async def detaching(stage: Stage):
    await stage.job.detach()


async def awaiting_a_job_beside_another(stage: Stage):
    await awaiting_a_job(stage)
    assert len(stage.emulator.books.of("org_1", "int_1", ORDERS)) == 1


async def other_job(stage: Stage):
    """Another job for the same integration and one of the kinds, which is a little ahead or behind."""
    stage.jobs = 2
    other = AsyncSyncJob(stage.client, "org_1", "int_1", kinds={ORDERS}, poll=stage.pace.poll)

    async def judged():
        stage.judge(await other)

    stage.beside(judged())
    for _ in range(stage.turn % 2):
        await asyncio.sleep(0)


async def being_watched(stage: Stage):
    """A job of another integration is watched meanwhile, by the same watch."""
    other = AsyncSyncJob(stage.client, "org_1", "int_2", kinds=WATCHED, poll=stage.pace.poll)

    async def judged():
        stage.judge(await other)

    await other.fire()
    stage.beside(judged())
    await asyncio.sleep(0)


# Bulk runs


def sync_many(stage: Stage, targets=ORGANIZATIONS, **options):
    options = {"kinds": WATCHED, "poll": stage.pace.poll, **options}
    stage.run = stage.client.sync_many(targets, **options)
    return stage.run


async def syncing_many(stage: Stage):
    async with sync_many(stage) as run:
        assert len([result async for result in run]) == 6
    assert run.report.finished


async def nobody_twice(stage: Stage):
    assert stage.emulator.counters.duplicate_posts == 0


async def leaving_a_run(stage: Stage):
    async with sync_many(stage, [SyncTarget("org_1", ["int_1", "int_2"]), "org_2"], max_in_flight=2) as run:
        async for _ in run:
            break


async def leaving_a_crowd(stage: Stage):
    async with sync_many(stage, kinds={ORDERS}, max_in_flight=1) as run:
        async for _ in run:
            break


async def syncing_with_a_ledger(stage: Stage):
    async with sync_many(stage, ledger=stage.ledger()) as run:
        async for _ in run:
            pass


async def targets_as_they_come():
    for organization_id in ORGANIZATIONS:
        await asyncio.sleep(0.01)
        yield organization_id


async def syncing_what_comes_with_a_ledger(stage: Stage):
    async with sync_many(stage, targets_as_they_come(), ledger=stage.ledger(), max_in_flight=2) as run:
        async for _ in run:
            pass


async def stopping_a_run(stage: Stage):
    async with sync_many(stage, ledger=stage.ledger(), max_in_flight=2) as run:
        await anext(run)
        await run.stop()


async def half_a_run(stage: Stage):
    async with sync_many(stage, ledger=stage.ledger()) as run:
        async for _ in run:
            break


async def resuming_a_run(stage: Stage):
    stage.run = stage.client.resume_many(stage.ledger())
    async with stage.run as run:
        async for _ in run:
            pass


async def run_is_right(stage: Stage):
    """Whoever goes on with the ledger finds it free, and ends the run as if nothing had been."""
    state = None
    if stage.path.exists():
        with read_ledger(stage.path) as contents:
            assert not contents.is_held
            state = contents.run
    async with stage.connect() as client:
        if state is None:
            run = client.sync_many(ORGANIZATIONS, kinds=WATCHED, poll=stage.pace.poll, ledger=stage.ledger())
        elif state.finished is None:
            run = client.resume_many(stage.ledger())
        if state is None or state.finished is None:
            async with run:
                async for _ in run:
                    pass
    if len(_recorded(stage)) == len(ORGANIZATIONS):
        verdict = hold_against_books(
            stage.path, stage.emulator, ORGANIZATIONS, kinds=WATCHED, window=stage.pace.longest_move
        )
        assert verdict.is_clean, verdict
        if not stage.over_sockets:
            # What was recorded as sent was sent: in memory nothing comes between.
            assert len(stage.emulator.books.runs) == verdict.kinds
    assert stage.emulator.counters.duplicate_posts == 0


def _recorded(stage):
    with read_ledger(stage.path) as contents:
        return [target.target.organization_id for target in contents.targets()]


# Ledgers and probes


async def a_ledger(stage: Stage):
    ledger = stage.ledger()
    async with aclosing(ledger):
        recorded = await ledger.open()
        if recorded is None:
            ledger.begin(RunRecord((ORDERS,), PollPolicy(), OnConflict.WATCH, datetime.now(UTC)))
        for number in ledger.add_targets([TargetRecord("org_1"), TargetRecord("org_2")]):
            (job,) = ledger.add_jobs(number, [NewJob("int_1", "first")])
            await ledger.flush()
            ledger.record(job, "second")
        stage.beside(_flushed(ledger))
        await ledger.unfinished(limit=5)
        ledger.record(job, "last")


async def _flushed(ledger):
    with contextlib.suppress(LedgerError):
        await ledger.flush()


async def ledger_is_free(stage: Stage):
    async with aclosing(SqliteLedger(stage.path)) as ledger:
        run = await ledger.open()
        left = await ledger.unfinished()
    # What was told is written, all of it up to some point.
    assert [target.number for target in left] == ([] if run is None else list(range(1, len(left) + 1)))
    told = [job.token for target in left for job in target.jobs]
    assert told in ([], ["first"], ["second", "first"], ["second", "second"], ["second", "last"]), told


async def probing(stage: Stage):
    probe = ShippingServicesProbe()
    for ids in (["int_1"], ["int_1", "int_2", "int_3"], ["int_3", "int_1", "int_2"]):
        assert set(await probe.read(stage.client, "org_1", ids)) == set(ids)


# The emulator


async def serving(stage: Stage):
    emulator = Emulator(faults=FaultPlan(latency=0.001))
    async with emulator.serve() as served, PackCloudClient(token=emulator.token, base_url=served.base_url) as client:
        await client.organization("org_1").integrations.get("int_1")


async def closed_transport(stage: Stage):
    transport = Emulator().transport()
    await transport.aclose()


def _of(**options):
    return lambda: options


SHOP_OF_PAGES = _of(per_page=1)
SMALL = _of(integrations=2)
SCENARIOS = (
    Scenario("every call", every_call),
    Scenario(
        "every list",
        every_list,
        client=lambda: {"auth": HeaderAuth("Authorization", "Bearer emulator-token")},
        emulator=SHOP_OF_PAGES,
    ),
    Scenario("waiting for a slot", a_call, prepare=occupy, client=_of(max_connections=1)),
    Scenario(
        "waiting for the rate",
        a_call,
        prepare=occupy,
        client=lambda: {"rate_limit": RateLimit(100, per=1, burst=1)},
    ),
    Scenario(
        "waiting for a pause",
        a_call,
        prepare=occupy,
        emulator=_of(faults=FaultPlan(script=[None, 429], retry_after=1, latency=0.05)),
        # A second of real time for each await point.
        over_sockets=False,
    ),
    Scenario(
        "waiting for a retry",
        a_call,
        emulator=_of(faults=FaultPlan(script=["drop_after", 503, "truncate"], latency=0.001)),
    ),
    Scenario("renewing the credential", every_list, client=lambda: {"auth": Renewed()}, emulator=SHOP_OF_PAGES),
    Scenario("waiting for another's renewal", a_call, prepare=other_refused_call, client=lambda: {"auth": Renewed()}),
    Scenario("a client in a block", client_in_a_block),
    Scenario("closing", closing, prepare=watching_beside, settle=is_closed),
    Scenario("awaiting a job", awaiting_a_job, settle=going_on),
    Scenario("a job in steps", a_job_in_steps, settle=going_on),
    Scenario(
        "a job with a probe",
        a_job_with_a_probe,
        settle=going_on,
        client=lambda: {"probes": {SERVICES: ShippingServicesProbe()}},
    ),
    Scenario("the events of a job", reading_events, settle=going_on),
    Scenario(
        "a job with faults",
        awaiting_a_job,
        settle=going_on,
        # None of which leaves it open whether a POST was carried out.
        emulator=_of(faults=FaultPlan(script=[None, 429, "truncate", "drop_after"], retry_after=0, latency=0.001)),
    ),
    Scenario("a sync of an organization", organization_sync, settle=nobody_twice),
    Scenario("resuming a job", resuming, prepare=fired, settle=going_on),
    Scenario("detaching a job", detaching, prepare=fired, settle=going_on),
    Scenario("sharing a POST", awaiting_a_job_beside_another, prepare=other_job, settle=going_on),
    Scenario("sharing a watch", awaiting_a_job, prepare=being_watched, settle=going_on),
    Scenario("sync_many", syncing_many, settle=nobody_twice),
    Scenario("leaving sync_many", leaving_a_run, settle=nobody_twice),
    Scenario("leaving a crowd", leaving_a_crowd, settle=nobody_twice, emulator=_of(integrations=40), every=40),
    Scenario("sync_many with a ledger", syncing_with_a_ledger, settle=run_is_right, emulator=SMALL, every=5),
    Scenario(
        "sync_many of what comes, with a ledger",
        syncing_what_comes_with_a_ledger,
        settle=run_is_right,
        emulator=SMALL,
        every=5,
    ),
    Scenario("stopping sync_many", stopping_a_run, settle=run_is_right, emulator=SMALL, every=5),
    Scenario("resume_many", resuming_a_run, prepare=half_a_run, settle=run_is_right, emulator=SMALL, every=5),
    Scenario("a ledger", a_ledger, settle=ledger_is_free),
    Scenario("a probe", probing, emulator=SHOP_OF_PAGES),
    Scenario("a served emulator", serving, in_memory=False),
    Scenario("closing a transport", closed_transport, over_sockets=False),
)
