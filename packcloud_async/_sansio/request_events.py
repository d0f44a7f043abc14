"""What hooks are told of requests, and of the job, the run or the shared read a request is for.

Every event is a value of its own, equal to itself alone: a hook keeps what belongs to a request, a job or a run in a
mapping by the event it began with. A ``WeakKeyDictionary`` will do, and forgets what is forgotten here.
"""

from __future__ import annotations

import re
import string
from functools import cache
from typing import Any
from urllib.parse import unquote

from attrs import frozen

from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.values import shown
from packcloud_async.errors import ApiError, PackCloudError
from packcloud_async.models import SyncKind
from packcloud_async.policies import Routes


@frozen(kw_only=True, eq=False)
class RunBegun:
    """A bulk run begins; ``resumed`` when it goes on with what a ledger holds.

    ``kinds`` None means that each target names its own.
    """

    kinds: tuple[SyncKind, ...] | None
    resumed: bool = False

    __repr__ = shown


@frozen(kw_only=True, eq=False)
class JobBegun:
    """A job begins: the syncs of one integration.

    ``integration_id`` is None where not even the integrations of the organization are known. ``run`` is the bulk run
    it belongs to, None for a job of its own. ``resumed`` when an earlier process, or an earlier await, began it.
    """

    organization_id: str
    integration_id: str | None
    kinds: tuple[SyncKind, ...]
    resumed: bool = False
    run: RunBegun | None = None

    __repr__ = shown


@frozen(kw_only=True, eq=False)
class SharedRead:
    """One look of a watch, which tells every job of the organization it shows something of."""

    organization_id: str

    __repr__ = shown


Purpose = JobBegun | RunBegun | SharedRead
"""What a request is for, where it is not only for the caller."""


@frozen(kw_only=True, eq=False)
class RequestBegun:
    """A request leaves.

    ``url`` is without the query, ``template`` the path of its route, None for a call that has none. ``organization_id``
    and ``integration_id`` are those of the path, None where it has none; ``kind`` that of the sync it starts.
    ``attempt`` counts from 1; a request that is sent again at once, with a renewed credential, is the same attempt, and
    ``resends`` counts it all the same. ``waited`` is the seconds it waited for its turn. ``purpose`` is the job, the
    bulk run or the shared read it is for; None when it is only for the caller.
    """

    operation: str
    method: str
    url: str
    template: str | None
    organization_id: str | None
    integration_id: str | None
    kind: SyncKind | None
    attempt: int
    resends: int = 0
    waited: float = 0.0
    purpose: Purpose | None = None

    __repr__ = shown


@frozen(kw_only=True, eq=False)
class RequestEnded:
    """A request is answered, or failed, or was cancelled, ``elapsed`` seconds after it left.

    ``status`` is None when none arrived. ``error`` is what the answer means to the caller, None for a good one.
    """

    request: RequestBegun
    status: int | None
    elapsed: float
    error: BaseException | None

    __repr__ = shown


@frozen(kw_only=True, eq=False)
class RequestRetried:
    """A request failed and is sent again in ``wait`` seconds.

    ``status`` is None when none arrived, ``elapsed`` when the request did not leave: its credential could not be had.
    """

    request: RequestBegun
    status: int | None
    elapsed: float | None
    wait: float
    error: PackCloudError

    __repr__ = shown


@frozen(kw_only=True, eq=False)
class RequestWithheld:
    """A request failed and is not sent again, because too many of the client's recent requests were retries.

    ``elapsed`` is seconds; it and ``status`` are None as in :class:`RequestRetried`.
    """

    request: RequestBegun
    status: int | None
    elapsed: float | None
    error: PackCloudError

    __repr__ = shown


def begun(
    call: Call[Any],
    *,
    routes: Routes,
    base_url: str,
    attempt: int,
    resends: int = 0,
    waited: float = 0.0,
    purpose: Purpose | None = None,
) -> RequestBegun:
    """Tell of a request of a call."""
    template = None if call.route is None else getattr(routes, call.route)
    ids = {} if template is None else ids_in(call.path, template)
    return RequestBegun(
        operation=call.operation,
        method=call.method,
        url=base_url + call.path,
        template=template,
        organization_id=ids.get("organizationId"),
        integration_id=ids.get("integrationId"),
        kind=_KINDS.get(call.route),
        attempt=attempt,
        resends=resends,
        waited=waited,
        purpose=purpose,
    )


def ids_in(path: str, template: str) -> dict[str, str]:
    """Read the ids out of a path that was made of a template; nothing of one that was not."""
    found = _pattern(template).fullmatch(path)
    return {} if found is None else {name: unquote(segment) for name, segment in found.groupdict().items()}


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = string.Formatter().parse(template)
    return re.compile("".join(re.escape(text) + (f"(?P<{name}>[^/]+)" if name else "") for text, name, _, _ in parts))


def status_of(error: BaseException | None) -> int | None:
    """Return the status an error tells of, None if it tells of none."""
    return error.status if isinstance(error, ApiError) else None


_KINDS: dict[str | None, SyncKind] = {f"sync_{kind.value}": kind for kind in SyncKind}
