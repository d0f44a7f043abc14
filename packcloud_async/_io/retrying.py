"""RetryPolicy -> backoff: the only door to it.

1. Which errors are tried again is decided in ``answers.may_repeat``; here such an error is wrapped in
   :class:`TryAgain`, the only exception backoff gets to see.
2. backoff's own jitter is off: it would also shorten a server's Retry-After. The policy's generator draws.
3. backoff measures ``max_time`` on a clock that is not the loop's, so it is not used: a job's deadline bounds
   the work.
4. ``functools.partial`` and closures are decorated once per client, never per request, and not before a request failed:
   only then backoff is loaded.
"""

import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.errors import PackCloudError
from packcloud_async.policies import RetryPolicy


class TryAgain(Exception):
    """Carries an error that may be repeated."""

    def __init__(self, error: PackCloudError) -> None:
        super().__init__(error)
        self.error = error
        self.retry_after: float | None = getattr(error, "retry_after", None)


Attempt = Callable[..., Awaitable[Any]]


def retrying(
    attempt: Attempt,
    *,
    policy: RetryPolicy,
    draw: Callable[[], float],
    notify: Callable[..., None],
) -> Attempt:
    """Wrap ``attempt(call, ...)`` so that :class:`TryAgain` is tried again as the policy says.

    ``notify(details, call, ...)`` is told each retry with the arguments of the attempt. The last
    :class:`TryAgain` is raised when the attempts are used up.
    """
    import backoff  # noqa: PLC0415 - most clients never retry

    def on_backoff(details: Any) -> None:
        call: Call[Any] = details["args"][0]
        told = RetryDetails(
            operation=call.operation,
            method=call.method,
            path=call.path,
            attempt=details["tries"],
            wait=details["wait"],
            error=details["exception"].error,
        )
        notify(told, *details["args"])

    decorate: Callable[[Attempt], Attempt] = backoff.on_exception(  # pyright: ignore[reportUnknownMemberType]
        lambda: policy.waits(draw),
        TryAgain,
        max_tries=policy.attempts,
        jitter=None,
        logger=None,
        on_backoff=on_backoff,
    )
    with warnings.catch_warnings():
        # backoff 2.2.1 asks asyncio.iscoroutinefunction, which Python 3.14 deprecates.
        warnings.filterwarnings("ignore", "'asyncio.iscoroutinefunction'", DeprecationWarning)
        return decorate(attempt)


def note_withheld(error: PackCloudError) -> None:
    """Say in the error itself why it was not tried again."""
    error.add_note("not tried again: too many of the client's recent requests were retries (RetryPolicy.budget)")
