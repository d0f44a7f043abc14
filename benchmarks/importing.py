"""What it takes to import the package and to make its first request, against the packages it is built on.

    python -m benchmarks.importing [--rounds 15]

Each row is a piece of Python in a fresh process on the client's core, once a round, in an order drawn anew; the first
round only writes the bytecode, as an installation does. Figures are processor time, user and system, of the whole
process without what an interpreter that does nothing takes; ratios are within one round. The server of the first
request is a thread of the process that measures. Without ``speed`` means that msgspec cannot be imported.

The package loads aiohttp and attrs. cattrs and backoff are loaded by the first wrong answer and the first retry, which
are measured as what they add to a process that made one right request. The last row of the imports is no account of
the rest: it is aiohttp, attrs and as many modules as the package has, with as many classes of as many fields, of which
attrs writes nothing but the constructors; checks, functions and other modules of Python are not in it.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from attrs import evolve, frozen

from benchmarks.arguments import counting
from benchmarks.measuring import fresh
from benchmarks.measuring.answers import integration
from benchmarks.measuring.rounds import noise, spread
from benchmarks.results import FOLDER, ROOT, Cell, Figure, Table, save

QUICK = ("--rounds", "2")

GOAL = 1.15
NOTHING = "pass"
FOUR = "import aiohttp, attrs, cattrs, backoff"
LOADED = "import aiohttp, attrs"
MSGSPEC = f"{FOUR}, msgspec, msgspec.json"
NO_SPEED = "import sys; sys.modules['msgspec'] = None; "
LATER = "import packcloud_async; [getattr(packcloud_async, name) for name in packcloud_async.__all__]"
COUNT = """
import sys, packcloud_async, attrs, json
own = [module for name, module in sys.modules.items() if name.partition(".")[0] == "packcloud_async"]
kinds = {kind for module in own for kind in vars(module).values() if isinstance(kind, type) and attrs.has(kind)}
print(json.dumps([len(own), sorted(len(attrs.fields(kind)) for kind in kinds)]))
"""
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
WRONG_ANSWER = """
import asyncio
from packcloud_async import InvalidResponse, PackCloudClient

async def main():
    async with PackCloudClient(token="t", base_url=URL) as client:
        integrations = client.organization("org_1").integrations
        assert (await integrations.get("int_1")).name
        try:
            await integrations.get("int_wrong")
        except InvalidResponse:
            return
        raise AssertionError("the answer was taken for right")
asyncio.run(main())
"""
RETRY = """
import asyncio
from packcloud_async import PackCloudClient, RetryPolicy

async def main():
    retried = []
    async with PackCloudClient(token="t", base_url=URL, retry=RetryPolicy(first=0), on_retry=retried.append) as client:
        integrations = client.organization("org_1").integrations
        assert (await integrations.get("int_1")).name
        assert (await integrations.get("int_again")).name
    assert len(retried) == 1
