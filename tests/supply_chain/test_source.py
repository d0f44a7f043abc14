"""What the package never does, read from its source, and the reasons of what the linter is told to overlook."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "packcloud_async"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]

NEVER_IMPORTED = {
    "code",
    "cPickle",
    "ctypes",
    "dill",
    "imp",
    "jsonpickle",
    "marshal",
    "multiprocessing",
    "pickle",
    "pty",
    "runpy",
    "shelve",
    "subprocess",
    "xmlrpc",
    "yaml",
}
NEVER_CALLED = {"__import__", "breakpoint", "compile", "eval", "exec"}
OWN_TEXT = {"_sansio/building.py": ["compile", "exec"]}
"""Who compiles what this package wrote itself, once for each model, as attrs and cattrs do.

No name of a payload is in it: tests/sansio/test_building.py.
"""
NEVER_ASKED_FOR = {
    ("asyncio", "create_subprocess_exec"),
    ("asyncio", "create_subprocess_shell"),
    ("importlib", "import_module"),
    ("os", "popen"),
    ("os", "system"),
    ("ssl", "_create_unverified_context"),
    ("tempfile", "mktemp"),
    *(("os", f"{verb}{ending}") for verb in ("exec", "spawn") for ending in ("l", "le", "lp", "v", "ve", "vp", "vpe")),
}

OWN_PROGRAM = {"cli/fleet_demo.py": ["asyncio.create_subprocess_exec"]}
"""Who starts a program: the demonstration of a fleet, whose workers are this interpreter with this package."""


def findings(source):
    """What of the lists above a source does, as (line, what)."""
    return sorted(finding for node in ast.walk(ast.parse(source)) for finding in findings_of(node))


def findings_of(node):
    match node:
        case ast.Import(names=names):
            imported = [alias.name for alias in names]
            yield from ((node.lineno, name) for name in imported if name.partition(".")[0] in NEVER_IMPORTED)
        case ast.ImportFrom(module=str(module), names=names):
            if module.partition(".")[0] in NEVER_IMPORTED:
                yield node.lineno, module
            yield from ((node.lineno, alias.name) for alias in names if (module, alias.name) in NEVER_ASKED_FOR)
        case ast.Name(id=name) if name in NEVER_CALLED:
            yield node.lineno, name
        case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in NEVER_ASKED_FOR:
            yield node.lineno, f"{module}.{name}"
        case ast.Attribute(value=ast.Name(id="builtins"), attr=name) if name in NEVER_CALLED:
            yield node.lineno, f"builtins.{name}"
        case ast.keyword(arg="shell", value=value) if not (isinstance(value, ast.Constant) and value.value is False):
            yield value.lineno, "shell="
        case ast.keyword(arg="verify" | "verify_ssl" | "ssl" | "check_hostname", value=ast.Constant(value=False)):
            yield node.value.lineno, f"{node.arg}=False"


@pytest.mark.parametrize("module", MODULES)
def test_the_package_runs_no_text_no_program_and_reads_no_code(module):
    found = [what for _, what in findings(MODULES[module].read_text(encoding="utf-8"))]
    assert sorted(found) == OWN_TEXT.get(module, OWN_PROGRAM.get(module, []))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", "pickle"),
        ("import os, marshal as m", "marshal"),
        ("from pickle import loads", "pickle"),
        ("from xmlrpc.client import ServerProxy", "xmlrpc.client"),
        ("def f():\n    import yaml", "yaml"),
        ("import subprocess as s", "subprocess"),
        ("eval('1')", "eval"),
        ("run = exec", "exec"),
        ("compile('1', '', 'eval')", "compile"),
        ("__import__('os')", "__import__"),
        ("builtins.eval('1')", "builtins.eval"),
        ("os.system('ls')", "os.system"),
        ("from os import popen", "popen"),
        ("os.execvp('ls', [])", "os.execvp"),
        ("await asyncio.create_subprocess_shell('ls')", "asyncio.create_subprocess_shell"),
        ("importlib.import_module(name)", "importlib.import_module"),
        ("run('ls', shell=True)", "shell="),
        ("run('ls', shell=wanted)", "shell="),
        ("session.get(url, ssl=False)", "ssl=False"),
    ],
)
def test_it_would_be_found(source, found):
    if "await" in source:
        source = f"async def f():\n    {source}"
    assert [what for _, what in findings(source)] == [found]


@pytest.mark.parametrize(
    "source", ["re.compile('a')", "def __reduce__(self): ...", "model.eval()", "run(shell=False)", "ssl=context"]
)
def test_what_only_looks_like_it_is_not_found(source):
    assert findings(source) == []


def test_the_security_rules_of_the_linter_are_on():
    assert "S" in LINTER["select"]
    assert not any(pattern.startswith("packcloud_async") for pattern in LINTER["per-file-ignores"])
    assert {rule for rule in LINTER["ignore"] if re.fullmatch(r"S\d*", rule)} == {"S101", "S311"}


def test_a_rule_that_is_off_says_why():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\[tool\.ruff\.lint\]\n.*?^ignore = \[\n(.*?)^\]", text, flags=re.MULTILINE | re.DOTALL)
    assert [line for line in table.splitlines() if not re.search(r'",\s+# \S.{10,}', line)] == []


@pytest.mark.parametrize("module", MODULES)
def test_an_exception_to_a_rule_names_it_and_says_why(module):
    lines = MODULES[module].read_text(encoding="utf-8").splitlines()
    silenced = [line for line in lines if re.search(r"#\s*(noqa|nosec|ruff:|type: ignore)", line)]
    named = r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \S.{3,}|# type: ignore\[[a-z-]+\]  # \S.{3,}"
    assert [line for line in silenced if not re.search(named, line)] == []
