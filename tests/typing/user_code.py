"""What users compose of the public names, as they would write it. Never run: mypy and basedpyright check it.

Every public name is used in one of the files of this folder; ``tests/test_signatures.py`` sees to that.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import assert_never, assert_type

from packcloud_async import (
    UNCONFIRMED_ROUTES,
    Advanced,
    ApiError,
    AsyncSyncJob,
    BadRequest,
    BaselineRead,
    Caller,
    ClientStateError,
    ConfigurationError,
    Conflict,
    Damage,
    Direction,
    EndpointGone,
    Finished,
    Fired,
    Forbidden,
    ForeignError,
    Holder,
    Integration,
    Integrations,
    InvalidResponse,
    KindOutcome,
    LearnedPacing,
    Ledger,
    LedgerBusy,
    LedgerContents,
    LedgerCounts,
    LedgerError,
    LedgerJob,
    LedgerKind,
    Listing,
    NotFound,
    OnConflict,
    Organization,
    Outcome,
    PackCloudClient,
    PackCloudError,
    Phase,
    PollPolicy,
    Probe,
    RateLimit,
    RateLimited,
    ReadMade,
    Request,
    Response,
    RetryDetails,
    Retrying,
    RetryPolicy,
    Routes,
    ServerError,
    ServiceType,
    ShippingService,
    ShippingServices,
    ShippingServicesProbe,
    Sighting,
    SqliteLedger,
    Step,
    SyncError,
    SyncEvent,
    SyncKind,
    SyncResult,
    SyncRun,
    SyncTarget,
    TargetState,
    Timeouts,
    Transport,
    TransportError,
    Unauthorized,
    UnfinishedJob,
    UnfinishedTarget,
    Unset,
    ValidationFailed,
    read_path,
)

logger = logging.getLogger(__name__)


class StockProbe:
    """A probe of one's own."""

    async def read(self, caller: Caller, organization_id: str, integration_ids: Collection[str]) -> Mapping[str, str]:
        answer = await read_path(caller, f"/v1/organizations/{organization_id}/stocks", query={"sort": "-updated_at"})
        return dict.fromkeys(integration_ids, answer.headers.get("etag", ""))


class Recording:
    """A transport of one's own, around another."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.seen: list[tuple[Request, Response]] = []

    async def send(self, request: Request) -> Response:
        response = await self.inner.send(request)
        self.seen.append((request, response))
        if response.damage is Damage.TOO_LARGE:
            logger.warning("%s %s is large", request.method, request.url)
        return response

    async def aclose(self) -> None:
        await self.inner.aclose()


def log_retry(details: RetryDetails) -> None:
    logger.info("%s: attempt %d failed, again in %.1f s", details.operation, details.attempt, details.wait)
    assert_type(details.error, PackCloudError)


def make_client(transport: Transport) -> PackCloudClient:
    stocks: Probe = StockProbe()
    return PackCloudClient(
        token="...",
        timeouts=Timeouts(connect=5, read=None, total=60.5),
        retry=RetryPolicy(attempts=3, budget=None),
        rate_limit=RateLimit(600, per=60, adaptive=True),
        routes=Routes(settings="/v1/organizations/{organizationId}/integrations/{integrationId}/config"),
        pacing=LearnedPacing(worst=1.5),
        probes={SyncKind.STOCKS: stocks, SyncKind.SHIPPING_SERVICES: ShippingServicesProbe()},
        on_retry=log_retry,
        transport=Recording(transport),
    )


def unconfirmed(routes: Routes) -> dict[str, str]:
    return {name: getattr(routes, name) for name in sorted(UNCONFIRMED_ROUTES)}


class Repository:
    """What a service keeps of the calls."""

    def __init__(self, shop: Organization) -> None:
        self.integrations: Integrations = shop.integrations
        self.services: ShippingServices = shop.shipping_services

    def everything(self) -> Listing[Integration]:
        return self.integrations.list()

    async def returns(self) -> AsyncIterator[ShippingService]:
        async for service in self.services.list(type=ServiceType.RETURN):
            yield service

    async def rename(self, integration_id: str, name: str | Unset) -> Integration | None:
        try:
            return await self.integrations.update(integration_id, name=name)
        except NotFound:
            return None


def told(event: SyncEvent) -> str:
    """Every event is one of these."""
    match event:
        case BaselineRead(integration=integration):
            return integration.name
        case Fired(kind=kind, error=error, shared=shared):
            return f"{kind} {'joined' if shared else error or 'accepted'}"
        case Retrying(kind=kind, details=details):
            return f"{kind or 'read'} again in {details.wait:.1f} s"
        case ReadMade(sighting=sighting):
            return sighting_told(sighting)
        case Advanced(step=step):
            return step_told(step)
        case Finished(result=result):
            return f"{result.elapsed:.1f} s"
        case _:
            assert_never(event)


def sighting_told(sighting: Sighting) -> str:
    assert_type(sighting.watermarks, Mapping[SyncKind, str | None])
    return str(sighting.error) if sighting.error else f"read after {sighting.at:.1f} s"


def step_told(step: Step) -> str:
    assert_type(step.direction, Direction)
    return f"{step.before} -> {step.after} after {step.seen_at:.1f} s"


def advice(outcome: KindOutcome) -> str:
    """Every outcome is one of these."""
    match outcome.state:
        case Outcome.ADVANCED:
            return f"fine, {len(outcome.steps)} steps"
        case Outcome.QUIET | Outcome.UNOBSERVABLE:
            return "nothing to do"
        case Outcome.REJECTED | Outcome.GONE:
            return f"look at the integration: {outcome.error}"
        case Outcome.AMBIGUOUS | Outcome.UNREAD:
            return "ask again later"
        case _:
            assert_never(outcome.state)


def http_status(error: PackCloudError) -> int:
    """Every error, by what it means to one's own callers."""
    match error:
        case RateLimited(retry_after=seconds):
            assert_type(seconds, float | None)
            return 429
        case ValidationFailed():
            assert_type(error.field_errors, Mapping[str, tuple[str, ...]])
            return 422
        case NotFound() | EndpointGone():
            return 404
        case BadRequest() | Conflict():
            return error.status
        case Unauthorized() | Forbidden():
            return 500
        case ServerError() | InvalidResponse():
            return 502
        case ApiError():
            assert_type(error.request_id, str | None)
            return 502
        case TransportError(maybe_sent=maybe_sent):
            return 504 if maybe_sent else 503
        case LedgerBusy():
            assert_type(error.since, datetime | None)
            return 409
        case LedgerError() | ClientStateError() | SyncError() | ConfigurationError():
            return 500
        case _:
            return 500


