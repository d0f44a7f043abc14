"""The pytest plugin ``packcloud``: fixtures, a marker, and time that jumps; installed beside the package.

1. pytest loads it wherever the package is installed, so nothing of the package is imported before a test asks for it.
2. The client is closed on the loop of its test, so the fixture that closes it is that of whoever runs the test:
   pytest-asyncio with any scope of its loop, anyio's plugin, or nobody for a test that is no coroutine.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from packcloud_async import PackCloudClient
    from packcloud_async.emulator import Emulator
    from packcloud_async.testing import ServedEmulator

_MARKER: Final = "packcloud"
_MARKER_HELP: Final = (
    "packcloud(organizations=3, integrations=4, faults=FaultPlan(...), ..., virtual_time=False): what the emulator of "
    "packcloud_emulator is built with, any argument of packcloud_async.emulator.Emulator; virtual_time=True lets the "
    "test's time jump to the next timer instead of waiting. The closest marker wins, name by name."
)
_PYTEST_ASYNCIO: Final = ("asyncio", "pytest_asyncio.plugin")
"""Its name when it is found, and when it is given with -p."""
_SCOPES: Final = ("function", "class", "module", "package", "session")
_IN_MEMORY: Final = {"packcloud_client", "packcloud_emulator"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the configuration file."""
    parser.addini(
        "packcloud_virtual_time",
        "let time jump in every test that uses packcloud_client or packcloud_emulator without packcloud_server",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker and the fixtures known."""
    config.addinivalue_line("markers", _MARKER_HELP)
    if _has_pytest_asyncio(config):
        config.pluginmanager.register(_closed_by_pytest_asyncio(), "packcloud of pytest-asyncio")


@pytest.fixture
def packcloud_emulator(request: pytest.FixtureRequest) -> Emulator:
    """Return a small Pack.cloud in memory, as the marker ``packcloud`` asks for it; a new one for each test."""
    from packcloud_async.errors import ConfigurationError  # noqa: PLC0415 - not before a test asks for it
    from packcloud_async.testing.asked_for import emulator_asked_for  # noqa: PLC0415 - not before a test asks for it

    try:
        return emulator_asked_for((mark.args, mark.kwargs) for mark in request.node.iter_markers(_MARKER))
    except ConfigurationError as error:
        told = str(error)
    pytest.fail(f"@pytest.mark.{_MARKER}: {told}", pytrace=False)


@pytest.fixture
def packcloud_server(request: pytest.FixtureRequest, packcloud_emulator: Emulator) -> Iterator[ServedEmulator]:
    """Serve ``packcloud_emulator`` on a loopback port, in a thread: ``base_url``, ``token``, ``environment``."""
    from packcloud_async.testing.serving import serving  # noqa: PLC0415 - not before a test asks for it

    if _has_virtual_time(request.node, request.fixturenames):
        pytest.fail(
            "packcloud_server answers on real time, which a loop whose time jumps does not wait for: "
            f"drop virtual_time=True of @pytest.mark.{_MARKER}, or the server",
            pytrace=False,
        )
    with serving(packcloud_emulator) as served:
        yield served


@pytest.fixture
def packcloud_client(
    request: pytest.FixtureRequest, _packcloud_new_client: PackCloudClient
) -> Iterator[PackCloudClient]:
    """Return a client of ``packcloud_server`` if the test uses that, else of ``packcloud_emulator``, in memory.

    It is closed after the test.
    """
    closing = _who_closes(request)
    if closing is not None:
        yield request.getfixturevalue(closing)
        return
    from packcloud_async.testing.closing import close  # noqa: PLC0415 - not before a test asks for it

    yield _packcloud_new_client
    close(_packcloud_new_client)


@pytest.fixture
def _packcloud_new_client(request: pytest.FixtureRequest, packcloud_emulator: Emulator) -> PackCloudClient:
    from packcloud_async import PackCloudClient  # noqa: PLC0415 - not before a test asks for it

    if "packcloud_server" not in request.fixturenames:
        return PackCloudClient(token=packcloud_emulator.token, transport=packcloud_emulator.transport())
    served: ServedEmulator = request.getfixturevalue("packcloud_server")
    return PackCloudClient(token=served.token, base_url=served.base_url)


async def _until_closed(_packcloud_new_client: PackCloudClient) -> AsyncGenerator[PackCloudClient]:
    async with _packcloud_new_client as client:
        yield client


_packcloud_client_of_anyio = pytest.fixture(_until_closed)


def _closed_by_pytest_asyncio() -> ModuleType:
    """Return the fixtures that close a client on the loop of a test, one for each scope a loop can have."""
    import pytest_asyncio  # noqa: PLC0415 - loaded already, by whoever uses it

    # Releases before 0.24 have no scopes of that name, and must not be broken where nobody asks for a client.
    has_scopes = "loop_scope" in inspect.signature(pytest_asyncio.fixture).parameters
    fixtures = ModuleType("packcloud_clients")
    for scope in _SCOPES:
        # A function of its own for each: the scope is noted on it.
        async def until_closed(_packcloud_new_client: PackCloudClient) -> AsyncGenerator[PackCloudClient]:
            async with _packcloud_new_client as client:
                yield client

        options: dict[str, Any] = {"loop_scope": scope} if has_scopes else {}
        setattr(fixtures, _name(scope), pytest_asyncio.fixture(until_closed, name=_name(scope), **options))
    return fixtures


def _has_pytest_asyncio(config: pytest.Config) -> bool:
    return any(config.pluginmanager.hasplugin(name) for name in _PYTEST_ASYNCIO)


def _name(scope: str) -> str:
    return f"_packcloud_client_of_asyncio_{scope}"


def _who_closes(request: pytest.FixtureRequest) -> str | None:
    """Return the name of the fixture that closes a client on the loop of this test, None if it has no loop."""
    marker = request.node.get_closest_marker("asyncio")
    if marker is not None and _has_pytest_asyncio(request.config):
        scope = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
        return _name(scope or _default_scope(request.config))
    if "anyio_backend" not in request.fixturenames:
        return None
    if (backend := request.getfixturevalue("anyio_backend_name")) != "asyncio":
        pytest.fail(
            f"packcloud_client runs on asyncio, not on {backend}: let the fixture anyio_backend return 'asyncio'",
            pytrace=False,
        )
    return "_packcloud_client_of_anyio"


def _default_scope(config: pytest.Config) -> str:
    try:
        return str(config.getini("asyncio_default_test_loop_scope"))
    except ValueError:
        # Releases before 0.26 do not have the option.
        return "function"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None, object, object]:
    """Give tests that ask for it a loop whose time jumps."""
    if not _has_virtual_time(metafunc.definition, metafunc.fixturenames):
        return (yield)
    from packcloud_async.testing.virtual_time import VirtualTimeLoop  # noqa: PLC0415 - not before a test asks for it

    if "anyio_backend" in metafunc.fixturenames:
        _check_anyio_backend(metafunc.definition)
        backend = ("asyncio", {"loop_factory": VirtualTimeLoop})
        metafunc.parametrize("anyio_backend", [backend], ids=["asyncio"], scope="module")
    elif inspect.iscoroutinefunction(metafunc.function):
        _check_pytest_asyncio(metafunc.config)
    # Not longer than this: an implementation that knows no loop for another test is an error to pytest-asyncio.
    loops = _Loops(VirtualTimeLoop)
    metafunc.config.pluginmanager.register(loops)
    try:
        return (yield)
    finally:
        metafunc.config.pluginmanager.unregister(loops)


class _Loops:
    """What pytest-asyncio asks for the loop of a test."""

    def __init__(self, make: Callable[[], AbstractEventLoop]) -> None:
        self._make = make

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_asyncio_loop_factories(self) -> Mapping[str, Callable[[], AbstractEventLoop]]:
        return {"virtual-time": self._make}


def _check_pytest_asyncio(config: pytest.Config) -> None:
    if _has_pytest_asyncio(config) and not hasattr(config.hook, "pytest_asyncio_loop_factories"):
        raise pytest.UsageError("virtual_time=True needs pytest-asyncio 1.4 or later, or anyio's plugin")


def _check_anyio_backend(test: pytest.Item) -> None:
    if any("anyio_backend" in _names(marker.args[:1]) for marker in test.iter_markers("parametrize")):
        raise pytest.UsageError("virtual_time=True chooses anyio_backend itself: leave that out of parametrize")


def _names(arguments: tuple[Any, ...]) -> list[str]:
    return [name.strip() for given in arguments for name in (given.split(",") if isinstance(given, str) else given)]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that asked for a loop whose time jumps fail on any other: it would wait for hours."""
    if (
        not isinstance(item, pytest.Function)
        or not inspect.iscoroutinefunction(item.obj)
        or not _has_virtual_time(item, item.fixturenames)
    ):
        return (yield)
    from packcloud_async.testing.heeding import NotHeeded, on_virtual_time  # noqa: PLC0415 - not before a test asks for it

    if _is_of_unittest(item):
        pytest.fail(str(NotHeeded("a loop of unittest")), pytrace=False)
    test, item.obj = item.obj, on_virtual_time(item.obj)
    try:
        return (yield)
    except NotHeeded as error:
        told = str(error)
    finally:
        item.obj = test
    pytest.fail(told, pytrace=False)


def _is_of_unittest(item: pytest.Function) -> bool:
    from unittest import TestCase  # noqa: PLC0415 - not before a test asks for it

    return item.cls is not None and issubclass(item.cls, TestCase)


def _has_virtual_time(test: pytest.Item, fixtures: list[str]) -> bool:
    for marker in test.iter_markers(_MARKER):
        wanted = marker.kwargs.get("virtual_time")
        if isinstance(wanted, bool):
            return wanted
        if wanted is not None:
            raise pytest.UsageError(f"@pytest.mark.{_MARKER}: virtual_time must be True or False, not {wanted!r}")
    by_default = bool(test.config.getini("packcloud_virtual_time"))
    return by_default and not _IN_MEMORY.isdisjoint(fixtures) and "packcloud_server" not in fixtures
