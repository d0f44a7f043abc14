"""The kinds of calls that faults are put on: how each is made, what a good answer to it is, and how it is counted."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from packcloud_async import (
    Fired,
    KindOutcome,
    Outcome,
    PackCloudClient,
    PackCloudError,
    PollPolicy,
    ReadMade,
    ShippingService,
    SyncKind,
)
from packcloud_async._sansio.fingerprints import services_fingerprint

from .good_answers import AFTER, BEFORE, STRAY, document, service, told

ORGANIZATION = "/v1/organizations/org_1"
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
    ``outcome`` is that of a job's kind. ``value`` is what the answers were understood to say, None where none was.
    ``retry_after`` is what the error says of the server's wish.
    """

    error: type[PackCloudError] | None = None
    maybe_sent: bool | None = None
    requests: int = 1
    outcome: Outcome | None = None
    value: Any = None
    retry_after: float | None = None


Heal = Callable[[], Awaitable[None]]
Run = Callable[[PackCloudClient, Heal], Awaitable[Ending]]
Means = Callable[[Mapping[str, Any]], Any]
"""Gets the fields that a fault planted in the good answer; returns the value the call must have."""


@frozen
class KindOfCall:
    """``lead_in`` requests are answered well before the one the fault is for; ``method`` is its.

    ``means`` is the value of the call where its answers are understood.
    """

    name: str
    belongs_to: CallClass
    method: str
    run: Run = field(repr=False)
    means: Means = field(repr=False)
    lead_in: int = 0

    @property
    def is_once(self) -> bool:
        """Whether the fault is played once: the next read of a watch is another request."""
        return self.belongs_to is CallClass.WATCH


def _plainly(act: Callable[[PackCloudClient], Awaitable[Any]], *, lead_in: int = 0) -> Run:
    async def run(client: PackCloudClient, _: Heal) -> Ending:
        error, value, before = None, None, client.requests_sent + lead_in
        try:
            value = await act(client)
        except PackCloudError as failure:
            error = failure
        return _ending(error, requests=client.requests_sent - before, value=value)

    return run


def _ending(
    error: PackCloudError | None, *, requests: int, outcome: KindOutcome | None = None, value: Any = None
) -> Ending:
    return Ending(
        error=None if error is None else type(error),
        maybe_sent=getattr(error, "maybe_sent", None),
        requests=requests,
        outcome=None if outcome is None else outcome.state,
        value=value if outcome is None or outcome.state.is_failure else _moves(outcome),
        retry_after=getattr(error, "retry_after", None),
    )


def _moves(outcome: KindOutcome) -> Any:
    return outcome.before, outcome.after, [(step.before, step.after) for step in outcome.steps]


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
    return _ending(outcome.error, requests=posts, outcome=outcome)


async def _last_read(client: PackCloudClient, _: Heal) -> Ending:
    """The read that ends a window."""
    before = client.requests_sent + LAST.lead_in
    result = await client.organization("org_1").sync("int_1", SyncKind.ORDERS, poll=ONE_LOOK)
    outcome = result[SyncKind.ORDERS]
    return _ending(outcome.error, requests=client.requests_sent - before, outcome=outcome)


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
        return _ending(failed[0] if failed else None, requests=client.requests_sent - before, outcome=result[kind])

    return run


def _unmoved(_: Mapping[str, Any]) -> Any:
    return BEFORE, BEFORE, []


def _moved(_: Mapping[str, Any]) -> Any:
    return BEFORE, AFTER, [(BEFORE, AFTER)]


def _probed(_: Mapping[str, Any]) -> Any:
    before, after = (services_fingerprint([ShippingService(**service(mark=mark))]) for mark in (BEFORE, AFTER))
    return before, after, [(before, after)]


async def _get(client: PackCloudClient) -> Any:
    return told(await _integrations(client).get("int_1"))


async def _all(client: PackCloudClient) -> Any:
    return [told(one) async for one in _integrations(client).list()]


async def _update(client: PackCloudClient) -> Any:
    return told(await _integrations(client).update("int_1", name="Shop"))


async def _delete(client: PackCloudClient) -> Any:
    return await _integrations(client).delete("int_1")


async def _create(client: PackCloudClient) -> Any:
    return told(await _integrations(client).create(name="Shop", connector_id="con_1"))


async def _sync(client: PackCloudClient) -> Any:
    accepted = await _integrations(client).sync_orders("int_1")
    assert accepted.kind is SyncKind.ORDERS
    return accepted.body


def _integrations(client: PackCloudClient) -> Any:
    return client.organization("org_1").integrations


GET_ONE = KindOfCall("GET one", CallClass.READ, "GET", _plainly(_get), document)
LIST_FIRST = KindOfCall("list, page 1", CallClass.READ, "GET", _plainly(_all), lambda extra: [document(extra)])
LIST_LATER = KindOfCall(
    "list, page 2",
    CallClass.READ,
    "GET",
    _plainly(_all, lead_in=1),
    lambda extra: [document({}), document(extra, "Depot")],
    lead_in=1,
)
UPDATE = KindOfCall("PUT", CallClass.PUT, "PUT", _plainly(_update), document)
DELETE = KindOfCall("DELETE", CallClass.DELETE, "DELETE", _plainly(_delete), lambda _: None)
CREATE = KindOfCall("create POST", CallClass.CREATE, "POST", _plainly(_create), document)
SYNC = KindOfCall("sync POST", CallClass.SYNC, "POST", _plainly(_sync), lambda extra: {"message": "Started."} | extra)
JOB = KindOfCall("POST of a job", CallClass.JOB, "POST", _post_of_a_job, _unmoved, lead_in=1)
POLL = KindOfCall("poll read", CallClass.WATCH, "GET", _watched(SyncKind.ORDERS, lead_in=2), _moved, lead_in=2)
PROBE = KindOfCall(
    "probe read", CallClass.WATCH, "GET", _watched(SyncKind.SHIPPING_SERVICES, lead_in=3), _probed, lead_in=3
)
LAST = KindOfCall("last read", CallClass.LAST, "GET", _last_read, _moved, lead_in=2)

CALLS = (GET_ONE, LIST_FIRST, LIST_LATER, UPDATE, DELETE, CREATE, SYNC, JOB, POLL, PROBE, LAST)
