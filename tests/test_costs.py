"""What the package costs, by counting: modules loaded, bytes and objects kept. No clock is asked."""

import ast
import asyncio
import gc
import subprocess
import sys
import tomllib
import tracemalloc
from pathlib import Path

import pytest
from attrs import evolve, frozen

import packcloud_async
from benchmarks.decoders import ours
from benchmarks.lean_server import LeanServer
from benchmarks.models import page
from packcloud_async import Integration, PackCloudClient, PollPolicy, SyncKind, bulk_runs, syncs
from packcloud_async.version import VERSION

ROOT = Path(__file__).parent.parent
ONLY_WHEN_NEEDED = {
    "sqlite3": "a ledger",
    "tomllib": "a file of routes",
    "html.entities": "the text of an error",
    "importlib.metadata": "nothing: the version is written down",
    "cattrs": "the message of a wrong answer",
    "backoff": "a retry",
    "msgspec": "a document",
    "click": "the command line",
    "rich": "the command line",
    "concurrent.futures.thread": "a ledger",
    "packcloud_async.bulk": "a bulk run",
    "packcloud_async.ledger": "a ledger",
    "packcloud_async.shipping_probe": "a sync",
    "packcloud_async.sync_job": "a sync",
    "packcloud_async.watch": "a sync",
    "packcloud_async._sansio.progress": "a sync",
    "packcloud_async._io.telling": "a hook, a retry or a sync",
    "packcloud_async.hooks": "a hook",
    "opentelemetry": "the hook of the extra otel",
    "packcloud_async.emulator": "tests",
    "packcloud_async.testing": "tests",
    "packcloud_async.cli": "the command line",
}


def loaded_by(code: str) -> set[str]:
    """The modules a fresh interpreter has loaded after running this."""
    told = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True, cwd=ROOT)
    return set(done.stdout.split())


def test_an_import_loads_what_a_request_needs_and_no_more():
    loaded = loaded_by("import packcloud_async")
    assert {"packcloud_async.client", "packcloud_async._io.transport"} <= loaded
    assert not loaded & set(ONLY_WHEN_NEEDED)


def test_an_import_loads_few_modules_beside_those_of_its_dependencies():
    of_dependencies = loaded_by("import aiohttp, attrs, cattrs, backoff")
    foreign = loaded_by("import sys; sys.modules['msgspec'] = None; import packcloud_async") - of_dependencies
    own = {name for name in foreign if name.partition(".")[0] == "packcloud_async"}
    assert len(own) <= 55
    assert foreign - own <= {"msgspec"}


GENERATED = """
import attrs, sys, packcloud_async
own = [module for name, module in sys.modules.items() if name.partition(".")[0] == "packcloud_async"]
kinds = {kind for module in own for kind in vars(module).values() if isinstance(kind, type) and attrs.has(kind)}
written = {
    (kind.__name__, name)
    for kind in kinds
    for name, made in vars(kind).items()
    if getattr(getattr(made, "__code__", None), "co_filename", "").startswith("<attrs generated")
}
print(len(kinds), *sorted(f"{name}.{method}" for name, method in written))
"""


def test_an_import_has_attrs_write_constructors_and_nothing_else():
    """Each other method costs as much as a plain class: ``_sansio/values.py`` has them for all."""
    done = subprocess.run([sys.executable, "-c", GENERATED], check=True, capture_output=True, text=True, cwd=ROOT)
    classes, *written = done.stdout.split()
    assert int(classes) <= 72
    assert len(written) >= 50
    # The latter stands where a class has a constructor of its own.
    assert {name.partition(".")[2] for name in written} <= {"__init__", "__attrs_init__"}


FIRST_REQUEST = """
import asyncio
from packcloud_async import PackCloudClient, Response
from tests.io.connecting import INTEGRATION
import json

class Answering:
    async def send(self, request):
        return Response(200, {}, json.dumps({"data": INTEGRATION}).encode())

    async def aclose(self):
        pass

async def main():
    async with PackCloudClient(token="t", transport=Answering()) as client:
        assert (await client.organization("org_1").integrations.get("int_1")).id
asyncio.run(main())
"""


