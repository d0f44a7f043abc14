"""What an editor shows of the public names: every parameter by its name and its type."""

import ast
import importlib
import importlib.util
import inspect
from contextlib import suppress
from pathlib import Path

import pytest

import packcloud_async
from packcloud_async import emulator, hooks, testing

TYPING = Path(__file__).parent / "typing"
MODULES = [packcloud_async, emulator, hooks, testing]
with suppress(ModuleNotFoundError):
    # The extra may be left out; what is to be there for the checks is held elsewhere.
    MODULES.append(importlib.import_module("packcloud_async.otel"))
if importlib.util.find_spec("procrastinate") is not None:
    MODULES.append(importlib.import_module("packcloud_async.fleet"))
SHOWN = {"__init__", "__call__", "__getitem__", "__aenter__", "__await__"}


def functions_of(thing):
    """The functions a caller meets, by the names under which they do."""
    if not inspect.isclass(thing):
        return {"": inspect.unwrap(thing)} if inspect.isroutine(thing) else {}
    members = {name: inspect.unwrap(member) for name, member in inspect.getmembers(thing, inspect.isroutine)}
    return {
        name: member
        for name, member in members.items()
        if (name in SHOWN or not name.startswith("_"))
        and str(getattr(member, "__module__", None)).startswith("packcloud_async")
    }


def callables():
    for module in MODULES:
        for name in module.__all__:
            for method, function in functions_of(getattr(module, name)).items():
                yield pytest.param(function, id=".".join(filter(None, [module.__name__, name, method])))


CALLABLES = list(callables())


def test_the_callables_are_found():
    found = {case.id.removeprefix("packcloud_async.") for case in CALLABLES}
    assert {
        "PackCloudClient.__init__",
        "PackCloudClient.from_env",
        "Integrations.update",
        "PollPolicy.__init__",
        "AsyncSyncJob.resume",
        "Probe.read",
        "read_ledger",
        "read_path",
        "emulator.Emulator.plan_sync",
        "emulator.FaultPlan.__init__",
        "hooks.RequestEnded.__init__",
        "testing.serving",
    } <= found
    assert len(found) > 150


@pytest.mark.parametrize("function", CALLABLES)
def test_every_parameter_has_a_name_and_a_type(function):
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.name not in {"self", "cls"}:
            assert parameter.annotation is not parameter.empty, parameter
            assert "Any" not in inspect.formatannotation(parameter.annotation), parameter
    assert signature.return_annotation is not signature.empty or function.__name__ == "__init__"


@pytest.mark.parametrize("function", CALLABLES)
def test_no_parameter_takes_whatever_it_is_given(function):
    open_ended = [
        str(parameter)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.VAR_KEYWORD
    ]
    assert open_ended in ([], ["**ids: str"])


def imported_in(folder, module):
    """The names that files import from a module."""
    nodes = [node for path in folder.glob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    found = [node.names for node in nodes if isinstance(node, ast.ImportFrom) and node.module == module]
    return {alias.name for names in found for alias in names}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_is_used_in_code_that_type_checkers_read(module):
    assert set(module.__all__) - imported_in(TYPING, module.__name__) == set()
