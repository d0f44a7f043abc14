"""A bulk run in a process of its own, to be killed: it begins a run, or goes on with the one its ledger holds."""

import asyncio
import sys

from packcloud_async import PackCloudClient, PollPolicy, RetryPolicy, SqliteLedger, SyncKind, read_ledger

POLL = PollPolicy(first=0.3, growth=1.5, ceiling=0.8, deadline=3, jitter=0.2)
RETRY = RetryPolicy(attempts=8, first=0.1, ceiling=0.5)
IN_FLIGHT = 8


def run_in(path):
    """The run that a ledger holds, None if there is no ledger, or no run in it."""
    if not path.exists():
        return None
    with read_ledger(path) as contents:
        return contents.run


async def main(base_url, token, ledger, *organizations):
    async with PackCloudClient(token=token, base_url=base_url, retry=RETRY) as client:
        if sys.argv[1] == "resume":
            run = client.resume_many(SqliteLedger(ledger), max_in_flight=IN_FLIGHT)
        else:
            run = client.sync_many(
                organizations, kinds=SyncKind, poll=POLL, max_in_flight=IN_FLIGHT, ledger=SqliteLedger(ledger)
            )
        print("begins", flush=True)
        async with run:
            async for _ in run:
                pass


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[2:]))
