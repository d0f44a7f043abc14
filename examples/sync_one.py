"""Sync one integration and say what happened: ``python examples/sync_one.py ORG INTEGRATION``.

The token is read from PACKCLOUD_TOKEN.
"""

import asyncio
import sys

from packcloud_async import Advanced, PackCloudClient, ReadMade, SyncKind


async def main(organization_id: str, integration_id: str) -> None:
    async with PackCloudClient.from_env() as client:
        job = client.organization(organization_id).sync_job(integration_id, SyncKind.ORDERS, SyncKind.PRODUCTS)
        async for event in job.events():
            match event:
                case ReadMade():
                    print(f"{event.at:6.1f} s  looked")
                case Advanced():
                    print(f"{event.at:6.1f} s  {event.kind}: {event.step.before} -> {event.step.after}")
        result = await job
        for kind in result:
            print(f"{kind}: {result[kind].state}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
