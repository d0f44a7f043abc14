"""The kinds of calls that faults are put on: how each is made, what a good answer to it is, and how it is counted."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from packcloud_async import (
    Fired,
    Outcome,
    PackCloudClient,
    PackCloudError,
    PollPolicy,
    ReadMade,
    SyncKind,
)

ORGANIZATION = "/v1/organizations/org_1"
STRAY = "stray"
"""What an answer holds that nobody asked for."""
BEFORE, AFTER = "2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z"
WATCHED = PollPolicy(first=0.005, growth=1.01, ceiling=0.005, deadline=30, jitter=0, gone_after=20)
"""A window no test waits for the end of."""
ONE_LOOK = PollPolicy(deadline=0, jitter=0)
"""The first read of the window is the last one, which decides."""
SHORT = PollPolicy(first=0.005, growth=1.01, ceiling=0.005, deadline=0.01, jitter=0)


class CallClass(StrEnum):
    """What decides what a fault means: whether a call may be repeated, and whether its answer must hold a value."""

    READ = "reads"
    PUT = "PUT"
    DELETE = "DELETE"
    CREATE = "create"
    SYNC = "sync"
    JOB = "POST of a job"
    WATCH = "reads of a watch"
    LAST = "last read of a watch"


@frozen(kw_only=True)
class Ending:
    """What became of a call: the error it raised, or that its job was told of.

    ``requests`` left for it: for the POST of a job only the POSTs, for a read of a watch all until the job was done.
    ``outcome`` is that of a job's kind.
    """

    error: type[PackCloudError] | None = None
    maybe_sent: bool | None = None
    requests: int = 1
    outcome: Outcome | None = None


Heal = Callable[[], Awaitable[None]]
Run = Callable[[PackCloudClient, Heal], Awaitable[Ending]]


@frozen
class KindOfCall:
    """``lead_in`` requests are answered well before the one the fault is for; ``method`` is its."""

    name: str
    belongs_to: CallClass
    method: str
    run: Run = field(repr=False)
    lead_in: int = 0

    @property
    def is_once(self) -> bool:
        """Whether the fault is played once: the next read of a watch is another request."""
        return self.belongs_to is CallClass.WATCH


def integration(name: str = "Shop", *, mark: str = BEFORE) -> dict[str, Any]:
    return {
        "id": "int_1",
        "name": name,
        "category": "shop",
        "order_sync_enabled": True,
        "order_sync_updated_at": mark,
        "product_sync_enabled": True,
        "product_sync_updated_at": None,
        "stock_sync_enabled": False,
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-01-01T00:00:00Z",
    }


def service(name: str = "Parcel", *, mark: str = BEFORE) -> dict[str, Any]:
    return {
        "id": "srv_1",
        "integration_id": "int_1",
        "name": name,
        "default_label_type": None,
        "enabled": True,
        "type": "delivery",
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": mark,
    }


def good_answer(method: str, target: str, *, synced: bool, list_goes_on: bool) -> tuple[int, dict[str, Any] | None]:
    """Return status and document of a good answer; after a sync everything that moves has moved."""
    path, _, query = target.partition("?")
    mark = AFTER if synced else BEFORE
    if path.endswith("/sync"):
        return 202, {"data": {"message": "Started."}}
    if method == "DELETE":
        return 204, None
    if path.endswith("/shipping-services"):
        return 200, {"data": [service(mark=mark)]}
    if path.endswith("/integrations") and method == "GET":
        more = {"links": {"next": f"{path}?page=2"}} if list_goes_on and not query else {}
        return 200, {"data": [integration(mark=mark)], **more}
    return (201 if method == "POST" else 200), {"data": integration(mark=mark)}


def _plainly(act: Callable[[PackCloudClient], Awaitable[Any]], *, lead_in: int = 0) -> Run:
    async def run(client: PackCloudClient, _: Heal) -> Ending:
        error, before = None, client.requests_sent + lead_in
        try:
            value = await act(client)
        except PackCloudError as failure:
            error = failure
        else:
            assert STRAY not in repr(value), "an answer that nobody asked for was taken for this one"
        return _ending(error, requests=client.requests_sent - before)

    return run


def _ending(error: PackCloudError | None, *, requests: int, outcome: Outcome | None = None) -> Ending:
    return Ending(
        error=None if error is None else type(error),
        maybe_sent=getattr(error, "maybe_sent", None),
        requests=requests,
        outcome=outcome,
    )


async def _post_of_a_job(client: PackCloudClient, heal: Heal) -> Ending:
    """The POST of a job whose watermark never moves."""
    posts, before = 0, client.requests_sent + 1
    job = client.organization("org_1").sync_job("int_1", SyncKind.ORDERS, poll=SHORT)
    async for event in job.events():
        if isinstance(event, Fired):
            posts = client.requests_sent - before
            await heal()
    outcome = job.result[SyncKind.ORDERS]
    assert outcome.before == BEFORE
    return _ending(outcome.error, requests=posts, outcome=outcome.state)


async def _last_read(client: PackCloudClient, _: Heal) -> Ending:
    """The read that ends a window."""
    before = client.requests_sent + LAST.lead_in
    result = await client.organization("org_1").sync("int_1", SyncKind.ORDERS, poll=ONE_LOOK)
    outcome = result[SyncKind.ORDERS]
    return _ending(outcome.error, requests=client.requests_sent - before, outcome=outcome.state)


def _watched(kind: SyncKind, *, lead_in: int) -> Run:
    async def run(client: PackCloudClient, heal: Heal) -> Ending:
        before = client.requests_sent + lead_in
        job = client.organization("org_1").sync_job("int_1", kind, poll=WATCHED)
        async for event in job.events():
            if isinstance(event, ReadMade):
                await heal()
        result = job.result
        assert STRAY not in repr(result.timeline)
        failed = [sighting.error for sighting in result.timeline if sighting.error is not None]
        return _ending(
            failed[0] if failed else None, requests=client.requests_sent - before, outcome=result[kind].state
        )

    return run


async def _all(client: PackCloudClient) -> Any:
    return [one async for one in client.organization("org_1").integrations.list()]


async def _sync(client: PackCloudClient) -> Any:
    return (await _integrations(client).sync_orders("int_1")).body


def _integrations(client: PackCloudClient) -> Any:
    return client.organization("org_1").integrations


GET_ONE = KindOfCall("GET one", CallClass.READ, "GET", _plainly(lambda client: _integrations(client).get("int_1")))
LIST_FIRST = KindOfCall("list, page 1", CallClass.READ, "GET", _plainly(_all))
LIST_LATER = KindOfCall("list, page 2", CallClass.READ, "GET", _plainly(_all, lead_in=1), lead_in=1)
UPDATE = KindOfCall(
    "PUT", CallClass.PUT, "PUT", _plainly(lambda client: _integrations(client).update("int_1", name="Shop"))
)
DELETE = KindOfCall(
    "DELETE", CallClass.DELETE, "DELETE", _plainly(lambda client: _integrations(client).delete("int_1"))
)
CREATE = KindOfCall(
    "create POST",
    CallClass.CREATE,
    "POST",
    _plainly(lambda client: _integrations(client).create(name="Shop", connector_id="con_1")),
)
SYNC = KindOfCall("sync POST", CallClass.SYNC, "POST", _plainly(_sync))
JOB = KindOfCall("POST of a job", CallClass.JOB, "POST", _post_of_a_job, lead_in=1)
POLL = KindOfCall("poll read", CallClass.WATCH, "GET", _watched(SyncKind.ORDERS, lead_in=2), lead_in=2)
PROBE = KindOfCall("probe read", CallClass.WATCH, "GET", _watched(SyncKind.SHIPPING_SERVICES, lead_in=3), lead_in=3)

LAST = KindOfCall("last read", CallClass.LAST, "GET", _last_read, lead_in=2)

CALLS = (GET_ONE, LIST_FIRST, LIST_LATER, UPDATE, DELETE, CREATE, SYNC, JOB, POLL, PROBE, LAST)
