"""Telling: who is told of what a client does: the logger always, and the hooks that were given.

1. A hook is called at once and in the task that did it. What it raises is logged, and neither breaks a request nor
   loses a result; only what ends the process passes. The same holds for what handlers and filters of the log raise.
2. Without hooks nothing of this is made for a request: the logger writes of retries, and of what has ended.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Protocol, cast

from attrs import define, field

from packcloud_async._io.under_way import CallObserver, Witness
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.log import logger, write
from packcloud_async._sansio.log_records import record_of
from packcloud_async._sansio.request_events import (
    Purpose,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    begun,
    status_of,
)
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.sync_events import HookEvent
from packcloud_async.errors import ConfigurationError, PackCloudError
from packcloud_async.policies import Routes

PURPOSE: ContextVar[Purpose | None] = ContextVar("packcloud_async_purpose", default=None)
"""What the requests of this task are for. Timers and tasks inherit it, so that a shared read says what it is."""


class Hook(Protocol):
    """Is told everything a client does, event by event."""

    def __call__(self, event: HookEvent, /) -> None:
        """Take note of an event; called in the event loop, so it must not block."""
        ...


@define(eq=False)
class Telling:
    """Tells the hooks of one client."""

    hooks: tuple[Hook, ...]
    _failed: set[tuple[int, type]] = field(factory=set[tuple[int, type]], init=False, repr=False)

    def __call__(self, event: HookEvent) -> None:
        """Tell every hook, whatever the others raise."""
        for number, hook in enumerate(self.hooks):
            try:
                hook(event)
            except (Exception, asyncio.CancelledError):  # noqa: BLE001 - a hook never breaks what it is told of
                # Nobody can cancel a plain function: what it raises is the cancellation of something else.
                self._complain(number, hook, type(event))

    def _complain(self, number: int, hook: Hook, kind: type) -> None:
        # Once: it may be told thousands of events a second.
        if (number, kind) not in self._failed:
            self._failed.add((number, kind))
            told = f"a hook failed on {kind.__name__}; further failures on it are not logged: {_name_of(hook)}"
            write(logging.ERROR, told, exc_info=True)


def hooks_of(given: object) -> tuple[Hook, ...]:
    """Return the hooks that were given; refuse what cannot be one."""
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise ConfigurationError(f"hooks must be an iterable of callables, such as [hook], not {given!r}")
    hooks = tuple(cast("Iterable[object]", given))
    for hook in hooks:
        if not callable(hook) or isinstance(hook, type):
            raise ConfigurationError(f"hooks must be callables that take an event, not {hook!r}")
        if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None)):  # noqa: B004 - a coroutine method of an object
            raise ConfigurationError(f"hooks must be plain functions, and {_name_of(hook)} is a coroutine function")
    return cast("tuple[Hook, ...]", hooks)


def log(event: HookEvent) -> None:
    """Write the record of an event, if anybody reads it."""
    record = record_of(event)
    if logger.isEnabledFor(record.level):
        write(record.level, record.message, extra=dict(record.fields))


def _name_of(hook: object) -> str:
    return getattr(hook, "__qualname__", type(hook).__qualname__)


@define(eq=False)
class CallTelling:
    """Tells of each request of one call, between its pipeline and its own observer."""

    tell: Callable[[HookEvent], None]
    call: Call[Any]
    routes: Routes
    base_url: str
    loop: asyncio.AbstractEventLoop
    observer: CallObserver | None
    attempt: int = field(default=1, init=False)
    request: RequestBegun | None = field(default=None, init=False)
    """The latest one that left."""
    _resends: int = field(default=0, init=False)
    _waits_from: float = field(default=0.0, init=False)
    _left_at: float | None = field(default=None, init=False)

    def waiting(self) -> None:
        """A request waits for its turn."""
        self._waits_from = self.loop.time()

    async def leaving(self) -> None:
        waited = self.loop.time() - self._waits_from
        if self.observer is not None:
            await self.observer.leaving()
        self.request = begun(
            self.call,
            routes=self.routes,
            base_url=self.base_url,
            attempt=self.attempt,
            resends=self._resends,
            waited=waited,
            purpose=PURPOSE.get(),
        )
        self._resends += 1
        self._left_at = self.loop.time()
        self.tell(self.request)

    def ended(self, status: int | None, error: BaseException | None) -> None:
        """A request has come to something; one that never left is not told of."""
        left_at, self._left_at = self._left_at, None
        if left_at is not None and self.request is not None:
            elapsed = self.loop.time() - left_at
            self.tell(RequestEnded(request=self.request, status=status, elapsed=elapsed, error=error))

    def harmless(self) -> None:
        if self.observer is not None:
            self.observer.harmless()

    def retrying(self, details: RetryDetails) -> None:
        self.attempt = details.attempt + 1
        if self.observer is not None:
            self.observer.retrying(details)


@define(eq=False)
class Failed:
    """A failed request as it is told of: the one that was told to leave, if it was."""

    call: Call[Any]
    attempt: int
    error: PackCloudError
    elapsed: float | None
    routes: Routes
    base_url: str
    witness: Witness | None

    @property
    def request(self) -> RequestBegun:
        told = None if self.witness is None else self.witness.request
        if told is not None and told.attempt == self.attempt:
            return told
        purpose = PURPOSE.get()
        return begun(self.call, routes=self.routes, base_url=self.base_url, attempt=self.attempt, purpose=purpose)

    def retried(self, wait: float) -> RequestRetried:
        """Tell that it is sent again."""
        status = status_of(self.error)
        return RequestRetried(request=self.request, status=status, elapsed=self.elapsed, wait=wait, error=self.error)

    def withheld(self) -> RequestWithheld:
        """Tell that it is not."""
        status = status_of(self.error)
        return RequestWithheld(request=self.request, status=status, elapsed=self.elapsed, error=self.error)


def tell(telling: Telling | None, event: HookEvent) -> None:
    """Tell the log, and the hooks if there are any."""
    log(event)
    if telling is not None:
        telling(event)
