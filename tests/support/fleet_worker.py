"""A worker of a fleet in a process of its own, which lives until it is told to stop or killed."""

import asyncio
import sys

from packcloud_async import PackCloudClient, RateLimit
from packcloud_async.fleet import Fleet


async def work(dsn, base_url, token, rate=None):
    limit = None if rate is None else RateLimit(float(rate))
    async with Fleet(dsn, lambda: PackCloudClient(token=token, base_url=base_url), rate_limit=limit) as fleet:
        await fleet.run_worker(silent_for=3.0)


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
