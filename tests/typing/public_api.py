"""How the public names are typed. Never run: mypy and basedpyright check it."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import assert_type

from packcloud_async import (
    UNSET,
    AsyncSyncJob,
    Auth,
    BearerToken,
    BudgetState,
    HeaderAuth,
    Integration,
    IntegrationAction,
    IntegrationCategory,
    IntegrationSettings,
    JsonValue,
    KindOutcome,
    Limiter,
    Outcome,
    PackCloudClient,
    PackCloudError,
    Page,
    PollPolicy,
    RateLimit,
    Response,
    Routes,
    ShippingService,
    SyncAccepted,
    SyncEvent,
    SyncKind,
    SyncReport,
    SyncResult,
    SyncTarget,
    Transport,
)
from packcloud_async.emulator import Emulator


class RotatingAuth:
    async def headers(self, *, refused: bool) -> Mapping[str, str]:
        return {"X-Key": "new" if refused else "old"}


async def the_budget(client: PackCloudClient, limiter: Limiter) -> None:
    assert_type(client.budget, BudgetState)
    assert_type(client.budget.rate, float | None)
    assert_type(limiter.rate_limit, RateLimit)
    for limit in (None, RateLimit(50), RateLimit(600, per=60, burst=2, adaptive=True), limiter):
        PackCloudClient(token="...", rate_limit=limit)


async def the_calls(client: PackCloudClient) -> None:
    integrations = client.organization("org_1").integrations
    async for integration in integrations.list():
        assert_type(integration, Integration)
        assert_type(integration.category, IntegrationCategory | str)
        assert_type(integration.order_sync_updated_at, str | None)
        assert_type(integration.order_sync_time, datetime | None)
        assert_type(integration.watermarks, Mapping[SyncKind, str | None])
        assert_type(integration.extra, Mapping[str, JsonValue])
    async for page in integrations.list(max_pages=3).pages():
        assert_type(page, Page[Integration])
        assert_type(page.items, tuple[Integration, ...])
    assert_type(await integrations.get("int_1"), Integration)
    assert_type(await integrations.create(name="n", connector_id="c", settings={"a": [1, "b", None]}), Integration)
    assert_type(await integrations.update("int_1", name=UNSET, settings=None, other={"x": 1}), Integration)
    assert_type(await integrations.delete("int_1"), None)
    assert_type(await integrations.actions("int_1"), tuple[IntegrationAction, ...])
    assert_type(await integrations.execute_action("int_1", "go", {"a": 1}), JsonValue)
    assert_type(await integrations.settings("int_1"), IntegrationSettings)
    assert_type(await integrations.sync_stocks("int_1"), SyncAccepted)
    async for service in client.organization("org_1").shipping_services.list(enabled=True, type="return"):
        assert_type(service, ShippingService)
    answer = await client.request("GET", "/v1/x", query={"a": "b"}, json={"c": None})
    assert_type(answer, Response)
    assert_type(answer.json(), JsonValue)


async def the_syncs(client: PackCloudClient) -> None:
    result = await client.organization("org_1").sync("int_1", SyncKind.ORDERS, "products", poll=PollPolicy(settle=3))
    assert_type(result, SyncResult)
    assert_type(result[SyncKind.ORDERS], KindOutcome)
    assert_type(result[SyncKind.ORDERS].state, Outcome)
    assert_type(result.raise_for_outcome(), SyncResult)
    assert_type(result.error, PackCloudError | None)

    job = AsyncSyncJob(client, "org_1", "int_1", kinds={SyncKind.ORDERS})
    assert_type(await job, SyncResult)
    assert_type(job.token, str)
    assert_type(AsyncSyncJob.resume(client, job.token), AsyncSyncJob)
    assert_type(job.events(), AsyncIterator[SyncEvent])

    async with client.sync_many(["org_1", SyncTarget("org_2", ["int_1"])], kinds=set(SyncKind)) as run:
        async for one in run:
            assert_type(one, SyncResult)
        assert_type(run.report, SyncReport)


def the_ways_to_connect(emulator: Emulator) -> list[PackCloudClient]:
    auths: list[Auth] = [BearerToken("t"), HeaderAuth("X-Key", "v"), RotatingAuth()]
    transport: Transport = emulator.transport()
    return [
        PackCloudClient(token="t", transport=transport),
        *(PackCloudClient(auth=auth, routes=Routes()) for auth in auths),
        PackCloudClient.from_env(),
    ]
