"""This library, used as its README shows, with the same seconds as everybody."""

import logging
import traceback
from pathlib import Path

from benchmarks.behaving.loop import Told, Wanted, log
from packcloud_async import (
    Outcome,
    PackCloudClient,
    PollPolicy,
    SqliteLedger,
    SyncKind,
    SyncResult,
    SyncTarget,
    Timeouts,
)

SAYS = {
    Outcome.ADVANCED: "moved",
    Outcome.QUIET: "not moved",
    Outcome.REJECTED: "refused",
    Outcome.AMBIGUOUS: "in doubt",
    Outcome.GONE: "gone",
    Outcome.UNREAD: "started, not readable",
}


def client_of(wanted: Wanted) -> PackCloudClient:
    """Return a client with everybody's timeout for a request."""
    timeouts = Timeouts(connect=wanted.timeout, read=wanted.timeout, total=wanted.timeout)
    return PackCloudClient(token=wanted.token, base_url=wanted.base_url, timeouts=timeouts)


def poll_of(wanted: Wanted) -> PollPolicy:
    """Return a policy that reads as often as everybody's loop; a second 404 decides after four reads."""
    return PollPolicy(
        first=wanted.every,
        growth=1.000_001,
        ceiling=wanted.every,
        deadline=wanted.deadline,
        jitter=0,
        gone_after=4 * wanted.every,
    )


def _told(result: SyncResult) -> Told:
    outcome = result[SyncKind.ORDERS]
    return Told(SAYS[outcome.state], type(outcome.error).__name__ if outcome.error else "")


async def synced(wanted: Wanted) -> Told:
    """Sync one integration."""
    async with client_of(wanted) as client:
        shop = client.organization(wanted.organization)
        return _told(await shop.sync(wanted.integration, SyncKind.ORDERS, poll=poll_of(wanted)))


async def synced_with_ledger(wanted: Wanted) -> Told:
    """Sync it so that it can be gone on with: the ledger says whether there is something to go on with."""
    target = SyncTarget(wanted.organization, [wanted.integration], {SyncKind.ORDERS})
    is_there, ledger = _is_there(wanted.ledger), SqliteLedger(wanted.ledger)
    async with client_of(wanted) as client:
        run = (
            client.resume_many(ledger) if is_there else client.sync_many([target], poll=poll_of(wanted), ledger=ledger)
        )
        async with run:
            (result,) = [one async for one in run]
    return _told(result)


def _is_there(path: str) -> bool:
    return Path(path).exists()


async def listed(wanted: Wanted) -> Told:
    """Count the integrations."""
    async with client_of(wanted) as client:
        found = [one async for one in client.organization(wanted.organization).integrations.list()]
    return Told("listed", count=len(found))


async def printed(wanted: Wanted) -> Told:
    """Sync, and write down whatever is there when it fails."""
    logging.getLogger("packcloud_async").setLevel(logging.DEBUG)
    async with client_of(wanted) as client:
        shop = client.organization(wanted.organization)
        job = shop.sync_job(wanted.integration, SyncKind.ORDERS, poll=poll_of(wanted))
        for number, one in enumerate((client, shop, job, job.token)):
            log.info("client %d: %r", number, one)
        try:
            result = await job
        except Exception as error:
            log.info("text: %s", error)
            log.info("repr: %r", error)
            log.info("traceback: %s", "".join(traceback.format_exception(error)))
            raise
    log.info("repr: %r", result)
    return _told(result)


TASKS = {"sync": synced, "list": listed, "print": printed, "sync again": synced_with_ledger}
