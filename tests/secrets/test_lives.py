"""Whole lives with canaries: jobs of every outcome, their tokens, runs, ledgers, and what every public object prints.

Hooks, spans and metrics have a file of their own.
"""

import asyncio
import inspect
import json
from enum import Enum

import attrs
import pytest

import packcloud_async
from packcloud_async import (
    AsyncSyncJob,
    Fired,
    Integration,
    LearnedPacing,
    Limiter,
    Listing,
    Outcome,
    PackCloudClient,
    PackCloudError,
    PollPolicy,
    RateLimit,
    Request,
    RetryPolicy,
    Routes,
    SqliteLedger,
    SyncError,
    SyncKind,
    SyncTarget,
    Timeouts,
    read_ledger,
)
from packcloud_async.emulator import Emulator, FaultPlan

from ..support.scripted_transport import says
from ..support.shop import STEADY, open_shop
from . import canaries
from .hostile import secrets_of

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
RETRY = RetryPolicy(attempts=2, first=0.1)


def echo(request, status):
    told = " , ".join(secrets_of(request))
    return says(status, {"message": f"no, {told}", "errors": {"token": [told]}}, x_request_id=told)


def failing(*endings, status=500, method="POST", first=10_000):
    """Step in for the first requests of a method to paths with these endings: they are refused with an echo."""
    left = [first]

    async def step_in(request, send):
        if request.method == method and request.url.partition("?")[0].endswith(endings) and left[0] > 0:
            left[0] -= 1
            return echo(request, status)
        return await send(request)

    return step_in


async def lost(request, send):
    """Carry a POST out and lose its answer; read nothing new."""
    if request.method == "POST":
        raise packcloud_async.TransportError("dropped", maybe_sent=True)
    return await send(request)


def after_the_post(status, ending=""):
    """Step in for every read of a path with this ending after the first POST: it is refused with an echo."""
    posted = []

    async def step_in(request, send):
        if request.method == "POST":
            posted.append(request)
        is_read = request.method == "GET" and request.url.endswith(ending)
        return echo(request, status) if posted and is_read else await send(request)

    return step_in


def shop(step_in=None, **options):
    client = {"retry": RETRY, "probes": None, **options.pop("client", {})}
    return open_shop(step_in=step_in, token=canaries.TOKEN, client=client, **options)


OUTCOMES = {
    Outcome.ADVANCED: (lambda: None, [(5.0, None)]),
    Outcome.QUIET: (lambda: None, []),
    Outcome.REJECTED: (lambda: failing("/sync", status=422), []),
    Outcome.AMBIGUOUS: (lambda: lost, []),
    Outcome.GONE: (lambda: after_the_post(404, "/int_1"), []),
    Outcome.UNREAD: (lambda: after_the_post(500), []),
}


@pytest.mark.parametrize("state", OUTCOMES)
async def test_a_job_of_every_outcome(search, everything_is_slow, state):
    step_in, moves = OUTCOMES[state]
    async with shop(step_in()) as opened:
        opened.emulator.plan_sync("org_1", "int_1", ORDERS, moves=moves, takes=None if moves else 1)
        job = opened.org.sync_job("int_1", ORDERS, poll=STEADY)
        search.value("job", job)
        async for event in job.events():
            search.value("event", event)
            search.text("token", job.token)
            if state is Outcome.GONE and isinstance(event, Fired):
                opened.emulator.delete("org_1", "int_1")
        result = await job
        assert result[ORDERS].state is state
        search.value("result", result)
        search.text("json of the token", json.dumps(json.loads(job.token)))
        try:
            result.raise_for_outcome()
        except SyncError as error:
            search.error("outcome", error)
        search.value("client", opened.client)


async def test_a_job_that_is_resumed_elsewhere(search):
    async with shop() as opened:
        job = opened.org.sync_job("int_1", *SyncKind, poll=STEADY)
        await job.fire()
        search.text("token", job.token)
        await job.detach()
        again = AsyncSyncJob.resume(opened.client, job.token)
        search.value("result", await again)
        search.text("token", again.token)
        for bad in ("{}", job.token[:-1], job.token.replace('"version"', '"v"')):
            with pytest.raises(PackCloudError) as caught:
                AsyncSyncJob.resume(opened.client, bad)
            search.error("resume", caught.value)


