"""The programs in examples/ do what they say, against a served emulator."""

import asyncio
import importlib.util
import json
import re
import runpy
import socket
import sqlite3
import sys
import types
from collections import Counter
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from packcloud_async import SyncKind, read_ledger
from packcloud_async.emulator import Emulator, FaultPlan, SyncTimes

pytestmark = pytest.mark.sockets
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
async def served(monkeypatch):
    emulator = Emulator(sync_times=SyncTimes(median=0.2, spread=0.1))
    async with emulator.serve() as served:
        monkeypatch.setenv("PACKCLOUD_TOKEN", emulator.token)
        monkeypatch.setenv("PACKCLOUD_BASE_URL", served.base_url)
        yield emulator


def program(name):
    return runpy.run_path(str(EXAMPLES / name))["main"]


async def test_sync_one_shows_the_change(served, capsys):
    await program("sync_one.py")("org_1", "int_2")
    told = capsys.readouterr().out
    assert "orders: advanced" in told
    assert "products: advanced" in told
    assert " -> 2026-01-01T" in told


async def test_every_night_reports_and_says_whether_somebody_has_to_look(served, capsys):
    assert await program("every_night.py")(["org_1", "org_2"]) is True
    assert "orders: 8 advanced" in capsys.readouterr().out
    assert await program("every_night.py")(["org_1", "org_99"]) is False
    assert "org_99/None: GET /v1/organizations/org_99/integrations: 404" in capsys.readouterr().out


