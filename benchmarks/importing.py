"""What it takes to import the package and to make its first request, against the packages it is built on.

    python -m benchmarks.importing [--rounds 15]

Each row is a piece of Python in a fresh process on the client's core, once a round, in an order drawn anew; the first
round only writes the bytecode, as an installation does. Figures are processor time, user and system, of the whole
process without what an interpreter that does nothing takes; ratios are within one round. The server of the first
request is a thread of the process that measures. Without ``speed`` means that msgspec cannot be imported.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from attrs import frozen

from benchmarks.measuring import cores
from benchmarks.measuring.answers import integration
from benchmarks.measuring.rounds import spread
from benchmarks.results import FOLDER, ROOT, Cell, Table, save

QUICK = ("--rounds", "2")

GOAL = 1.15
NOTHING = "pass"
FOUR = "import aiohttp, attrs, cattrs, backoff"
NO_SPEED = "import sys; sys.modules['msgspec'] = None; "
LATER = "import packcloud_async; [getattr(packcloud_async, name) for name in packcloud_async.__all__]"
RAW_REQUEST = """
import asyncio, json
async def main():
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer t"}) as session:
        async with session.get(URL + "/v1/organizations/org_1/integrations/int_1") as answer:
            answer.raise_for_status()
            assert json.loads(await answer.read())["data"]["name"]
asyncio.run(main())
"""
OUR_REQUEST = """
import asyncio
from packcloud_async import PackCloudClient

async def main():
    async with PackCloudClient(token="t", base_url=URL) as client:
        assert (await client.organization("org_1").integrations.get("int_1")).name
asyncio.run(main())
"""


@frozen
class Line:
    """A line of Python; ``against`` is the one it is compared with."""

    name: str
    code: str
    against: str | None = None
    goal: float | None = None


IMPORTS = (
    Line("the four packages it needs", FOUR),
    Line("`import packcloud_async`", "import packcloud_async", FOUR, GOAL),
    Line("the same without `speed`", f"{NO_SPEED}import packcloud_async", FOUR, GOAL),
    Line("every public name of it", LATER, FOUR),
)
FIRST_REQUESTS = (
    Line("aiohttp, with the four imported", FOUR + RAW_REQUEST),
    Line("`PackCloudClient`, typed", OUR_REQUEST, FOUR + RAW_REQUEST, GOAL),
    Line("the same without `speed`", NO_SPEED + OUR_REQUEST, FOUR + RAW_REQUEST, GOAL),
)


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with one integration."""
        body = json.dumps({"data": integration(1)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base calls it
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """Answer every GET with one integration until the block ends; give the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def cpu(code: str, *, cache: str) -> float:
    """Run a line in a fresh process; return the seconds of processor time it took."""
    environment = {**cores.environment(), "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
    if cores.CLIENT_CORE is not None:
        os.sched_setaffinity(process.pid, {cores.CLIENT_CORE})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"a line ended with status {process.returncode}; see its traceback above")
    return used.ru_utime + used.ru_stime


def measure(lines: Sequence[str], *, rounds: int, seed: int) -> Mapping[str, Sequence[float]]:
    """Return the processor time of every line in every round, without that of an interpreter alone."""
    draws = random.Random(seed)
    samples: dict[str, list[float]] = {code: [] for code in lines}
    with tempfile.TemporaryDirectory() as cache:
        for number in range(rounds + 1):
            found = {code: cpu(code, cache=cache) for code in draws.sample([*lines, NOTHING], len(lines) + 1)}
            if number:
                for code in lines:
                    samples[code].append(found[code] - found[NOTHING])
    return samples


def table(title: str, lines: Sequence[Line], samples: Mapping[str, Sequence[float]], *, prefix: str = "") -> Table:
    """Put milliseconds and ratios under each other."""
    rows: list[tuple[Cell, ...]] = []
    for line in lines:
        mine = samples[prefix + line.code]
        ratio: Cell = None
        if line.against is not None:
            ratio = str(spread(a / b for a, b in zip(mine, samples[prefix + line.against], strict=True)))
        goal = None if line.goal is None else f"<= {line.goal:g}"
        rows.append((line.name, str(spread(1000 * one for one in mine)), ratio, goal))
    return Table(title, COLUMNS, tuple(rows), NOTE)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args(arguments)
    with serving() as url:
        prefix = f"URL = {url!r}\n"
        lines = [line.code for line in IMPORTS] + [prefix + line.code for line in FIRST_REQUESTS]
        samples = measure(lines, rounds=options.rounds, seed=options.seed)
    tables = [
        table("Import", IMPORTS, samples),
        table("Import and first request, until everything is closed", FIRST_REQUESTS, samples, prefix=prefix),
    ]
    save("importing", tables, folder=folder)


COLUMNS = ("what", "processor time, ms", "x the first row", "goal")
NOTE = "Medians and quartiles, without the time of an interpreter that does nothing."


if __name__ == "__main__":
    main()
