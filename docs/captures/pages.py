"""``python -m docs.captures.pages`` makes the pictures of pages in a browser anew; it needs Chromium.

A page is alive, and so is its browser: unlike the pictures of the command line these differ from one time to the next.
"""

import asyncio
import base64
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import click
from attrs import frozen

from packcloud_async import PackCloudClient, PollPolicy, RateLimit, SyncKind
from packcloud_async.emulator import Distribution, Emulator, SyncTimes, plans_from
from packcloud_async.reporting import charts
from packcloud_async.reporting.page import Drawing, page_of
from packcloud_async.reporting.recording import Recording
from tests.support.browser import PROGRAM, opened

PICTURES: Final = Path(__file__).parents[1] / "pictures"
PATIENCE: Final = 60.0
"""Seconds that a page has to come to where it is drawn."""


@frozen
class Page:
    """A page at the address that ``served`` gives, drawn when the expression ``ready`` is true in it."""

    served: Callable[[], AbstractAsyncContextManager[str]]
    ready: str
    width: int = 1000
    highest: int = 1400


@asynccontextmanager
async def _emulator_at_work() -> AsyncGenerator[str]:
    """Serve an emulator with its page, while a client syncs its organizations and meets faults."""
    emulator = Emulator(
        organizations=2,
        integrations=1,
        sync_times=SyncTimes(median=20, spread=15, distribution=Distribution.UNIFORM),
        faults=plans_from(["sync_stocks:503:x1", "sync_orders:drop_after:x1", "*:latency:0.02-0.09"]),
    )
    async with emulator.serve(page=True) as served, asyncio.TaskGroup() as group:
        syncing = group.create_task(_sync(emulator, served.base_url))
        try:
            yield f"{served.base_url}/"
        finally:
            syncing.cancel()


async def _sync(emulator: Emulator, base_url: str) -> None:
    async with (
        PackCloudClient(token=emulator.token, base_url=base_url) as client,
        client.sync_many(emulator.organization_ids, kinds=set(SyncKind)) as run,
    ):
        async for _ in run:
            pass


@asynccontextmanager
async def _report_of_a_run() -> AsyncGenerator[str]:
    """Write the report of a run in which some syncs fail, and give the address of the file."""
    emulator = Emulator(
        organizations=12,
        integrations=6,
        sync_times=SyncTimes(median=3, spread=2.5, distribution=Distribution.UNIFORM),
        faults=plans_from(["sync_orders:422:x3", "GET *:429:x2", "*:latency:0.02-0.09"]),
    )
    recording = Recording(planned=emulator.world.organizations)
    async with (
        emulator.serve() as served,
        PackCloudClient(
            token=emulator.token, base_url=served.base_url, hooks=[recording], rate_limit=RateLimit(80)
        ) as client,
    ):
        recording.budget = lambda: client.budget
        poll = PollPolicy(first=0.5, ceiling=1, deadline=5)
        async with client.sync_many(emulator.organization_ids, kinds=set(SyncKind), poll=poll) as run:
            async for _ in run:
                pass
        story = recording.story()
    assert story is not None
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "run.html"
        page.write_bytes(page_of(story, Drawing(charts.program(), charts.checked)))
        yield page.as_uri()


PAGES: Final[Mapping[str, Page]] = {
    "emulator-page": Page(
        _emulator_at_work,
        ready="document.querySelectorAll('#running tbody tr').length >= 6"
        " && document.querySelector('#requests').textContent.includes('503')",
    ),
    "report-page": Page(
        _report_of_a_run,
        ready="document.querySelectorAll('.main-svg').length >= 4",
        width=900,
        highest=1560,
    ),
}


async def picture_of(name: str, profile: Path) -> bytes:
    """Open a page in a browser with a new profile; return its picture as PNG.

    Raises :class:`RuntimeError` when the page complains, and :class:`TimeoutError` when it is never ready.
    """
    page = PAGES[name]
    async with asyncio.timeout(PATIENCE), page.served() as url, opened(url, profile) as tab:
        await tab.ask("Emulation.setScrollbarsHidden", hidden=True)
        size = {"width": page.width, "deviceScaleFactor": 1, "mobile": False}
        await tab.ask("Emulation.setDeviceMetricsOverride", height=page.highest, **size)
        await tab.until(page.ready)
        height = await tab.evaluate("Math.ceil(document.body.getBoundingClientRect().bottom)")
        await tab.ask("Emulation.setDeviceMetricsOverride", height=min(height + 16, page.highest), **size)
        shot = await tab.ask("Page.captureScreenshot", format="png")
        if tab.complaints:
            raise RuntimeError(f"{name}: {tab.complaints}")
        return base64.b64decode(shot["data"])


@click.command()
@click.argument("pages", nargs=-1, type=click.Choice(list(PAGES)))
def main(pages: tuple[str, ...]) -> None:
    """Make the pictures of PAGES anew, by default all of them, in docs/pictures."""
    if PROGRAM is None:
        raise click.ClickException("there is no Chromium: Debian has it in the package chromium")
    for name in pages or PAGES:
        with tempfile.TemporaryDirectory() as profile:
            png = asyncio.run(picture_of(name, Path(profile)))
        (PICTURES / f"{name}.png").write_bytes(png)
        click.echo(f"docs/pictures/{name}.png: {len(png) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
