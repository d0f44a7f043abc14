"""The pytest plugin, in a pytest of a user's own."""

import subprocess
import sys

import pytest

from .running import ANYIO, AUTO, PACKCLOUD, PYTEST_ASYNCIO, STRICT, run

pytest_plugins = ("pytester",)

DRIVERS = {
    "pytest-asyncio, strict": ("@pytest.mark.asyncio", STRICT, (PACKCLOUD, PYTEST_ASYNCIO)),
    "pytest-asyncio, auto": ("", AUTO, (PACKCLOUD, PYTEST_ASYNCIO)),
    "anyio": ("@pytest.mark.anyio", "", (PACKCLOUD, ANYIO)),
    "anyio, auto": ("", "anyio_mode = auto\n", (PACKCLOUD, ANYIO)),
    "anyio beside pytest-asyncio": ("@pytest.mark.anyio", STRICT, (PACKCLOUD, PYTEST_ASYNCIO, ANYIO)),
}
# Found as it is installed, without a neighbour that takes its time to load.
LEAN = ("-p", "no:cacheprovider", "-p", "no:schemathesis")
by_driver = pytest.mark.parametrize(("mark", "ini", "plugins"), DRIVERS.values(), ids=DRIVERS)


class TestCosts:
    def test_importing_the_plugin_imports_nothing_else(self):
        code = (
            "import sys, pytest; before = set(sys.modules); import _packcloud_pytest;"
            "print(*sorted(set(sys.modules) - before))"
        )
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert done.stdout.split() == ["_packcloud_pytest"]

    def test_who_does_not_use_it_loads_nothing_of_the_package(self, pytester):
        pytester.makeconftest(
            """
            import sys

            def pytest_sessionfinish(session):
                assert session.config.pluginmanager.hasplugin("packcloud")
                roots = {name.partition(".")[0] for name in sys.modules}
                print("LOADED", sorted(roots & {"packcloud_async", "aiohttp", "attr", "attrs", "cattrs"}))
            """
        )
        source = "import pytest\n\n@pytest.mark.asyncio\nasync def test_mine(): pass\n\ndef test_plain(): pass"
        done = run(pytester, source, "-s", plugins=(PACKCLOUD, PYTEST_ASYNCIO), in_process=False)
        done.assert_outcomes(passed=2)
        done.stdout.fnmatch_lines(["*LOADED *[[][]]*"])

    def test_it_is_found_where_it_is_installed(self, pytester):
        pytester.makepyfile("def test_mine(packcloud_emulator):\n    assert packcloud_emulator.organization_ids")
        pytester.runpytest_subprocess(*LEAN).assert_outcomes(passed=1)

    def test_it_can_be_left_out(self, pytester):
        pytester.makepyfile("def test_mine(packcloud_emulator): pass")
        done = pytester.runpytest_subprocess("-p", "no:packcloud", *LEAN)
        done.stdout.fnmatch_lines(["*fixture 'packcloud_emulator' not found*"])

    def test_an_older_pytest_asyncio_goes_on_as_before(self, pytester):
        pytester.makeconftest(
            """
            import pytest_asyncio

            own = pytest_asyncio.fixture

            def before_scopes(function=None, **options):
                assert "loop_scope" not in options
                return own(function, **options)

            pytest_asyncio.fixture = before_scopes
            """
        )
        source = """
            async def test_mine(packcloud_client):
                assert (await packcloud_client.organization("org_1").integrations.get("int_1")).id == "int_1"
            """
        run(pytester, source, ini=AUTO, in_process=False).assert_outcomes(passed=1)

    def test_what_it_has_is_told(self, pytester):
        told = run(pytester, "", "--markers", plugins=(PACKCLOUD,)).stdout.str()
        assert "@pytest.mark.packcloud(organizations=3" in told
        told = run(pytester, "", "--fixtures", plugins=(PACKCLOUD,)).stdout.str()
        assert "packcloud_client --" in told
        assert "Serve ``packcloud_emulator`` on a loopback port" in told


