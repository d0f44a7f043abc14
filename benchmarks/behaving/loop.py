"""What one writes around a client: read, POST, read until it differs. Runs on interpreters without this library."""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

log = logging.getLogger("caller")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be done where, and the seconds everybody is given alike.

    ``every`` is from one read to the next, ``timeout`` that of a request, ``deadline`` when the watch ends. ``ledger``
    is a file that outlives the process.
    """

    base_url: str
    token: str
    organization: str
    integration: str
    every: float
    timeout: float
    deadline: float
    ledger: str = ""


@dataclass(frozen=True)
class Told:
    """What the caller got: a word of what was said, and the name of what was raised."""

    says: str
    what: str = ""
    count: int | None = None


class Client(Protocol):
    """What each client does in its own way; whatever the server answers but success is raised."""

    async def watermark(self) -> object:
        """Read when an order last changed at the shop."""
        ...

    async def sync(self) -> None:
        """Start a sync of the orders."""
        ...

    def ids(self) -> AsyncIterator[str]:
        """Walk over the ids of all integrations, page after page."""
        ...

    def shown(self) -> list[object]:
        """Return what of it might be printed by somebody who looks for a mistake."""
        ...


async def synced(client: Client, wanted: Wanted) -> Told:
    """Sync, and say whether something moved."""
    before = await client.watermark()
    await client.sync()
    until = time.monotonic() + wanted.deadline
    while time.monotonic() < until:
        await asyncio.sleep(wanted.every)
        if await client.watermark() != before:
            return Told("moved")
    return Told("not moved")


async def listed(client: Client, wanted: Wanted) -> Told:  # noqa: ARG001 - as every task
    """Count the integrations."""
    return Told("listed", count=len([one async for one in client.ids()]))


async def printed(client: Client, wanted: Wanted) -> Told:
    """Sync, and write down whatever is there when it fails."""
    for number, one in enumerate(client.shown()):
        log.info("client %d: %r", number, one)
    try:
        return await synced(client, wanted)
    except Exception as error:
        log.info("text: %s", error)
        log.info("repr: %r", error)
        log.info("traceback: %s", "".join(traceback.format_exception(error)))
        raise


def told_of(error: BaseException) -> Told:
    """Put a name, and the status where there is one, in place of what was raised."""
    status = next((found for name in ("status", "status_code", "code") if (found := _number(error, name))), None)
    if status is None:
        status = _number(getattr(error, "response", None), "status_code")
    return Told("error" if status is None else f"status {status}", type(error).__name__)


def _number(of: object, name: str) -> int | None:
    found: Any = getattr(of, name, None)
    return found if isinstance(found, int) else None


TASKS = {"sync": synced, "list": listed, "print": printed, "sync again": synced}
