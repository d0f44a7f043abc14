"""UnderWay: one call on its way, who is told of it, and why it may be cancelled from within."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from attrs import define

from packcloud_async._io.retrying import TryAgain
from packcloud_async._sansio.retry_details import RetryDetails

if TYPE_CHECKING:
    from packcloud_async._sansio.request_events import RequestBegun


class CallObserver(Protocol):
    """Who is told what happens to one call."""

    async def leaving(self) -> None:
        """The request is about to leave: from here on the server may act. What this raises keeps it back."""
        ...

    def harmless(self) -> None:
        """The request certainly had no effect; may be told more than once."""
        ...

    def retrying(self, details: RetryDetails) -> None:
        """It will be tried again."""
        ...


class Witness(CallObserver, Protocol):
    """Who tells of each request of a call; ``request`` is the latest one that left."""

    @property
    def request(self) -> RequestBegun | None: ...

    def waiting(self) -> None:
        """A request waits for its turn."""
        ...

    def ended(self, status: int | None, error: BaseException | None) -> None:
        """A request has come to something; ``status`` is None when none arrived."""
        ...


class Ended(Enum):
    """Why a call is cancelled from within."""

    LATE = "no answer in time"
    CLOSED = "the client was closed"


@define(eq=False, repr=False)
class UnderWay:
    """One call, from its first attempt to its last: the task it runs in, and what its attempts share.

    ``began`` is when its request under way left, ``elapsed`` how long the latest failed one took, in seconds; None for
    one that did not leave.
    """

    observer: CallObserver | None
    left: int
    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[Any]
    cancelling: int
    may_have_acted: bool = False
    is_retry: bool = False
    failed: TryAgain | None = None
    ended: Ended | None = None
    witness: Witness | None = None
    status: int | None = None
    began: float | None = None
    elapsed: float | None = None

    def end(self, reason: Ended) -> None:
        """Cancel the task, unless that was done already."""
        if self.ended is None:
            self.ended = reason
            self.task.cancel()

    def was_ended(self, reason: Ended) -> bool:
        """Whether it was cancelled for this reason and for no other; its cancellation is taken back."""
        if self.ended is not reason:
            return False
        self.ended = None
        return self.task.uncancel() <= self.cancelling