async def test_a_run_with_its_ledger_and_its_resumption(search, everything_is_slow, tmp_path):
    path = tmp_path / "run.sqlite"
    ids = ["org_1", "org_2", "org_9"]
    async with shop(failing("/orders/sync", status=422, first=2), organizations=2, integrations=2) as opened:
        for number in (1, 2):
            await opened.org.integrations.update(f"int_{number}", settings=canaries.settings())
        opened.emulator.set_faults(
            [
                FaultPlan(routes={"sync_products"}, script=[500, "drop_after", 401]),
                FaultPlan(routes={"integration"}, script=["bad_json", "truncate", 500, 429]),
            ]
        )
        run = opened.client.sync_many(ids, kinds=SyncKind, poll=STEADY, ledger=SqliteLedger(path))
        search.value("run", run)
        async with run:
            seen = 0
            async for result in run:
                search.value("result", result)
                search.files("ledger while it is held", tmp_path)
                seen += 1
                if seen == 2:
                    break
        search.value("report", run.report)
        search.files("ledger", tmp_path)
    async with (
        shop(organizations=2, integrations=2) as opened,
        opened.client.resume_many(SqliteLedger(path)) as run,
    ):
        async for result in run:
            search.value("resumed", result)
    search.value("report", run.report)
    search.files("ledger", tmp_path)
    with read_ledger(path) as contents:
        search.value("contents", contents)
        for target in contents.targets():
            search.value("target", target)
            for job in target.jobs:
                search.value("kinds", job.kinds)
    ledger = SqliteLedger(path)
    search.value("ledger", ledger)
    with pytest.raises(PackCloudError) as caught:
        await run_again(path)
    search.error("ledger", caught.value)


async def run_again(path):
    async with shop() as opened, opened.client.sync_many(["org_1"], kinds=[ORDERS], ledger=SqliteLedger(path)):
        pass


async def test_a_run_whose_every_request_is_refused(search):
    async def refuse(request, send):
        return echo(request, 401)

    async with shop(refuse) as opened, opened.client.sync_many(["org_1"], kinds=SyncKind, poll=STEADY) as run:
        async for result in run:
            assert result.error is not None
            search.value("result", result)
    search.value("report", run.report)


async def test_a_client_that_is_closed_under_its_jobs(search):
    async with shop() as opened:
        task = asyncio.create_task(opened.org.sync("int_1", ORDERS, poll=STEADY))
        await asyncio.sleep(0.5)
        await opened.client.aclose()
        with pytest.raises(PackCloudError) as caught:
            await task
        search.error("closed", caught.value)


async def test_the_values_that_the_calls_give(search):
    async with shop(organizations=1, integrations=2) as opened:
        org = opened.org
        created = await org.integrations.create(name="Shop", connector_id="x", settings=canaries.settings())
        updated = await org.integrations.update("int_1", settings=canaries.settings())
        settings = await org.integrations.settings(created.id)
        assert settings["password"] == canaries.SETTING
        for value in (created, updated, settings, await org.integrations.actions("int_1")):
            search.value("value", value)
        accepted = await org.integrations.sync_orders("int_1")
        search.value("accepted", accepted)
        search.value("page", await anext(org.integrations.list().pages()))
        response = await opened.client.request("GET", f"/v1/organizations/org_1/integrations/{created.id}/settings")
        assert canaries.found_in(response.body)
        search.value("response", response)
        search.value("budget", opened.client.budget)
        search.value("services", [service async for service in org.shipping_services.list()])


SHAPE = {
    "id": "int_1",
    "name": "Shop",
    "category": "shop",
    "order_sync_enabled": True,
    "product_sync_enabled": True,
    "stock_sync_enabled": True,
    "created_at": "2025-01-01T00:00:00Z",
    "updated_at": "2025-01-01T00:00:00Z",
}


