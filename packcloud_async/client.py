"""PackCloudClient and Organization: the face of the package; everything is decided below."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import WeakValueDictionary

from attrs import frozen

from packcloud_async._io.gate import Gate
from packcloud_async._io.limiting import Limiter, limiter_of
from packcloud_async._io.pipeline import CallObserver, Pipeline
from packcloud_async._io.tasks import to_its_end
from packcloud_async._io.transport import AiohttpTransport, Session, Transport, turns
from packcloud_async._sansio import endpoints
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.learned_pacing import LearnedPacing
from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.secret import Secret
from packcloud_async._sansio.values import equal, hashed
from packcloud_async._sansio.wire import Response
from packcloud_async.auth import Auth, BearerToken
from packcloud_async.calls import Integrations, ShippingServices
from packcloud_async.errors import ClientStateError, ConfigurationError
from packcloud_async.models import UNSET, Integration, SyncKind, Unset
from packcloud_async.policies import (
    PollPolicy,
    RateLimit,
    RetryPolicy,
    Routes,
    Timeouts,
    check_base_url,
    check_instance,
    check_whole,
    path_segment,
)
from packcloud_async.probes import Probe
from packcloud_async.version import VERSION

if TYPE_CHECKING:
    # What only syncs and hooks need is loaded by the first of them.
    from packcloud_async._io.telling import Hook, Telling
    from packcloud_async._sansio.outcomes import SyncResult
    from packcloud_async.bulk import SyncRun
    from packcloud_async.ledger import Ledger
    from packcloud_async.sync_job import AsyncSyncJob
    from packcloud_async.targets import Targets
    from packcloud_async.watch import Watch

T = TypeVar("T")

DEFAULT_BASE_URL = "https://api.pack.cloud"
DEFAULT_BODY_LIMIT = 16 * 1024 * 1024
PATIENCE = 10.0
"""How long closing waits for reads that were cancelled, seconds; a wait without end could be one for itself."""
USER_AGENT = f"packcloud_async/{VERSION}"


class PackCloudClient:
    """One credential, one connection pool, one event loop; used by any number of tasks at once.

    >>> async def names(organization_id: str) -> list[str]:
    ...     async with PackCloudClient(token="...") as client:
    ...         shop = client.organization(organization_id)
    ...         return [integration.name async for integration in shop.integrations.list()]

    **Who:** ``token`` is sent as a bearer token; ``auth`` replaces it with any
    :class:`~packcloud_async.Auth` object. One of the two is needed.

    **Where:** ``base_url`` must be https unless its host is a loopback address or ``allow_insecure`` is True.
    ``routes`` overrides paths.

    **How:** ``timeouts`` and ``retry`` hold for every request. ``rate_limit`` is a
    :class:`~packcloud_async.RateLimit` of this client, or a :class:`~packcloud_async.Limiter` it shares with others;
    None only heeds what the server asks. ``max_connections`` bounds the requests under way at once; further ones
    wait, outside every timeout. ``body_limit`` is the largest answer in bytes. ``on_retry`` is called with each retry,
    ``hooks`` with everything that happens (:mod:`packcloud_async.hooks`).
    ``pacing`` remembers how long syncs take and reads accordingly; None reads by the policy alone. ``probes`` confirm
    kinds that have no watermark: None means the built-in one for shipping services, ``{}`` none.
    ``session`` is used in place of an own aiohttp session and never closed
    here. ``transport`` replaces the network, for example by the emulator's, and is closed with the client.

    Nothing is opened before the first request. Close with ``async with`` or :meth:`aclose`. Raises
    :class:`~packcloud_async.ConfigurationError` for unusable values.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        auth: Auth | None = None,
        base_url: str = DEFAULT_BASE_URL,
        allow_insecure: bool = False,
        routes: Routes | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        rate_limit: RateLimit | Limiter | None = None,
        max_connections: int = 100,
        body_limit: int = DEFAULT_BODY_LIMIT,
        on_retry: Callable[[RetryDetails], None] | None = None,
        hooks: Iterable[Hook] = (),
        pacing: LearnedPacing | None = None,
        probes: Mapping[SyncKind, Probe] | None = None,
        session: Session | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._closed = False
        # From here on no frame holds them plainly: a traceback may show the locals of this one.
        held_token, held_url = None if token is None else Secret(token), Secret(base_url)
        token = base_url = ""
        if session is not None and transport is not None:
            raise ConfigurationError("give session= or transport=, not both")
        for name, value, wanted in (
            ("timeouts", timeouts, Timeouts),
            ("retry", retry, RetryPolicy),
            ("routes", routes, Routes),
            ("pacing", pacing, LearnedPacing),
        ):
            check_instance(name, value, wanted)
        timeouts = timeouts or Timeouts()
        check_whole("max_connections", max_connections, 1)
        check_whole("body_limit", body_limit, 1)
        self._routes = routes or Routes()
        self._pacing = pacing
        self._probes = None if probes is None else _checked(probes)
        self._watches: WeakValueDictionary[str, Watch] = WeakValueDictionary()
        self._pipeline = Pipeline(
            transport=transport or AiohttpTransport(timeouts, max_connections, body_limit, session),
            auth=_credential(held_token, auth),
            base_url=check_base_url(held_url, allow_insecure=allow_insecure),
            user_agent=USER_AGENT,
            timeouts=timeouts,
            policy=retry or RetryPolicy(),
            gate=Gate(turns(max_connections, session), limiter_of(rate_limit)),
            on_retry=on_retry,
            routes=self._routes,
            telling=_telling(hooks),
        )

    @classmethod
    def from_env(
        cls,
        *,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        rate_limit: RateLimit | Limiter | None = None,
        max_connections: int = 100,
        on_retry: Callable[[RetryDetails], None] | None = None,
        hooks: Iterable[Hook] = (),
        pacing: LearnedPacing | None = None,
        probes: Mapping[SyncKind, Probe] | None = None,
    ) -> Self:
        """Read ``PACKCLOUD_TOKEN``, ``PACKCLOUD_BASE_URL`` and ``PACKCLOUD_ROUTES`` (the path of a TOML file)."""
        routes_file = _environment("PACKCLOUD_ROUTES")
        held_url = Secret(_environment("PACKCLOUD_BASE_URL") or DEFAULT_BASE_URL)
        # Here, where the complaint can name what has to be changed.
        check_base_url(held_url, allow_insecure=False, variable="PACKCLOUD_BASE_URL")
        return cls(
            token=_environment("PACKCLOUD_TOKEN"),
            base_url=held_url.reveal(),
            routes=Routes.from_toml(_read_text(routes_file)) if routes_file else None,
            timeouts=timeouts,
            retry=retry,
            rate_limit=rate_limit,
            max_connections=max_connections,
            on_retry=on_retry,
            hooks=hooks,
            pacing=pacing,
            probes=probes,
        )

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        # A traceback may show it while it is being built.
        pipeline = getattr(self, "_pipeline", None)
        return f"<PackCloudClient {pipeline.base_url if pipeline else '?'}{' closed' if self._closed else ''}>"

    @property
    def base_url(self) -> str:
        """Scheme, host and path prefix, without a slash at the end."""
        return self._pipeline.base_url

    @property
    def routes(self) -> Routes:
        """The path of every call."""
        return self._routes

    @property
    def probes(self) -> Mapping[SyncKind, Probe]:
        """What reads the kinds that have no watermark."""
        if self._probes is None:
            from packcloud_async.shipping_probe import ShippingServicesProbe  # noqa: PLC0415 - only syncs need it

            self._probes = {SyncKind.SHIPPING_SERVICES: ShippingServicesProbe()}
        return self._probes

    @property
    def telling(self) -> Telling | None:
        """Who is told what happens, None when there are no hooks; the other parts of this package tell it too."""
        return self._pipeline.telling

    @property
    def requests_sent(self) -> int:
        """How many requests left this client so far, retries included."""
        return self._pipeline.requests_sent

    @property
    def budget(self) -> BudgetState:
        """How this client stands with its request budget at this moment."""
        return self._pipeline.budget

    def organization(self, organization_id: str) -> Organization:
        """Return the calls and syncs of one organization; nothing is requested yet."""
        path_segment("organization_id", organization_id)
        return Organization(self, organization_id)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: JsonValue | Unset = UNSET,
    ) -> Response:
        """Send a call this package has no method for, with the same credential, retries and errors.

        ``path`` begins with a slash and is percent-encoded by the caller. GET, HEAD, OPTIONS, PUT and DELETE are
        retried like the calls of their kind, POST, PATCH and PURGE like a POST; any other method is a
        :class:`~packcloud_async.ConfigurationError`. Returns status, headers and body of a 2xx answer.
        """
        held_query, held_json = Secret(query), Secret(json)
        query, json = None, UNSET
        return await self.call(endpoints.any_request(method, path, held_query, held_json))

    def sync_many(
        self,
        targets: Targets,
        *,
        kinds: Iterable[SyncKind | str] | None = None,
        poll: PollPolicy | None = None,
        on_conflict: OnConflict | str = OnConflict.WATCH,
        max_organizations: int = 200,
        max_in_flight: int = 100,
        ledger: Ledger | None = None,
    ) -> SyncRun:
        """Sync many organizations: ``async with client.sync_many(...) as run: async for result in run``.

        ``targets`` are organization ids or :class:`~packcloud_async.SyncTarget`, in any sync or async iterable,
        which is read no further ahead than needed. ``max_organizations`` bounds the organizations under way at
        once, ``max_in_flight`` the calls of this run under way at once, in which the organizations take turns.
        ``ledger`` records every step before it is taken, so that :meth:`resume_many` can go on after a crash; it is
        opened with the block and closed with it, and holds one run. Targets in a list (any sized collection) are
        recorded before anything is sent, those of another iterable when they are reached.

        Entering raises :class:`~packcloud_async.LedgerError` for a ledger that cannot be used or holds a run
        already. A ledger that cannot be written any more ends the run with that error.
        """
        from packcloud_async.bulk import SyncRun  # noqa: PLC0415 - only bulk runs need it

        self._check_open()
        return SyncRun(
            self,
            targets,
            kinds=kinds,
            poll=poll,
            on_conflict=on_conflict,
            max_organizations=max_organizations,
            max_in_flight=max_in_flight,
            ledger=ledger,
        )

    def resume_many(self, ledger: Ledger, *, max_organizations: int = 200, max_in_flight: int = 100) -> SyncRun:
        """Go on with the run a ledger holds, as it was asked for then.

        Finished jobs are left alone. A job whose POST was not recorded as sent is started with its recorded baseline;
        one whose POST was is only watched, for what is left of its window, with one read at least. Entering raises
        :class:`~packcloud_async.LedgerError` for a ledger that holds no run or cannot be used.
        """
        from packcloud_async.bulk import SyncRun  # noqa: PLC0415 - only bulk runs need it

        self._check_open()
        return SyncRun(
            self,
            (),
            kinds=None,
            poll=None,
            on_conflict=OnConflict.WATCH,
            max_organizations=max_organizations,
            max_in_flight=max_in_flight,
            ledger=ledger,
            resumes=True,
        )

    async def aclose(self) -> None:
        """End every watch with :class:`ClientStateError`, close the connections; closing twice is harmless.

        A cancellation does not leave the client half closed: it is raised when all is closed. Raises
        :class:`ClientStateError` when it is closed and a cancelled read has not ended all the same, ten seconds later:
        whoever gives the credential, or a probe, may be waiting for this very call. On another event loop, while its
        own is not closed, it raises that too and closes nothing.
        """
        self._pipeline.check_closable()
        self._closed = True
        watches = list(self._watches.values())
        for watch in watches:
            watch.end(ClientStateError("the client was closed while a job was watched; its token resumes it"))
        try:
            stuck = await self._stop(watches)
        finally:
            # In a task of its own, because what closes a client out of one of its calls is cancelled by that.
            await to_its_end(self._pipeline.aclose())
        if stuck:
            raise ClientStateError(
                f"the client is closed, but reads of {', '.join(stuck)} did not end when they were cancelled: "
                "the auth object, a probe or the transport waits for something, perhaps for aclose() itself"
            )

    async def _stop(self, watches: Iterable[Watch]) -> Sequence[str]:
        """Wait for the end of watches; return the organizations of those that do not end."""
        stuck: list[str] = []
        cancelled: asyncio.CancelledError | None = None
        give_up_at = asyncio.get_running_loop().time() + PATIENCE
        for watch in watches:
            try:
                await watch.stop_if_idle(give_up_at=give_up_at)
            except TimeoutError:
                stuck.append(watch.organization_id)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        return stuck

    def call(
        self, call: Call[T], *, observer: CallObserver | None = None, once: bool = False
    ) -> Coroutine[Any, Any, T]:
        """Send a prepared call, to be awaited; the other parts of this package build on it."""
        return self._pipeline.call(call, observer=observer, once=once)

    def watch_of(self, organization_id: str) -> Watch:
        """Return the one watch of an organization; it lives as long as a job or a run holds it."""
        self._check_open()
        watch = self._watches.get(organization_id)
        if watch is None:
            from packcloud_async.watch import Watch  # noqa: PLC0415 - only syncs need it

            watch = self._watches[organization_id] = Watch(organization_id, self.probes, self._pacing, self.telling)
        return watch

    def _check_open(self) -> None:
        if self._closed:
            raise ClientStateError("the client is closed")