class TestClient:
    @by_driver
    def test_it_asks_the_emulator_in_memory_and_is_closed_on_the_loop_of_its_test(self, pytester, mark, ini, plugins):
        source = f"""
            import asyncio
            import pytest

            used = []

            {mark}
            async def test_it_answers(packcloud_client, packcloud_emulator):
                used.append(packcloud_client)
                assert (await packcloud_client.organization("org_3").integrations.get("int_1")).id == "int_1"
                assert packcloud_emulator.counters.total == 1
                assert "VirtualTimeLoop" not in repr(asyncio.get_running_loop())

            def test_it_is_closed():
                assert repr(used[0]).endswith("closed>")
            """
        run(pytester, source, plugins=plugins, ini=ini).assert_outcomes(passed=2)

    @pytest.mark.sockets
    @by_driver
    def test_it_leaves_no_connection_open_to_the_server(self, pytester, mark, ini, plugins):
        source = f"""
            import pytest

            servers = []

            {mark}
            async def test_it_answers(packcloud_client, packcloud_server):
                servers.append(packcloud_server)
                assert packcloud_client.base_url == packcloud_server.base_url
                assert (await packcloud_client.organization("org_3").integrations.get("int_1")).id == "int_1"

            def test_the_server_is_gone():
                from urllib.error import URLError
                from urllib.request import urlopen

                with pytest.raises(URLError, match="refused"):
                    urlopen(servers[0].base_url)
            """
        run(pytester, source, plugins=plugins, ini=ini).assert_outcomes(passed=2)

    @pytest.mark.sockets
    def test_the_loop_of_pytest_asyncio_may_have_any_scope(self, pytester):
        source = """
            import pytest

            class TestShop:
                @pytest.mark.parametrize("again", [1, 2])
                @pytest.mark.asyncio(loop_scope="class")
                async def test_class(self, packcloud_client, packcloud_server, again):
                    await packcloud_client.organization("org_1").integrations.get("int_1")

            @pytest.mark.asyncio(loop_scope="function")
            async def test_function(packcloud_client, packcloud_server):
                await packcloud_client.organization("org_1").integrations.get("int_1")

            @pytest.mark.asyncio(loop_scope="module")
            async def test_module(packcloud_client, packcloud_server):
                await packcloud_client.organization("org_1").integrations.get("int_1")

            @pytest.mark.asyncio(loop_scope="package")
            async def test_package(packcloud_client, packcloud_server):
                await packcloud_client.organization("org_1").integrations.get("int_1")

            @pytest.mark.asyncio
            async def test_session_by_default(packcloud_client, packcloud_server):
                await packcloud_client.organization("org_1").integrations.get("int_1")
            """
        ini = f"{STRICT}asyncio_default_test_loop_scope = session\n"
        run(pytester, source, ini=ini).assert_outcomes(passed=6)

    @by_driver
    def test_async_fixtures_can_be_built_on_it(self, pytester, mark, ini, plugins):
        fixture = "pytest_asyncio.fixture" if "asyncio" in mark else "pytest.fixture"
        source = f"""
            import pytest
            {"import pytest_asyncio" if "asyncio" in mark else ""}

            @{fixture}
            async def name(packcloud_client):
                integrations = packcloud_client.organization("org_1").integrations
                yield (await integrations.get("int_1")).name
                assert (await integrations.get("int_1")).id == "int_1"

            {mark}
            async def test_it_has_a_name(name):
                assert name
            """
        run(pytester, source, plugins=plugins, ini=ini).assert_outcomes(passed=1)

    @pytest.mark.sockets
    def test_a_test_without_a_loop_brings_its_own(self, pytester):
        source = """
            import asyncio

            unused = []

            async def first(client):
                return (await client.organization("org_1").integrations.get("int_1")).id

            async def first_and_close(client):
                async with client:
                    return await first(client)

            def test_in_memory(packcloud_client):
                assert asyncio.run(first(packcloud_client)) == "int_1"

            def test_served(packcloud_client, packcloud_server):
                assert asyncio.run(first_and_close(packcloud_client)) == "int_1"

            def test_unused(packcloud_client):
                unused.append(packcloud_client)

            def test_it_is_closed():
                assert repr(unused[0]).endswith("closed>")
            """
        run(pytester, source, plugins=(PACKCLOUD,)).assert_outcomes(passed=4)

    @pytest.mark.sockets
    def test_one_of_a_test_without_a_loop_is_closed_wherever_it_was_used(self, pytester):
        source = """
            import asyncio
            import threading

            import pytest
            import pytest_asyncio

            used = []

            @pytest.fixture(autouse=True)
            def is_closed_after_it():
                yield
                assert repr(used.pop()).endswith("closed>")

            @pytest.fixture
            def unused(packcloud_client):
                used.append(packcloud_client)
                return packcloud_client

            async def first(client):
                return (await client.organization("org_1").integrations.get("int_1")).id

            @pytest_asyncio.fixture
            async def something_of_the_project():
                yield

            @pytest_asyncio.fixture
            async def found(something_of_the_project, unused):
                return await first(unused)

            def test_never(unused):
                pass

            def test_on_a_loop_that_is_gone(unused):
                assert asyncio.run(first(unused)) == "int_1"

            def test_on_that_of_its_fixtures(found):
                assert found == "int_1"

            @pytest.fixture
            def standing_still():
                loop = asyncio.new_event_loop()
                yield loop
                loop.close()

            def test_on_one_of_the_project(standing_still, unused, packcloud_server):
                assert standing_still.run_until_complete(first(unused)) == "int_1"

            @pytest.fixture
            def of_a_thread():
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=loop.run_forever)
                thread.start()
                yield loop
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.close()

            def test_on_one_of_a_thread(of_a_thread, unused, packcloud_server):
                assert asyncio.run_coroutine_threadsafe(first(unused), of_a_thread).result(10) == "int_1"
            """
        run(pytester, source, plugins=(PACKCLOUD, PYTEST_ASYNCIO)).assert_outcomes(passed=5)

    def test_on_trio_it_says_what_to_do(self, pytester):
        source = """
            import pytest

            @pytest.fixture
            def anyio_backend_name():
                return "trio"

            @pytest.mark.anyio
            async def test_mine(packcloud_client):
                pass
            """
        done = run(pytester, source, plugins=(PACKCLOUD, ANYIO))
        done.assert_outcomes(errors=1)
        done.stdout.fnmatch_lines(["packcloud_client runs on asyncio, not on trio: let the fixture anyio_backend*"])


