"""A worker of a fleet in a process of its own, which lives until it is told to stop or killed."""

import asyncio
import sys

from packcloud_async import PackCloudClient, RateLimit
from packcloud_async.fleet import Fleet


async def work(dsn, base_url, token, silent_for="1.5", rate="0"):
    limit = RateLimit(float(rate)) if float(rate) else None
    async with Fleet(dsn, lambda: PackCloudClient(token=token, base_url=base_url), rate_limit=limit) as fleet:
        await fleet.run_worker(silent_for=float(silent_for))


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