def test_what_the_server_adds_to_a_model_is_never_printed(search):
    extra = {"settings": canaries.settings(), "token": canaries.TOKEN}
    search.value("integration", Integration(**SHAPE, extra=extra))
    search.value("page", packcloud_async.Page(items=(), next=f"/v1?{canaries.TOKEN}", prev=canaries.TOKEN))
    search.value("accepted", packcloud_async.SyncAccepted(ORDERS, 202, extra))
    search.value("action", packcloud_async.IntegrationAction(fields=(extra,), extra=extra))


# Those that hold neither a credential nor anything of a request or an answer, and those that are only a shape.
HOLD_NOTHING = {
    *("PollPolicy", "RateLimit", "RetryPolicy", "Timeouts", "Routes", "SyncTarget", "ShippingServicesProbe"),
    *("Limiter", "LearnedPacing", "BudgetState", "Holder", "LedgerCounts", "RunRecord", "TargetRecord", "NewJob"),
    *("UnfinishedJob", "UnfinishedTarget", "LedgerKind"),
    *("Auth", "Transport", "Probe", "Caller", "Ledger", "JsonValue", "SyncEvent"),
}


def public_classes():
    names = (name for name in packcloud_async.__all__ if inspect.isclass(getattr(packcloud_async, name)))
    classes = {name: getattr(packcloud_async, name) for name in names}
    return {name: cls for name, cls in classes.items() if not issubclass(cls, Enum | BaseException)}


async def test_every_public_object_is_printed(search):
    """Each class that this package exports is built with canaries where it takes any, and printed."""
    async with shop() as opened:
        client = opened.client
        job = opened.org.sync_job("int_1", ORDERS, poll=STEADY)
        objects = [
            client,
            opened.org,
            opened.org.integrations,
            opened.org.shipping_services,
            opened.org.integrations.list(),
            job,
            client.sync_many(["org_1"], kinds=[ORDERS]),
            packcloud_async.BearerToken(canaries.TOKEN),
            packcloud_async.HeaderAuth("X-Api-Key", canaries.HEADER),
            Request("POST", f"https://x/?{canaries.TOKEN}", {"Authorization": canaries.TOKEN}, canaries.TOKEN.encode()),
            packcloud_async.Response(200, {"x": canaries.TOKEN}, canaries.TOKEN.encode()),
            packcloud_async.IntegrationSettings(canaries.settings()),
            Emulator(token=canaries.TOKEN),
        ]
        await job
        objects += [event async for event in AsyncSyncJob(client, "org_1", "int_2", kinds=SyncKind).events()]
        for value in objects:
            search.value("object", value)
        search.value("vars", {name: repr(value) for name, value in vars(client).items()})
    built = {type(value).__name__ for value in objects}
    elsewhere = {"Integration", "IntegrationAction", "Page", "ShippingService", "SyncAccepted", "RetryDetails"}
    elsewhere |= {"KindOutcome", "SyncResult", "Sighting", "Step", "SyncReport", "Retrying"}
    elsewhere |= {"SqliteLedger", "LedgerContents", "LedgerTarget", "LedgerJob"}
    assert set(public_classes()) - built - elsewhere - HOLD_NOTHING == set()


def test_no_field_of_a_public_class_is_shown_by_rich_alone():
    """rich prints the fields of an attrs class, whatever its repr says: what a repr hides must be hidden there too."""
    hidden = {"_token", "_value", "values_by_name", "headers", "body", "extra", "next", "prev", "url"}
    for cls in [*public_classes().values(), packcloud_async.BearerToken]:
        for field in attrs.fields(cls) if attrs.has(cls) else ():
            assert field.name not in hidden or field.repr is not True, f"{cls.__name__}.{field.name}"


def test_policies_hold_nothing(search):
    for value in (
        PollPolicy(), RetryPolicy(), Timeouts(), Routes(), RateLimit(5), Limiter(RateLimit(5)), LearnedPacing(),
        SyncTarget("org_1"), Listing, PackCloudClient,
    ):  # fmt: skip
        search.value("policy", value)