class TestVirtualTime:
    @by_driver
    def test_a_year_takes_no_time_where_it_is_asked_for_and_nowhere_else(self, pytester, mark, ini, plugins):
        source = f"""
            import asyncio
            import pytest

            YEAR = 365 * 24 * 60 * 60.0

            {mark}
            @pytest.mark.packcloud(virtual_time=True)
            async def test_a_year(packcloud_client):
                began = asyncio.get_running_loop().time()
                await asyncio.sleep(YEAR)
                assert asyncio.get_running_loop().time() - began == pytest.approx(YEAR, abs=1e-6)
                assert (await packcloud_client.organization("org_1").integrations.get("int_1")).id == "int_1"

            {mark}
            @pytest.mark.packcloud(virtual_time=True)
            async def test_without_fixtures():
                await asyncio.sleep(YEAR)

            {mark}
            async def test_other_tests_have_the_usual_loop(packcloud_client):
                assert "VirtualTimeLoop" not in repr(asyncio.get_running_loop())

            @pytest.mark.packcloud(virtual_time=True)
            def test_one_without_a_loop(packcloud_client):
                pass
            """
        done = run(pytester, source, "-v", plugins=plugins, ini=ini)
        done.assert_outcomes(passed=4)
        # The names of tests are those they always had.
        name = "test_a_year[asyncio]" if ANYIO in plugins else "test_a_year"
        done.stdout.fnmatch_lines([f"*::{name.replace('[', '[[]')} PASSED*"])

    def test_a_loop_of_the_project_is_left_to_its_other_tests(self, pytester):
        pytester.makeconftest(
            """
            import asyncio

            class Own(asyncio.SelectorEventLoop):
                pass

            def pytest_asyncio_loop_factories(config, item):
                return {"own": Own}
            """
        )
        source = """
            import asyncio
            import pytest

            def loop():
                return type(asyncio.get_running_loop()).__name__

            async def test_before():
                assert loop() == "Own"

            @pytest.mark.packcloud(virtual_time=True)
            async def test_asked_for():
                assert loop() == "VirtualTimeLoop"

            async def test_after():
                assert loop() == "Own"
            """
        run(pytester, source, ini=AUTO).assert_outcomes(passed=3)

    @pytest.mark.sockets
    @by_driver
    def test_it_can_be_the_rule_for_tests_in_memory(self, pytester, mark, ini, plugins):
        source = f"""
            import asyncio
            import pytest

            def has_virtual_time():
                return "VirtualTimeLoop" in repr(asyncio.get_running_loop())

            {mark}
            async def test_a_client(packcloud_client):
                assert has_virtual_time()

            {mark}
            async def test_an_emulator(packcloud_emulator):
                assert has_virtual_time()

            {mark}
            @pytest.mark.packcloud(virtual_time=False)
            async def test_taken_out(packcloud_client):
                assert not has_virtual_time()

            {mark}
            async def test_a_server(packcloud_client, packcloud_server):
                assert not has_virtual_time()
                assert (await packcloud_client.organization("org_1").integrations.get("int_1")).id == "int_1"

            {mark}
            async def test_of_something_else():
                assert not has_virtual_time()
            """
        ini += "packcloud_virtual_time = true\n"
        run(pytester, source, plugins=plugins, ini=ini).assert_outcomes(passed=5)

    def test_a_server_on_it_is_refused(self, pytester):
        source = """
            import pytest

            @pytest.mark.packcloud(virtual_time=True)
            async def test_mine(packcloud_client, packcloud_server):
                pass
            """
        done = run(pytester, source, ini=AUTO)
        done.assert_outcomes(errors=1)
        done.stdout.fnmatch_lines(["packcloud_server answers on real time*drop virtual_time=True*"])

    def test_a_wait_without_end_is_a_failure(self, pytester):
        source = """
            import asyncio
            import pytest

            @pytest.mark.packcloud(virtual_time=True)
            async def test_mine(packcloud_client):
                await asyncio.Event().wait()

            async def test_the_next():
                pass
            """
        done = run(pytester, source, ini=AUTO)
        done.assert_outcomes(failed=1, passed=1)
        done.stdout.fnmatch_lines(["*waits for something that nothing will bring about*"])

    def test_a_pytest_asyncio_that_cannot_do_it_is_named(self, pytester):
        pytester.makeconftest('def pytest_configure(config): config.pluginmanager.register(object(), "asyncio")')
        pytester.makeini("[pytest]\nmarkers = asyncio")
        pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester.makepyfile(
            """
            import pytest

            @pytest.mark.packcloud(virtual_time=True)
            async def test_mine():
                pass
            """
        )
        done = pytester.runpytest_subprocess("-p", PACKCLOUD, "-p", "no:cacheprovider")
        done.stdout.fnmatch_lines(["*virtual_time=True needs pytest-asyncio 1.4 or later*"])

    def test_where_it_cannot_be_heeded_the_test_fails_and_does_not_wait(self, pytester):
        source = """
            import asyncio
            import unittest

            import pytest

            DAY = 24 * 60 * 60

            @pytest.mark.packcloud(virtual_time=True)
            class TestUnittest(unittest.IsolatedAsyncioTestCase):
                async def test_mine(self):
                    await asyncio.sleep(DAY)

            one = pytest.param(1, marks=pytest.mark.packcloud(virtual_time=True))

            @pytest.mark.parametrize("one", [one])
            async def test_of_a_parameter(one):
                await asyncio.sleep(DAY)
            """
        done = run(pytester, source, ini=AUTO)
        done.assert_outcomes(failed=2)
        loops = ("a loop of unittest", "*EventLoop")
        done.stdout.fnmatch_lines([f"virtual_time=True is not heeded: this test runs on {loop}, *" for loop in loops])

    def test_a_fixture_that_keeps_a_loop_of_real_time_keeps_no_test_waiting(self, pytester):
        source = """
            import anyio
            import pytest

            pytestmark = pytest.mark.anyio

            @pytest.fixture(scope="module")
            def anyio_backend():
                return "asyncio"

            @pytest.fixture(scope="module")
            async def wide(anyio_backend):
                yield

            async def test_of_real_time(wide):
                pass

            @pytest.mark.packcloud(virtual_time=True)
            async def test_mine(wide):
                await anyio.sleep(24 * 60 * 60)
            """
        done = run(pytester, source, plugins=(PACKCLOUD, ANYIO))
        done.assert_outcomes(passed=1, failed=1)
        done.stdout.fnmatch_lines(["*share no async fixture of a wider scope with tests of real time*"])

    @pytest.mark.parametrize("names", ['"n, anyio_backend"', '("n", "anyio_backend")'])
    def test_a_backend_of_the_tests_own_is_refused_by_its_name(self, pytester, names):
        source = f"""
            import pytest

            @pytest.mark.anyio
            @pytest.mark.parametrize({names}, [(1, "asyncio")])
            @pytest.mark.packcloud(virtual_time=True)
            async def test_mine(n):
                pass
            """
        done = run(pytester, source, plugins=(PACKCLOUD, ANYIO))
        done.assert_outcomes(errors=1)
        done.stdout.fnmatch_lines(["*virtual_time=True chooses anyio_backend itself: leave that out of parametrize*"])

    def test_it_is_true_or_false(self, pytester):
        source = """
            import pytest

            @pytest.mark.packcloud(virtual_time="yes")
            async def test_mine(packcloud_client):
                pass
            """
        done = run(pytester, source, ini=AUTO)
        done.assert_outcomes(errors=1)
        done.stdout.fnmatch_lines(["*virtual_time must be True or False, not 'yes'*"])


