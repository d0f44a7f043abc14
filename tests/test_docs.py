"""Every python block of the README, the docs and the examples runs as it stands, against the emulator."""

import ast
import doctest
import importlib
import inspect
import logging
import pkgutil
import re
from pathlib import Path

import pytest

import packcloud_async
from packcloud_async import PackCloudClient, hooks
from packcloud_async.emulator import Emulator

from .support.readme_commands import commands

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLLOWED = {"tutorial"}
"""Pages whose blocks are programs that need each other: test_tutorial.py runs them in order."""
BLOCK = re.compile(r"^(?:<!-- needs ([\w.]+) -->\n)?```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def blocks(*, sockets):
    return [
        pytest.param(code, needed, id=f"{page.stem}-{number}")
        for page in PAGES
        if page.stem not in FOLLOWED
        for number, (needed, code) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1)
        if (needed == "sockets") == sockets
    ]


@pytest.fixture
def emulated(monkeypatch, tmp_path):
    """Send clients that name no other place to an emulator whose token is the one of the docs, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    emulator = Emulator(token="...")

    class EmulatedClient(PackCloudClient):
        def __init__(self, **options):
            if "base_url" not in options:
                options.setdefault("transport", emulator.transport())
            super().__init__(**options)

    monkeypatch.setattr(packcloud_async, "PackCloudClient", EmulatedClient)
    logger = logging.getLogger("packcloud_async")
    level, handlers = logger.level, list(logger.handlers)
    yield emulator
    logger.setLevel(level)
    logger.handlers[:] = handlers


async def run_block(code):
    program = compile(code, "<documentation>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = {"__name__": "documentation"}
    outcome = eval(program, names)
    if inspect.isawaitable(outcome):
        await outcome
    if '__name__ == "__main__"' in code:
        await names["program"]()


@pytest.mark.parametrize(("code", "needed"), blocks(sockets=False))
async def test_a_block_of_the_documentation_runs(code, needed, emulated):
    if needed:
        pytest.importorskip(needed, reason=f"what the block is about: {needed}")
    await run_block(code)


@pytest.mark.sockets
@pytest.mark.parametrize(("code", "needed"), blocks(sockets=True))
async def test_a_block_of_the_documentation_runs_on_sockets(code, needed):
    await run_block(code)


def test_the_blocks_are_found():
    assert (len(blocks(sockets=False)) >= 14, len(blocks(sockets=True))) == (True, 1)


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
