"""Everything public that a caller can await, found by looking at the package."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import CodeType
from typing import Any

import packcloud_async
from packcloud_async import emulator

AWAITED = ("__aenter__", "__aexit__", "__anext__", "__await__")
NOT_AWAITED_BY_CALLERS = {
    # Parts of the client, met within its own tasks.
    "_Steps": "walks over the targets within the run",
    "Slot": "is held within a call",
    "_Reading": "is entered while an answer is read",
    "Senders": "is entered within the run",
}


def public_coroutines() -> dict[str, CodeType]:
    """The code of each, by its qualified name: methods of public classes, public functions, and what they return."""
    return dict([*_of_public_names(), *_of_what_they_return()])


def _of_public_names() -> Iterator[tuple[str, CodeType]]:
    for module in (packcloud_async, emulator):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) and not getattr(thing, "_is_protocol", False):
                yield from _of_class(thing)
            elif _is_awaited(thing):
                yield name, _code(thing)


def _of_class(owner: type) -> Iterator[tuple[str, CodeType]]:
    for name, member in inspect.getmembers(owner, inspect.isfunction):
        if not member.__module__.startswith("packcloud_async"):
            continue
        if name in AWAITED or (not name.startswith("_") and _is_awaited(member)):
            yield f"{owner.__qualname__}.{name}", _code(member)


def _of_what_they_return() -> Iterator[tuple[str, CodeType]]:
    """Iterators and contexts are often classes of their own, behind a public method."""
    for module in _modules():
        for owner in vars(module).values():
            if inspect.isclass(owner) and owner.__module__ == module.__name__:
                is_protocol = getattr(owner, "_is_protocol", False)
                if not is_protocol and owner.__name__ not in NOT_AWAITED_BY_CALLERS:
                    yield from ((name, code) for name, code in _of_class(owner) if name.rsplit(".")[-1] in AWAITED)
        for function in vars(module).values():
            if inspect.isfunction(function) and function.__module__ == module.__name__ == f"{emulator.__name__}.server":
                inner = inspect.unwrap(function)
                if inspect.isasyncgenfunction(inner):
                    yield f"emulator.{inner.__qualname__}", _code(inner)


ELSEWHERE = (
    "packcloud_async.cli",
    "packcloud_async.__main__",
    # Needs a database; what is interrupted there at any moment is in tests/fleet/test_model.py.
    "packcloud_async.fleet",
)


def _modules() -> Iterator[Any]:
    for info in pkgutil.walk_packages(packcloud_async.__path__, "packcloud_async."):
        if not info.name.startswith(ELSEWHERE):
            yield importlib.import_module(info.name)


def _is_awaited(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _code(function: Any) -> CodeType:
    code: CodeType = function.__code__
    return code
