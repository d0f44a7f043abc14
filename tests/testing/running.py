"""Runs tests of a user in a pytest of their own: with the plugins that are named, every warning an error."""

from collections.abc import Iterable

PACKCLOUD, PYTEST_ASYNCIO, ANYIO = PLUGINS = "packcloud", "pytest_asyncio.plugin", "anyio.pytest_plugin"
STRICT = "asyncio_mode = strict\n"
AUTO = "asyncio_mode = auto\n"


def run(pytester, source, *options, plugins: Iterable[str] = PLUGINS, ini: str = STRICT):
    """Run the tests of one file, as somebody who installed these plugins and no others."""
    pytester.makepyfile(source)
    if PYTEST_ASYNCIO not in plugins:
        ini = ini.replace(STRICT, "")
    else:
        ini += "asyncio_default_fixture_loop_scope = function\n"
    pytester.makeini(f"[pytest]\nfilterwarnings = error\n{ini}")
    pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    named = [option for plugin in plugins for option in ("-p", plugin)]
    return pytester.runpytest_subprocess(
        "--strict-markers", "--strict-config", "-p", "no:cacheprovider", *named, *options
    )