@frozen(repr=False)
class Organization:
    """One organization of a client."""

    _client: PackCloudClient
    id: str

    __eq__, __hash__ = equal, hashed

    def __repr__(self) -> str:
        return f"Organization({self.id!r})"

    @property
    def integrations(self) -> Integrations:
        """The calls on its integrations."""
        return Integrations(self._client, self.id)

    @property
    def shipping_services(self) -> ShippingServices:
        """The calls on its shipping services."""
        return ShippingServices(self._client, self.id)

    def hint(self, integration_id: str) -> bool:
        """Read an integration at once, because there may be news; True if a job of this client is watching it.

        For applications that learn of changes by themselves, by a webhook for instance. A hint brings the next read of
        the integration forward, within the client's budget; it never puts one off, and hints that come while one is
        under way make one more, not many.
        """
        path_segment("integration_id", integration_id)
        return self._client.watch_of(self.id).hint(integration_id)

    def sync_job(
        self,
        integration_id: str,
        *kinds: SyncKind | str,
        poll: PollPolicy | None = None,
        on_conflict: OnConflict | str = OnConflict.WATCH,
        baseline: Integration | None = None,
        save: Callable[[str], Awaitable[None]] | None = None,
    ) -> AsyncSyncJob:
        """Prepare a job; nothing is requested until it is awaited or fired.

        ``poll`` None is the default policy. ``baseline`` is the integration as you have just read it; None reads it.
        Raises :class:`~packcloud_async.ConfigurationError` when no kind is given, or an id cannot be sent.
        """
        from packcloud_async.sync_job import AsyncSyncJob  # noqa: PLC0415 - only syncs need it

        return AsyncSyncJob(
            self._client,
            self.id,
            integration_id,
            kinds=kinds,
            poll=poll,
            on_conflict=on_conflict,
            baseline=baseline,
            save=save,
        )

    async def sync(
        self,
        integration_id: str,
        *kinds: SyncKind | str,
        poll: PollPolicy | None = None,
        on_conflict: OnConflict | str = OnConflict.WATCH,
    ) -> SyncResult:
        """Fire the syncs of one integration and watch until each kind has an outcome.

        ``poll`` None is the default policy. What becomes of a POST is an outcome and is not raised; what keeps the
        baseline from being read is raised, and then nothing was sent.
        """
        return await self.sync_job(integration_id, *kinds, poll=poll, on_conflict=on_conflict)