class TestMarker:
    def test_the_closest_one_wins_name_by_name(self, pytester):
        source = """
            import pytest

            pytestmark = pytest.mark.packcloud(organizations=5, integrations=6, seed=7)

            @pytest.mark.packcloud(integrations=1)
            class TestShop:
                @pytest.mark.packcloud(organizations=2)
                def test_mine(self, packcloud_emulator):
                    world = packcloud_emulator.world
                    assert (world.organizations, world.integrations, world.seed) == (2, 1, 7)

            def test_other(packcloud_emulator):
                assert packcloud_emulator.world.organizations == 5
            """
        run(pytester, source).assert_outcomes(passed=2)

    def test_what_means_nothing_is_told(self, pytester):
        source = """
            import pytest

            @pytest.mark.packcloud(organisations=3)
            def test_name(packcloud_client):
                pass

            @pytest.mark.packcloud(3)
            def test_position(packcloud_emulator):
                pass

            @pytest.mark.packcloud(organizations=-1)
            def test_value(packcloud_server):
                pass

            @pytest.mark.packcloud(faults=3, token="s3cret")
            def test_kind(packcloud_emulator):
                pass
            """
        done = run(pytester, source, plugins=(PACKCLOUD,))
        done.assert_outcomes(errors=4)
        told = (
            "knows no organisations; known: absent_watermarks, *organizations, *, virtual_time",
            "takes names only, such as organizations=3, not 3",
            "World.organizations must be a whole number from 0 to 1000000, not -1",
            "no emulator can be made of faults=3: *",
        )
        done.stdout.fnmatch_lines([f"@pytest.mark.packcloud: {text}" for text in told])
        done.stdout.no_fnmatch_line("*s3cret*")

    def test_each_test_has_an_emulator_of_its_own(self, pytester):
        source = """
            import pytest

            @pytest.mark.parametrize("time", [1, 2])
            async def test_mine(packcloud_client, packcloud_emulator, time):
                integrations = packcloud_client.organization("org_1").integrations
                await integrations.delete("int_1")
                assert packcloud_emulator.counters.total == 1
            """
        run(pytester, source, ini=AUTO).assert_outcomes(passed=2)