asyncio.run(main())
"""


@frozen
class Line:
    """A line of Python, compared with the first of its table."""

    name: str
    code: str
    goal: float | None = None


@frozen
class Loaded:
    """What importing the package makes: so many modules, and classes of attrs by their number of fields."""

    modules: int
    fields: tuple[int, ...]

    @property
    def name(self) -> str:
        """How the table calls it."""
        fields = sum(self.fields)
        much = f"{self.modules} modules, {len(self.fields)} classes of {fields} fields in all"
        return f"aiohttp, attrs, and {much}, with nothing in them"


def loaded() -> Loaded:
    """Count what a fresh interpreter has after importing the package."""
    done = subprocess.run([sys.executable, "-c", COUNT], check=True, capture_output=True, text=True, cwd=ROOT)
    modules, fields = json.loads(done.stdout)
    return Loaded(modules, tuple(fields))


def write_as_much(found: Loaded, folder: Path) -> None:
    """Write a package of that many modules, with the classes in them, and nothing else."""
    package = folder / "as_much"
    package.mkdir()
    names = [f"part_{number}" for number in range(found.modules - 1)]
    (package / "__init__.py").write_text("".join(f"import as_much.{name}\n" for name in names))
    for number, name in enumerate(names):
        classes = enumerate(found.fields[number :: len(names)])
        (package / f"{name}.py").write_text("from attrs import frozen\n" + "".join(_class(*one) for one in classes))


def _class(number: int, fields: int) -> str:
    body = "".join(f"    field_{at}: int\n" for at in range(fields))
    return f"@frozen(eq=False, repr=False)\nclass Kind{number}:\n{body}"


def imports(found: Loaded) -> tuple[Line, ...]:
    """Return what is imported."""
    return (
        Line("the four packages it needs", FOUR),
        Line("aiohttp and attrs, which it loads of them", LOADED),
        Line(OURS, "import packcloud_async", GOAL),
        Line(WITHOUT_SPEED, f"{NO_SPEED}import packcloud_async", GOAL),
        Line("every public name of it", LATER),
        Line("the four and msgspec", MSGSPEC),
        Line(found.name, f"{LOADED}, as_much"),
    )


OURS, WITHOUT_SPEED, TYPED = "`import packcloud_async`", "the same without `speed`", "`PackCloudClient`, typed"
FIRST_REQUESTS = (
    Line("aiohttp, with the four imported", FOUR + RAW_REQUEST),
    Line(TYPED, OUR_REQUEST, GOAL),
    Line(WITHOUT_SPEED, NO_SPEED + OUR_REQUEST, GOAL),
    Line("aiohttp, with the four and msgspec imported", MSGSPEC + RAW_REQUEST),
)
AFTERWARDS = (
    Line("the first wrong answer", WRONG_ANSWER),
    Line(WITHOUT_SPEED, NO_SPEED + WRONG_ANSWER),
    Line("the first retry, waited for no time", RETRY),
)


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    failed = False

    def do_GET(self) -> None:
        """Answer with one integration: with a wrong one, or after a failure, where the path says so."""
        found = integration(1) | ({"name": 1} if self.path.endswith("int_wrong") else {})
        fails = self.path.endswith("int_again") and not self.failed
        self.failed = self.failed or fails
        body = json.dumps({"data": found}).encode()
        self.send_response(503 if fails else 200)
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


def measure(lines: Sequence[str], found: Loaded, *, rounds: int, seed: int) -> Mapping[str, Sequence[float]]:
    """Return the processor time of every line in every round, without that of an interpreter alone."""
    draws = random.Random(seed)
    samples: dict[str, list[float]] = {code: [] for code in lines}
    with tempfile.TemporaryDirectory() as folder:
        write_as_much(found, Path(folder))
        for number in range(rounds + 1):
            took = {
                code: fresh.run([sys.executable, "-c", code], folder=folder).cpu
                for code in draws.sample([*lines, NOTHING], len(lines) + 1)
            }
            if number:
                for code in lines:
                    samples[code].append(took[code] - took[NOTHING])
    return samples


@frozen
class Found:
    """A table's worth: its lines, the first of which the others are compared with, and what each took in each round."""

    title: str
    lines: Sequence[Line]
    samples: Mapping[str, Sequence[float]]

    @property
    def is_noisy(self) -> bool:
        """Whether the machine did something else as well."""
        return self.noise() is not None

    def noise(self) -> str | None:
        """Say why the run cannot be called quiet, None when it can."""
        return noise(spread(self.samples[self.lines[0].code]), self.lines[0].name)

    def figures(self) -> Iterator[Figure]:
        """Yield how many times the first line each of the others takes."""
        for line in self.lines[1:]:
            ratio = spread(self._ratios(line))
            yield Figure(
                name=f"{self.title}: {line.name}: {TO_FIRST}",
                value=ratio.median,
                low=ratio.low,
                high=ratio.high,
                better=None if line.goal is None else "lower",
                goal=line.goal,
                quiet=not self.is_noisy,
            )

    def table(self) -> Table:
        """Put milliseconds and ratios under each other."""
        note = " ".join(filter(None, [NOTE, self.noise()]))
        return Table(self.title, COLUMNS, tuple(self._row(line) for line in self.lines), note)

    def _row(self, line: Line) -> tuple[Cell, ...]:
        ratio = None if line is self.lines[0] else spread(self._ratios(line))
        goal = None if line.goal is None else f"≤ {line.goal:g} {TO_FIRST}"
        reached = None if ratio is None or line.goal is None else "yes" if ratio.median <= line.goal else "**no**"
        took = spread(1000 * one for one in self.samples[line.code])
        return (line.name, str(took), None if ratio is None else str(ratio), goal, reached)

    def _ratios(self, line: Line) -> Iterable[float]:
        return (a / b for a, b in zip(self.samples[line.code], self.samples[self.lines[0].code], strict=True))


def afterwards(lines: Sequence[Line], requests: Mapping[str, Line], samples: Mapping[str, Sequence[float]]) -> Table:
    """Put what the lines add to one right request, of the same round, under each other."""
    rows: list[tuple[Cell, ...]] = []
    for line in lines:
        before = requests[WITHOUT_SPEED if line.name.endswith(WITHOUT_SPEED) else TYPED]
        added = zip(samples[line.code], samples[before.code], strict=True)
        rows.append((line.name, str(spread(1000 * (mine - one) for mine, one in added))))
    return Table("Afterwards, in a process that made one right request", COLUMNS[:2], tuple(rows), ADDED)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=counting, default=15)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args(arguments)
    as_much = loaded()
    with serving() as url:
        requests, later = (
            [evolve(line, code=f"URL = {url!r}\n{line.code}") for line in lines]
            for lines in (FIRST_REQUESTS, AFTERWARDS)
        )
        lines = [line.code for line in (*imports(as_much), *requests, *later)]
        samples = measure(lines, as_much, rounds=options.rounds, seed=options.seed)
    found = (
        Found("Import", imports(as_much), samples),
        Found("Import and first request, until everything is closed", requests, samples),
    )
    save(
        "importing",
        [*(one.table() for one in found), afterwards(later, {line.name: line for line in requests}, samples)],
        figures=[figure for one in found for figure in one.figures()],
        folder=folder,
        seed=options.seed,
        rounds=options.rounds,
    )


TO_FIRST = "x the first row"
COLUMNS = ("what", "processor time, ms", TO_FIRST, "goal", "reached")
ADDED = "Medians and quartiles of what is added to one right request, in the same round. No goal is set."
NOTE = "Medians and quartiles, without the time of an interpreter that does nothing."


if __name__ == "__main__":
    main()