def _checked(probes: Mapping[SyncKind, Probe]) -> Mapping[SyncKind, Probe]:
    try:
        given = {SyncKind(kind): probe for kind, probe in probes.items()}
    except (AttributeError, TypeError, ValueError):
        given = None
    if given is None or not all(_is_probe(probe) for probe in given.values()):
        raise ConfigurationError(f"probes must map kinds to probes, such as {{SyncKind.STOCKS: probe}}, not {probes!r}")
    return given


def _is_probe(value: object) -> bool:
    return callable(getattr(value, "read", None)) and not isinstance(value, type)


def _telling(hooks: Iterable[Hook]) -> Telling | None:
    if hooks == ():
        return None
    from packcloud_async._io.telling import Telling, hooks_of  # noqa: PLC0415 - most clients have no hooks

    told = hooks_of(hooks)
    return Telling(told) if told else None


def _environment(name: str) -> str:
    # Apart, because some tracebacks show every name of the failing line: of os.environ that is the token.
    return os.environ.get(name, "")


def _credential(token: Secret[str] | None, auth: Auth | None) -> Auth:
    if auth is not None and token is not None:
        raise ConfigurationError("give token= or auth=, not both")
    if auth is not None:
        return auth
    if token is None or not token.reveal():
        raise ConfigurationError("no token: give PackCloudClient(token=...) or set PACKCLOUD_TOKEN")
    return BearerToken(token)


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"PACKCLOUD_ROUTES names a file that cannot be read: {path!r} ({error})") from None
