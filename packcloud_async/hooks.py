"""What is told to hooks: ``PackCloudClient(hooks=[hook])``, where a hook is any function that takes an event.

>>> from packcloud_async import PackCloudClient
>>> from packcloud_async.hooks import HookEvent, RequestEnded
>>> def show(event: HookEvent) -> None:
...     match event:
...         case RequestEnded(request=request, status=status, elapsed=elapsed):
...             print(request.method, request.template, status, f"{elapsed:.3f} s")
>>> client = PackCloudClient(token="...", hooks=[show])

A hook is called at once, in the event loop: it must be quick, and must not block. What it raises is logged once and
changes nothing. There may be more events in a later release: a hook ignores those it does not know.
"""

from packcloud_async._io.telling import Hook, log
from packcloud_async._sansio.request_events import (
    JobBegun,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    RunBegun,
    SharedRead,
)
from packcloud_async._sansio.sync_events import HookEvent, JobEnded, JobFired, JobRead, RunEnded

__all__ = [
    "Hook",
    "HookEvent",
    "JobBegun",
    "JobEnded",
    "JobFired",
    "JobRead",
    "RequestBegun",
    "RequestEnded",
    "RequestRetried",
    "RequestWithheld",
    "RunBegun",
    "RunEnded",
    "SharedRead",
    "log_details",
]


def log_details(event: HookEvent) -> None:
    """Write a record at DEBUG for every request, and for every begin, POST and read of a job: a hook.

    Retries, and what has ended, are logged without it.
    """
    if isinstance(event, RequestBegun | RequestEnded | JobBegun | JobFired | JobRead):
        log(event)
