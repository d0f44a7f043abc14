"""Runs tests of a user in a pytest of their own: with the plugins that are named, every warning an error.

It is in this process, where it costs a fifth. What looks at the modules that are loaded, or changes one, wants another.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

PACKCLOUD, PYTEST_ASYNCIO, ANYIO = PLUGINS = "packcloud", "pytest_asyncio.plugin", "anyio.pytest_plugin"
STRICT = "asyncio_mode = strict\n"
AUTO = "asyncio_mode = auto\n"


imported: dict[str, ModuleType] = {}
"""What the tests that were run have imported, but for their own files."""


class _Imports:
    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def pytest_unconfigure(self) -> None:
        imported.update(
            (name, module)
            for name, module in sys.modules.items()
            if not str(getattr(module, "__file__", None)).startswith(self._folder)
        )


def run(pytester, source, *options, plugins: Iterable[str] = PLUGINS, ini: str = STRICT, in_process=True):
    """Run the tests of one file, as somebody who installed these plugins and no others."""
    pytester.makepyfile(source)
    if PYTEST_ASYNCIO not in plugins:
        ini = ini.replace(STRICT, "")
    else:
        ini += "asyncio_default_fixture_loop_scope = function\n"
    pytester.makeini(f"[pytest]\nfilterwarnings = error\n{ini}")
    pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    named = [option for plugin in plugins for option in ("-p", plugin)]
    asked = ("--strict-markers", "--strict-config", "-p", "no:cacheprovider", *named, *options)
    if not in_process:
        return pytester.runpytest_subprocess(*asked)
    return pytester.runpytest_inprocess(*asked, plugins=[_Imports(pytester.path)])