@pytest.mark.parametrize("speed", [True, False], ids=["speed", "standard library"])
def test_a_first_request_loads_a_decoder_and_no_more(speed):
    if speed:
        pytest.importorskip("msgspec", reason="the extra speed")
    without = "" if speed else "sys.modules['msgspec'] = None; "
    before = loaded_by(f"{without}import packcloud_async, tests.io.connecting")
    loaded = loaded_by(f"{without}exec({FIRST_REQUEST!r})") - before
    assert ("msgspec" in loaded) is speed
    assert not {name.partition(".")[0] for name in loaded} & {"cattrs", "backoff", "packcloud_async"}


def test_what_is_loaded_later_is_what_type_checkers_see():
    tree = ast.parse(Path(packcloud_async.__file__).read_text(encoding="utf-8"))
    (later,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {found.module: [one.name for one in found.names] for found in later.body}
    assert seen == {module.__name__: module.__all__ for module in (bulk_runs, syncs)}
    assert {name for names in seen.values() for name in names} <= set(packcloud_async.__all__)


def test_every_public_name_is_there_and_listed():
    for name in packcloud_async.__all__:
        found = getattr(packcloud_async, name)
        assert getattr(packcloud_async, name) is found
    assert set(packcloud_async.__all__) <= set(dir(packcloud_async))


def test_dir_tells_of_names_that_are_not_loaded_yet():
    code = "import packcloud_async; assert 'SyncRun' in dir(packcloud_async) and 'SyncRun' not in vars(packcloud_async)"
    assert "packcloud_async.bulk" not in loaded_by(code)


def test_a_sync_needs_no_ledger():
    loaded = loaded_by("from packcloud_async import AsyncSyncJob, SyncResult")
    assert "packcloud_async.sync_job" in loaded
    assert not loaded & {"sqlite3", "packcloud_async.ledger", "packcloud_async.bulk"}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'packcloud_async' has no attribute 'SyncRnu'"):
        packcloud_async.SyncRnu  # noqa: B018 - looked up for its error


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
PATIENT = PollPolicy(first=1_000, ceiling=1_000, deadline=100_000)


@frozen
class Kept:
    """What is in use: bytes, and objects the garbage collector knows."""

    size: int
    objects: int

    def each(self, other: "Kept", number: int) -> "Kept":
        """What each of so many more takes."""
        return Kept(round((other.size - self.size) / number), round((other.objects - self.objects) / number))


def kept() -> Kept:
    gc.collect()
    return Kept(tracemalloc.get_traced_memory()[0], len(gc.get_objects()))


@pytest.fixture
def _traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def fired(server, number):
    async with asyncio.timeout(900):
        while server.counts["posts"] < number * len(KINDS):  # noqa: ASYNC110 - the server has nothing to wait for
            await asyncio.sleep(1)
    await asyncio.sleep(1)


async def watching(organizations, integrations):
    """What a run keeps while it watches so many."""
    server = LeanServer(integrations_of=lambda _: integrations, takes=lambda _: None)
    async with PackCloudClient(token="t", transport=server) as client:
        targets = [f"org_{number}" for number in range(organizations)]
        async with client.sync_many(targets, kinds=KINDS, poll=PATIENT, max_organizations=organizations):
            await fired(server, organizations * integrations)
            return kept()


async def awaiting(jobs):
    """What so many jobs keep that are each awaited by a task."""
    server = LeanServer(integrations_of=lambda _: 100, takes=lambda _: None)

    async def sync(number):
        await client.organization("org_1").sync(f"int_{number}", *KINDS, poll=PATIENT)

    async with PackCloudClient(token="t", transport=server) as client:
        tasks = [asyncio.create_task(sync(number)) for number in range(jobs)]
        await fired(server, jobs)
        found = kept()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return found


async def over(organizations):
    """What a run keeps when so many organizations are over, a few of them at once, and nobody keeps their results."""
    server = LeanServer(integrations_of=lambda _: 1, takes=lambda _: 1.0)
    async with PackCloudClient(token="t", transport=server) as client:
        targets = (f"org_{number}" for number in range(organizations))
        async with client.sync_many(targets, kinds=KINDS, max_organizations=20) as run:
            async for result in run:
                server.forget(result.organization_id, result.integration_id)
            del result
            return kept()


async def finished(organizations, integrations):
    """The results of so many syncs that each found something."""
    server = LeanServer(integrations_of=lambda _: integrations, takes=lambda _: 1.0)
    async with PackCloudClient(token="t", transport=server) as client:
        targets = [f"org_{number}" for number in range(organizations)]
        async with client.sync_many(targets, kinds=KINDS) as run:
            return [result async for result in run]


class Watching(LeanServer):
    """Counts the models that are alive whenever a page is asked for."""

    def __init__(self, **options):
        super().__init__(**options)
        self.alive = []

    async def send(self, request):
        if request.method == "GET":
            self.alive.append(sum(type(one) is Integration for one in gc.get_objects()))
        return await super().send(request)


class Shifting(LeanServer):
    """Shows the last of each page once more, as the first of the next."""

    def _page(self, path, organization_id, first, now):
        found = super()._page(path, organization_id, first, now)
        if (end := first + self._per_page) >= self._integrations_of(organization_id):
            return found
        return evolve(found, body=found.body.replace(f"cursor={end}".encode(), f"cursor={end - 1}".encode()))


@pytest.mark.own_interpreter
async def test_a_run_keeps_no_more_models_than_those_of_a_page():
    gc.collect()
    server = Watching(integrations_of=lambda _: 100, takes=lambda _: 1.0)
    async with (
        PackCloudClient(token="t", transport=server) as client,
        client.sync_many(["org_1"], kinds=KINDS) as run,
    ):
        assert sum([not result.failed async for result in run]) == 100
    assert len(server.alive) >= 4
    assert max(server.alive) <= 25


async def test_what_a_list_that_shifts_shows_twice_is_synced_once():
    server = Shifting(integrations_of=lambda _: 60, takes=lambda _: 1.0)
    async with (
        PackCloudClient(token="t", transport=server) as client,
        client.sync_many(["org_1"], kinds=KINDS) as run,
    ):
        found = [result.integration_id async for result in run]
    assert sorted(found) == sorted(f"int_{number}" for number in range(1, 61))
    assert server.counts["posts"] == 120


@pytest.mark.own_interpreter
@pytest.mark.usefixtures("_traced")
class TestKept:
    """Bytes by tracemalloc, as the difference of two sizes, so that what is needed once is not counted.

    Each begins with the larger one, because caches and tables keep the memory of their largest day.
    """

    async def test_a_watched_job_is_a_kibibyte_and_a_handful_of_objects(self):
        await watching(4, 100)
        each = (await watching(2, 100)).each(await watching(4, 100), 200)
        assert 500 < each.size <= 1024
        # Its machine and the states of two kinds, its place in the watch, and what is shared by a hundred of them.
        assert 4 <= each.objects <= 6

    async def test_an_organization_of_two_is_a_few_kibibytes(self):
        await watching(160, 2)
        each = (await watching(60, 2)).each(await watching(160, 2), 100)
        assert 2 * 500 < each.size <= 5.5 * 1024
        assert 10 < each.objects <= 48

    async def test_a_job_that_a_task_awaits_is_five_kibibytes(self):
        await awaiting(90)
        each = (await awaiting(10)).each(await awaiting(90), 80)
        assert 1500 < each.size <= 5 * 1024

    async def test_what_is_over_leaves_next_to_nothing(self):
        await over(500)
        each = (await over(100)).each(await over(500), 400)
        assert each.size <= 32
        assert each.objects == 0

    async def test_a_result_is_its_values_and_little_more(self):
        await finished(3, 100)
        before = kept()
        results = await finished(3, 100)
        assert all(outcome.seen_at for result in results for outcome in result.kinds.values())
        each = before.each(kept(), len(results))
        # A third of it are the texts of the API.
        assert 500 < each.size <= 1010
        assert 3 <= each.objects <= 9

    @pytest.mark.parametrize(("extra", "most", "objects"), [(False, 640, 1), (True, 1180, 2)])
    def test_a_model_is_its_values_and_little_more(self, extra, most, objects):
        decode, models = ours(), []
        decode(page(0, extra=extra))
        before = kept()
        for first in range(100, 600, 100):
            models += decode(page(first, extra=extra))
        each = before.each(kept(), len(models))
        assert 400 < each.size <= most
        # A model without unknown fields has no dict of its own.
        assert each.objects == objects