def module(name):
    """An example as a module of its own, new for each test."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, EXAMPLES / name)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


async def until(is_so):
    """Ask again until it is so, as a user of these services would."""
    async with asyncio.timeout(30):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.05)


def needs(package):
    return pytest.importorskip(package, reason=f"{package} is in the extra examples")


SLOW_POSTS = FaultPlan(routes={"sync_orders"}, latency=0.5)


def is_sent_to(emulator):
    async def is_sent():
        return emulator.counters.calls["POST", "sync_orders"] == 1

    return is_sent


def phase_in(token):
    return json.loads(token)["kinds"]["orders"]["phase"]


class TestFastApiService:
    """Started and stopped by uvicorn, asked over HTTP."""

    @pytest.fixture(autouse=True)
    def folder(self, monkeypatch, tmp_path):
        needs("fastapi")
        monkeypatch.setenv("SYNCS", str(tmp_path / "syncs"))
        return tmp_path / "syncs"

    @staticmethod
    @asynccontextmanager
    async def running():
        uvicorn = needs("uvicorn")
        # Listening before the server is up, so that nobody has to wait for that.
        with socket.create_server(("127.0.0.1", 0)) as listening:
            app = module("fastapi_service.py").app
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="error", lifespan="on"))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.serve(sockets=[listening]))
                host, port = listening.getsockname()
                async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
                    yield session
                server.should_exit = True

    @staticmethod
    async def start(session, integration_id, *kinds, organization_id="org_1"):
        path = f"/organizations/{organization_id}/integrations/{integration_id}/syncs"
        async with session.post(path, params=[("kind", kind) for kind in kinds]) as answer:
            return answer.status, await answer.json()

    @staticmethod
    async def ask(session, path):
        async with session.get(path) as answer:
            return await answer.json()

    async def done(self, session, path):
        async def is_done():
            return (await self.ask(session, path))["done"]

        await until(is_done)
        return await self.ask(session, path)

    async def test_a_sync_is_started_and_its_status_told(self, served):
        async with self.running() as session:
            status, told = await self.start(session, "int_2", "orders", "products")
            assert status == 202
            assert await self.done(session, told["status"]) == {
                "organization": "org_1",
                "integration": "int_2",
                "done": True,
                "outcomes": {"orders": "advanced", "products": "advanced"},
                "error": None,
            }

    async def test_what_cannot_be_read_is_told_and_not_kept(self, served, folder):
        async with self.running() as session:
            _, told = await self.start(session, "int_99", "orders")
            assert "404" in (await self.done(session, told["status"]))["error"]
        assert list(folder.iterdir()) == []

    async def test_what_cannot_be_meant_is_refused(self, served):
        async with self.running() as session:
            assert (await self.start(session, "int_2", "everything"))[0] == 422
            assert (await self.start(session, "int_2"))[0] == 422
            async with session.get("/syncs/nobody") as answer:
                assert answer.status == 404
        assert served.counters.total == 0

    async def test_a_sync_survives_a_restart_and_is_not_sent_again(self, served, folder):
        served.plan_sync("org_1", "int_2", SyncKind.ORDERS, moves=[(1.5, "2026-03-01T10:00:00Z")])
        async with self.running() as session:
            _, told = await self.start(session, "int_2", "orders")

            async def is_sent():
                return served.counters.calls["POST", "sync_orders"] == 1

            await until(is_sent)
            assert not (await self.ask(session, told["status"]))["done"]
        (folder / "damaged.json").write_text("{", encoding="utf-8")
        async with self.running() as session:
            assert (await self.done(session, told["status"]))["outcomes"] == {"orders": "advanced"}
        assert served.counters.calls["POST", "sync_orders"] == 1
        async with self.running() as session:
            assert (await self.done(session, told["status"]))["outcomes"] == {"orders": "advanced"}

    async def test_a_stop_while_a_post_is_under_way_sends_it_no_second_time(self, served, folder):
        served.set_faults([SLOW_POSTS])
        async with self.running() as session:
            _, told = await self.start(session, "int_2", "orders")
            await until(is_sent_to(served))
        served.set_faults([])
        async with self.running() as session:
            assert (await self.done(session, told["status"]))["outcomes"] == {"orders": "advanced"}
        assert served.counters.calls["POST", "sync_orders"] == 1

    async def test_what_is_saved_says_that_it_was_sent_while_it_is_watched(self, served, folder):
        served.plan_sync("org_1", "int_2", SyncKind.ORDERS, moves=[(60, "2026-03-01T10:00:00Z")])
        async with self.running() as session:
            await self.start(session, "int_2", "orders")

            async def is_saved():
                return [phase_in(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")] == ["accepted"]

            await until(is_saved)

    async def test_what_is_unexpected_in_one_sync_does_not_end_the_others(self, served, folder, caplog):
        async with self.running() as session:
            _, other = await self.start(session, "int_4", "orders")
            _, told = await self.start(session, "int_2", "orders")
            for path in folder.iterdir():
                if path.stem in told["status"]:
                    path.unlink()
                    path.mkdir()
            assert (await self.done(session, told["status"]))["error"] == "unexpected; see the log"
            assert (await self.done(session, other["status"]))["outcomes"] == {"orders": "advanced"}
        assert [record.exc_info[0] for record in caplog.records] == [IsADirectoryError]


class TestAiohttpService:
    @staticmethod
    @asynccontextmanager
    async def running(database):
        runner = web.AppRunner(module("aiohttp_service.py").make_app(str(database)))
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0]
            async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
                yield session
        finally:
            await runner.cleanup()

    @staticmethod
    async def change(session, integration_id, organization_id="org_1"):
        path = URL(f"/changed/{organization_id}/{integration_id}", encoded=True)
        async with session.post(path) as answer:
            return answer.status

    @staticmethod
    async def told(session):
        async with session.get("/shops") as answer:
            return await answer.json()

    async def until_told(self, session, shop, word):
        async def is_told():
            return word in (await self.told(session)).get(shop, "")

        await until(is_told)

    async def test_changes_during_a_sync_make_one_more(self, served, tmp_path):
        async with self.running(tmp_path / "tokens.sqlite") as session:
            assert [await self.change(session, "int_2") for _ in range(5)] == [202] * 5
            await self.until_told(session, "org_1/int_2", "under way")

            async def are_two():
                return len(served.books.of("org_1", "int_2", SyncKind.ORDERS)) == 2

            await until(are_two)
            await self.until_told(session, "org_1/int_2", "advanced")
        assert served.counters.calls["POST", "sync_orders"] == 2

    async def test_what_was_under_way_goes_on_after_a_restart_and_once_more(self, served, tmp_path):
        served.plan_sync("org_1", "int_2", SyncKind.ORDERS, moves=[(1.0, "2026-03-01T10:00:00Z")])
        async with self.running(tmp_path / "tokens.sqlite") as session:
            await self.change(session, "int_2")

            async def is_sent():
                return served.counters.calls["POST", "sync_orders"] == 1

            await until(is_sent)
        first = served.books.of("org_1", "int_2", SyncKind.ORDERS)
        assert len(first) == 1
        with closing(sqlite3.connect(tmp_path / "tokens.sqlite")) as database, database:
            database.execute("INSERT INTO syncs VALUES ('org_1', 'int_9', 'damaged')")
        async with self.running(tmp_path / "tokens.sqlite") as session:
            await self.until_told(session, "org_1/int_2", "advanced")
        assert [
            run.accepted_at >= first[0].ends_at for run in served.books.of("org_1", "int_2", SyncKind.ORDERS)[1:]
        ] == [True]

    async def test_a_stop_while_a_post_is_under_way_sends_it_no_second_time(self, served, tmp_path):
        served.set_faults([SLOW_POSTS])
        async with self.running(tmp_path / "tokens.sqlite") as session:
            await self.change(session, "int_2")
            await until(is_sent_to(served))
        served.set_faults([])
        assert [phase_in(token) for token in self.tokens(tmp_path)] == ["sent"]

    async def test_what_is_kept_says_that_it_was_sent_and_goes_when_it_is_done(self, served, tmp_path):
        served.plan_sync("org_1", "int_2", SyncKind.ORDERS, moves=[(1.0, "2026-03-01T10:00:00Z")])
        async with self.running(tmp_path / "tokens.sqlite") as session:
            await self.change(session, "int_2")

            async def is_kept():
                return [phase_in(token) for token in self.tokens(tmp_path)] == ["accepted"]

            await until(is_kept)
            await self.until_told(session, "org_1/int_2", "advanced")
            assert self.tokens(tmp_path) == []

    @staticmethod
    def tokens(folder):
        with closing(sqlite3.connect(folder / "tokens.sqlite")) as database:
            return [token for (token,) in database.execute("SELECT token FROM syncs")]

    async def test_failures_are_told_and_nonsense_is_refused(self, served, tmp_path):
        async with self.running(tmp_path / "tokens.sqlite") as session:
            assert await self.change(session, "int_2", organization_id="org_99") == 202
            await self.until_told(session, "org_99/int_2", "404")
            assert await self.change(session, "%2E%2E") == 422


class TestScheduled:
    @pytest.fixture
    def scheduled(self):
        needs("apscheduler")
        return module("scheduled.py")

    @staticmethod
    def runs(folder):
        found = []
        for path in sorted(folder.glob("*.sqlite")):
            with read_ledger(path) as contents:
                found.append((contents.run, contents.counts))
        return found

    async def stopped_when(self, program, is_so):
        task = asyncio.ensure_future(program)
        await until(is_so)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def test_runs_that_become_due_meanwhile_wait_and_are_one(self, served, scheduled, tmp_path, monkeypatch):
        from apscheduler.triggers.interval import IntervalTrigger

        monkeypatch.setattr(scheduled, "POLL", scheduled.PollPolicy(first=0.3, deadline=5))

        async def are_two():
            return len([run for run, _ in self.runs(tmp_path) if run and run.finished]) == 2

        program = scheduled.main(tmp_path, ["org_1", "org_77"], IntervalTrigger(seconds=0.05))
        await self.stopped_when(program, are_two)
        (first, counts), (second, _) = self.runs(tmp_path)[:2]
        assert first.finished <= second.started
        assert (counts.finished, counts.failed) == (4, 1)

    async def test_a_run_that_was_broken_off_is_finished_first(self, served, scheduled, tmp_path, capsys):
        from apscheduler.triggers.date import DateTrigger

        async def is_sent():
            return served.counters.calls["POST", "sync_stocks"] == 4

        now = DateTrigger(datetime.now(UTC))
        await self.stopped_when(scheduled.main(tmp_path, ["org_1"], now), is_sent)
        (tmp_path / "2020.sqlite").write_bytes(b"no ledger")
        assert [path.name for path in scheduled.broken_off(tmp_path)] == [sorted(tmp_path.glob("*.sqlite"))[1].name]

        printed = []

        async def is_told():
            printed.append(capsys.readouterr().out)
            return "orders: 4 advanced" in "".join(printed)

        never = DateTrigger(datetime.now(UTC) + timedelta(days=1))
        await self.stopped_when(scheduled.main(tmp_path, ["org_1"], never), is_told)
        assert scheduled.broken_off(tmp_path) == []
        assert Counter(run.kind for run in served.books.runs) == {SyncKind.ORDERS: 4, SyncKind.STOCKS: 4}
        assert served.counters.duplicate_posts == 0


def recipe(mark):
    """A block of the documentation that is not run there, because of what it needs."""
    page = (EXAMPLES.parent / "docs" / "howto-services.md").read_text(encoding="utf-8")
    block = re.search(rf"^<!-- {mark} -->\n```py\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    namespace = {"__name__": "recipe"}
    exec(compile(block[1], f"<{mark}>", "exec"), namespace)
    return namespace


class TestRecipes:
    async def test_a_flow_fires_once_however_often_it_watches(self, served, monkeypatch):
        """With a stand-in that only calls, for Prefect itself is too large to be here."""
        prefect = types.ModuleType("prefect")
        prefect.flow = lambda function: function
        prefect.task = lambda **_: lambda function: function
        monkeypatch.setitem(sys.modules, "prefect", prefect)
        flow = recipe("prefect")
        assert await flow["fetch_orders"]("org_1", "int_2") == {"orders": "advanced"}
        token = await flow["fire"]("org_1", "int_4", ["orders"])
        assert [await flow["watch"](token) for _ in range(2)] == [{"orders": "advanced"}] * 2
        assert served.counters.calls["POST", "sync_orders"] == 2

    async def test_code_that_is_not_async_syncs_in_a_loop_of_its_own(self, served):
        sync_orders = recipe("not async")["sync_orders"]
        for _ in range(2):
            result = await asyncio.to_thread(sync_orders, "org_1", "int_2")
            assert result[SyncKind.ORDERS].state == "advanced"


class TestFleetOnSaq:
    """Workers in processes of their own, on a real PostgreSQL."""

    @pytest.fixture
    def example(self, postgres, monkeypatch):
        needs("saq")
        monkeypatch.setenv("DATABASE_URL", postgres.database())
        loaded = module("fleet_on_saq.py")
        monkeypatch.setattr(loaded, "TIMEOUT", 2)
        return loaded

    @staticmethod
    @asynccontextmanager
    async def worker():
        program = (sys.executable, str(EXAMPLES / "fleet_on_saq.py"), "work")
        process = await asyncio.create_subprocess_exec(*program, stderr=asyncio.subprocess.PIPE)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            _, told = await process.communicate()
        assert b"Traceback" not in told, told.decode()

    async def test_a_worker_makes_a_sync_that_somebody_submits(self, served, example):
        async with self.worker() as process:
            assert (
                await example.submit("org_1", "int_2", ["orders", "stocks"]) == "orders: advanced, stocks: unobservable"
            )
            # Again is another sync.
            assert await example.submit("org_1", "int_2", ["stocks"]) == "stocks: unobservable"
            told = await example.submit("org_1", "int_99", ["stocks"])
            assert told.startswith("not started: ")
            assert "404" in told
            process.terminate()
            assert await process.wait() == 0
        assert Counter(run.kind for run in served.books.runs) == {SyncKind.ORDERS: 1, SyncKind.STOCKS: 2}

    async def test_what_a_killed_worker_had_sent_is_not_sent_again(self, served, example):
        served.plan_sync("org_1", "int_2", SyncKind.ORDERS, moves=[(1.0, "2026-03-01T10:00:00Z")])
        served.set_faults(FaultPlan(latency=0.7))
        async with self.worker() as process, asyncio.TaskGroup() as tasks:
            told = tasks.create_task(example.submit("org_1", "int_2", ["orders", "products"]))

            async def is_sent():
                return served.counters.calls["POST", "sync_orders"] == 1

            await until(is_sent)
            process.kill()
            await process.wait()
            served.set_faults(FaultPlan())
            async with self.worker():
                assert await told == "orders: advanced, products: advanced"
        assert served.counters.calls["POST", "sync_orders"] == 1
        assert served.counters.calls["POST", "sync_products"] == 1


def test_the_page_shows_the_step_as_it_is():
    page = (EXAMPLES.parent / "docs" / "howto-other-engine.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^<!-- of examples/fleet_on_saq.py -->\n```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert f"\n{shown}\n" in (EXAMPLES / "fleet_on_saq.py").read_text(encoding="utf-8")


class TestNotebook:
    @pytest.fixture
    def notebook(self):
        return needs("nbformat").read(EXAMPLES / "look_around.ipynb", as_version=4)

    @staticmethod
    def said(notebook):
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        return ["".join(output.get("text", output.output_type) for output in cell.outputs) for cell in cells]

    def test_it_says_what_stands_in_it(self, notebook):
        needs("ipykernel")
        shown = self.said(notebook)
        needs("nbclient").NotebookClient(notebook, record_timing=False, timeout=60).execute()
        assert self.said(notebook) == shown
        assert "orders: advanced" in shown[2]


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == {
        "sync_one.py",
        "every_night.py",
        "fastapi_service.py",
        "aiohttp_service.py",
        "scheduled.py",
        "fleet_on_saq.py",
        "look_around.ipynb",
    }
