"""Every python block of the README, the docs and the examples runs as it stands, against the emulator."""

import ast
import asyncio
import doctest
import importlib
import inspect
import logging
import os
import pkgutil
import re
import signal
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

import packcloud_async
from packcloud_async import PackCloudClient, hooks
from packcloud_async.client import DEFAULT_BASE_URL
from packcloud_async.emulator import Emulator, SyncTimes

from .support.readme_commands import commands

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLLOWED = {"tutorial"}
"""Pages whose blocks are programs that need each other: test_tutorial.py runs them in order."""
BLOCK = re.compile(r"^(?:<!-- needs ([\w.]+) -->\n)?```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


ON_POSTGRES = {"fleet", "database"}
"""What finds a database in PACKCLOUD_DATABASE: with ``fleet`` there is a worker, with ``database`` a run for one."""


def blocks(*, sockets=False, postgres=False):
    return [
        pytest.param(code, needed, id=f"{page.stem}-{number}")
        for page in PAGES
        if page.stem not in FOLLOWED
        for number, (needed, code) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1)
        if (needed == "sockets", needed in ON_POSTGRES) == (sockets, postgres)
    ]


@pytest.fixture
def emulator():
    return Emulator(token="...")


@pytest.fixture
def emulated(monkeypatch, tmp_path, emulator):
    """Send clients that name no other place to an emulator whose token is the one of the docs, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    class EmulatedClient(PackCloudClient):
        def __init__(self, **options):
            if options.get("base_url", DEFAULT_BASE_URL) == DEFAULT_BASE_URL:
                options.setdefault("transport", emulator.transport())
            super().__init__(**options)

    monkeypatch.setattr(packcloud_async, "PackCloudClient", EmulatedClient)
    with logging_kept():
        yield emulator


@contextmanager
def logging_kept():
    """Give every logger back the level and the handlers it had: a page may set those of any package."""
    root = logging.getLogger()

    def loggers():
        return [root, *(each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger))]

    before = {logger: (logger.level, list(logger.handlers)) for logger in loggers()}
    try:
        yield
    finally:
        for logger in loggers():
            level, handlers = before.get(logger, (logging.NOTSET, []))
            logger.setLevel(level)
            for added in [handler for handler in logger.handlers if handler not in handlers]:
                logger.removeHandler(added)


async def run_block(code):
    program = compile(code, "<documentation>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = {"__name__": "documentation"}
    outcome = eval(program, names)
    if inspect.isawaitable(outcome):
        await outcome
    if '__name__ == "__main__"' in code:
        await names["program"]()


@pytest.mark.parametrize(("code", "needed"), blocks())
async def test_a_block_of_the_documentation_runs(code, needed, emulated):
    if needed:
        pytest.importorskip(needed, reason=f"what the block is about: {needed}")
    await run_block(code)


@pytest.mark.sockets
@pytest.mark.parametrize(("code", "needed"), blocks(sockets=True))
async def test_a_block_of_the_documentation_runs_on_sockets(code, needed):
    await run_block(code)


class TestBlocksOnPostgres:
    """Blocks of fleets, on a real database and real time."""

    pytestmark = pytest.mark.sockets

    @pytest.fixture
    def emulator(self):
        # Every sync finds something, soon: whoever watches has nothing to wait for.
        return Emulator(token="...", sync_times=SyncTimes(median=0.3, spread=0.1, finds_nothing=0))

    @pytest.fixture
    def database(self, fleet_database, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_DATABASE", fleet_database)
        monkeypatch.setenv("PACKCLOUD_TOKEN", "...")
        return fleet_database

    @staticmethod
    @asynccontextmanager
    async def worker(database):
        from packcloud_async.fleet import Fleet

        async with Fleet(database, packcloud_async.PackCloudClient.from_env) as fleet:
            working = asyncio.create_task(fleet.run_worker(stop_on=()))
            yield
            working.cancel()
            await asyncio.wait([working])

    @staticmethod
    async def stop_when_worked(database, block):
        """Submit a run, and send SIGTERM when it is over; what works by then ends in good order."""
        from packcloud_async.fleet import Fleet

        async with Fleet(database) as fleet:
            run_id = await fleet.submit(["org_1"], kinds={"stocks"})
            results = asyncio.create_task(anext(fleet.results(run_id)))
            await asyncio.wait([results, block], timeout=60, return_when=asyncio.FIRST_COMPLETED)
            if block.done():
                # It does not work, but did what it does.
                results.cancel()
                await asyncio.wait([results])
            else:
                assert results.result().organization_id == "org_1"
                os.kill(os.getpid(), signal.SIGTERM)

    @pytest.mark.parametrize(("code", "needed"), blocks(postgres=True))
    async def test_a_block_of_the_documentation_runs(self, code, needed, database, emulated):
        if needed == "fleet":
            async with self.worker(database):
                await run_block(code)
            return
        block = asyncio.create_task(run_block(code))
        await self.stop_when_worked(database, block)
        await block


def test_the_blocks_are_found():
    assert (len(blocks()) >= 14, len(blocks(sockets=True)), len(blocks(postgres=True)) >= 4) == (True, 1, True)


MODULES = [
    module.name
    for module in pkgutil.walk_packages(packcloud_async.__path__, "packcloud_async.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_run(name):
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in finder.find(module, extraglobs=vars(packcloud_async)):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


def test_the_readme_begins_with_two_commands():
    demo, tests = commands()
    assert "packcloud demo" in demo
    assert tests.endswith("pytest -q -n auto --dist loadfile")
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:24]
    assert sum(line == "```sh" for line in first_screen) == 2


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_public_name_is_in_the_reference():
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    errors = set(vars(packcloud_async.errors))
    aliases = {"JsonValue", "SyncEvent", "Unset"}
    missing = [
        name
        for name in packcloud_async.__all__
        if name not in errors | aliases and f"packcloud_async.{name}\n" not in reference
    ]
    assert missing == []
    told = [
        name for name in hooks.__all__ if name != "HookEvent" and f"packcloud_async.hooks.{name}\n" not in reference
    ]
    assert told == []
