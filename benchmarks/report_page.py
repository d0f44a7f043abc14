"""The page of a report: its size, how long it takes to make, and until a browser has drawn it.

    python -m benchmarks.report_page [--rounds 5]

Made of stories with 3, 300 and 10,000 integrations of four kinds, one in twenty of which failed, with their moments.
Drawn by a headless Chromium of its own for each round, from its file; counted from the begin of the navigation to the
last picture. Of all rounds the best: whatever else a machine does only adds.
"""

import argparse
import asyncio
import platform
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

ONLY_BY_NAME = "it needs a Chromium"
QUICK = ("--rounds", "1", "--most", "300")
REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))
from packcloud_async.reporting import charts  # noqa: E402 - as below
from packcloud_async.reporting.page import Drawing, page_of  # noqa: E402 - as below
from packcloud_async.reporting.story import Story  # noqa: E402 - as below
from tests.reporting.stories import large  # noqa: E402 - it is no installed package
from tests.support.browser import PROGRAM, opened  # noqa: E402 - as above

SIZES = ((1, 3), (30, 10), (1000, 10))
PATIENCE = 300.0


def main() -> int:
    """Measure, and print a table for docs/howto-report.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=10_000, help="leave out runs with more integrations")
    options = parser.parse_args()
    if PROGRAM is None:
        print("no Chromium: Debian has it in the package chromium", file=sys.stderr)
        return 1
    print(f"Python {platform.python_version()}, {PROGRAM}, the best of {options.rounds}")
    print("| run | page | kept | made in | drawn in |")
    print("|---|--:|--:|--:|--:|")
    for organizations, integrations in SIZES:
        jobs = organizations * integrations
        if jobs <= options.most:
            print(_row(organizations, integrations, options.rounds))
    return 0


def _row(organizations: int, integrations: int, rounds: int) -> str:
    story, kept = _story(organizations, integrations)
    made, drawn = list[float](), list[float]()
    page = b""
    for _ in range(rounds):
        began = time.perf_counter()
        page = page_of(story, Drawing(charts.program(), charts.checked))
        made.append(time.perf_counter() - began)
        drawn.append(asyncio.run(_drawn(page)))
    jobs = organizations * integrations
    return (
        f"| {jobs:,} integrations, {jobs * 4:,} syncs | {len(page) / 1e6:.1f} MB | {kept / 1e6:.1f} MB "
        f"| {min(made):.1f} s | {min(drawn):.1f} s |"
    )


def _story(organizations: int, integrations: int) -> tuple[Story, int]:
    """Return a story, and the bytes it keeps."""
    tracemalloc.start()
    story = large(organizations, integrations)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return story, kept


async def _drawn(page: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.html"
        path.write_bytes(page)
        async with asyncio.timeout(PATIENCE), opened(path.as_uri(), Path(folder) / "profile") as tab:
            await tab.until("document.documentElement.dataset.drawn === 'all'")
            # Taken by the page itself, so that whoever asks adds nothing.
            return float(await tab.evaluate("Number(document.documentElement.dataset.seconds)"))


if __name__ == "__main__":
    sys.exit(main())
