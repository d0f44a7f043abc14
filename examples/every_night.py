"""Sync every integration of many organizations, and exit with 1 if somebody has to look.

``python examples/every_night.py ORG...``; the token is read from PACKCLOUD_TOKEN.
"""

import asyncio
import sys
from collections.abc import Sequence

from packcloud_async import PackCloudClient, PollPolicy, SyncKind

POLL = PollPolicy(first=2, deadline=600)


async def main(organization_ids: Sequence[str]) -> bool:
    async with (
        PackCloudClient.from_env() as client,
        client.sync_many(organization_ids, kinds={SyncKind.ORDERS, SyncKind.STOCKS}, poll=POLL) as run,
    ):
        async for result in run:
            if result.error is not None:
                print(f"{result.organization_id}/{result.integration_id}: {result.error}")
            for kind in result:
                if result[kind].state.is_failure:
                    print(f"{result.organization_id}/{result.integration_id}: {kind} {result[kind].state}")
    print(run.report)
    return run.report.failed == 0


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(main(sys.argv[1:])) else 1)