def cause(error: TransportError) -> ForeignError | None:
    return error.__cause__ if isinstance(error.__cause__, ForeignError) else None


async def one(client: PackCloudClient, organization_id: str, integration_id: str) -> SyncResult:
    job = AsyncSyncJob(
        client,
        organization_id,
        integration_id,
        kinds=["orders", SyncKind.PRODUCTS],
        poll=PollPolicy(first=2, deadline=None),
        on_conflict=OnConflict.REJECT,
    )
    async for event in job.events():
        logger.info("%s", told(event))
    return await job


async def many(client: PackCloudClient, targets: Sequence[str | SyncTarget], ledger: Ledger) -> list[SyncResult]:
    async with client.sync_many(targets, kinds=["orders"], on_conflict="watch", ledger=ledger) as run:
        return await results(run)


async def results(run: SyncRun) -> list[SyncResult]:
    return [result async for result in run]


async def at_once(client: PackCloudClient, integration_ids: Sequence[str]) -> Mapping[str, KindOutcome]:
    shop = client.organization("org_1")
    async with asyncio.TaskGroup() as tasks:
        syncs = {one: tasks.create_task(shop.sync(one, SyncKind.ORDERS)) for one in integration_ids}
    return {one: task.result()[SyncKind.ORDERS] for one, task in syncs.items()}


def left(contents: LedgerContents) -> list[LedgerJob]:
    assert_type(contents.holder, Holder | None)
    assert_type(contents.counts, LedgerCounts)
    started = (target for target in contents.targets() if target.state is TargetState.LISTED)
    return [job for target in started for job in target.jobs if any(map(is_under_way, job.kinds.values()))]


def is_under_way(kind: LedgerKind) -> bool:
    match kind.state:
        case Phase.SENT | Phase.ACCEPTED | Phase.IN_DOUBT:
            return True
        case Phase.PLANNED:
            return False
        case Outcome():
            return False
        case _:
            assert_never(kind.state)


def tokens(targets: Sequence[UnfinishedTarget]) -> list[str]:
    jobs: list[UnfinishedJob] = [job for target in targets for job in target.jobs]
    return [job.token for job in jobs]


async def what_a_type_checker_refuses(client: PackCloudClient) -> None:
    # mypy is strict about ignores that are not needed, so that each of these is known to be refused.
    PackCloudClient(tokens="...")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - no such parameter
    RetryPolicy(3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - by keyword only
    client.organization(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - an id is a text
    client.sync_many("org_1", kind="orders")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - it is kinds
    SqliteLedger()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - it needs a path
