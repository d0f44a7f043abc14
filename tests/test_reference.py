"""The reference has every public name, and each says what nobody sees: units, what None means, what is raised."""

import ast
import importlib
import importlib.util
import inspect
import re
import textwrap
import types
from pathlib import Path

import attrs
import pytest

import packcloud_async
from packcloud_async import PackCloudError

PAGE = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")
MODULES = ["packcloud_async", "packcloud_async.emulator", "packcloud_async.hooks", "packcloud_async.testing"]
NEEDING = {"packcloud_async.otel": "opentelemetry", "packcloud_async.fleet": "procrastinate"}
"""What some of them cannot be imported without."""
MODULES += NEEDING
ENTRY = re.compile(
    r"^\.\. (?:auto(?:class|exception|function)|py:data|py:type):: ([\w.]+)\n((?:   .*\n)*)", re.MULTILINE
)
ENTRIES = dict(ENTRY.findall(PAGE))
NOT_KEPT = {"self", "message", "complaint", "hint"}
UNITS = ("second", "rate", "ratio", "share", "weight", "byte", "probability", "time")


def load(module):
    if module in NEEDING:
        pytest.importorskip(NEEDING[module], reason=f"what {module} is for")
    return importlib.import_module(module)


def is_there(module):
    return module not in NEEDING or importlib.util.find_spec(NEEDING[module]) is not None


def public_classes():
    for module in filter(is_there, MODULES):
        for name in importlib.import_module(module).__all__:
            value = getattr(importlib.import_module(module), name)
            if inspect.isclass(value):
                yield f"{module}.{name}", value


def members():
    for name, cls in public_classes():
        kept_out = re.findall(r"exclude-members: (.*)", ENTRIES.get(name, ""))
        hidden = {part.strip() for names in kept_out for part in names.split(",")}
        for member, value in vars(cls).items():
            is_callable = isinstance(value, types.FunctionType | classmethod | staticmethod | property)
            if is_callable and not member.startswith("_") and member not in hidden:
                yield pytest.param(cls, value, id=f"{name}.{member}")


CLASSES = [pytest.param(cls, id=name) for name, cls in public_classes()]
MEMBERS = list(members())


def function_of(member):
    match member:
        case property():
            return member.fget
        case classmethod() | staticmethod():
            return member.__func__
        case _:
            return member


def text_of(cls, member):
    """What a reader sees of a member: its own docstring, beside that of its class."""
    return f"{inspect.getdoc(function_of(member)) or ''}\n{inspect.getdoc(cls) or ''}"


def raised_in(function):
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raises = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
    names = {call.func.id for call in raises if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)}
    return {name for name in names if isinstance(getattr(packcloud_async, name, None), type)}


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_the_reference(module):
    assert [name for name in load(module).__all__ if f"{module}.{name}" not in ENTRIES] == []


def test_the_reference_has_no_other_names():
    def is_public(name):
        module, _, last = name.rpartition(".")
        return last in load(module).__all__

    assert [name for name in ENTRIES if is_there(name.rpartition(".")[0]) and not is_public(name)] == []


def test_every_error_is_in_the_reference():
    errors = [error for error in vars(packcloud_async.errors).values() if isinstance(error, type)]
    errors = [error for error in errors if issubclass(error, PackCloudError)]
    assert len(errors) == 18
    assert [error.__name__ for error in errors if f"packcloud_async.{error.__name__}" not in ENTRIES] == []


@pytest.mark.parametrize("cls", CLASSES)
def test_a_class_says_what_it_is(cls):
    text = inspect.getdoc(cls) or ""
    assert re.match(r"\S+ \S+[^\n]*[.:]", text), text
    assert not text.startswith(f"{cls.__name__}("), "attrs or enum wrote it"


@pytest.mark.parametrize("cls", CLASSES)
def test_what_a_field_may_be_is_said(cls):
    if not attrs.has(cls):
        return
    text = inspect.getdoc(cls) or ""
    fields = [field for field in attrs.fields(cls) if not field.name.startswith("_")]
    with_none = [field.name for field in fields if "None" in str(field.type)]
    assert not with_none or "None" in text, with_none
    numbers = [field.name for field in fields if str(field.type).startswith(("float", "<class 'float'"))]
    assert not numbers or any(unit in text for unit in UNITS), numbers


@pytest.mark.parametrize("cls", [param for param in CLASSES if issubclass(param.values[0], PackCloudError)])
def test_what_an_error_carries_is_said(cls):
    given = inspect.signature(vars(cls).get("__init__", lambda: None)).parameters.keys() - NOT_KEPT
    assert [name for name in given if f"``{name}``" not in (inspect.getdoc(cls) or "")] == []


@pytest.mark.parametrize(("cls", "member"), MEMBERS)
def test_a_member_says_what_it_does(cls, member):
    text = inspect.getdoc(function_of(member)) or ""
    assert re.match(r"\S+ \S+[^\n]*[.;:,]?", text), text
    assert text.rstrip().endswith((".", ")", "]", "'", '"')) or ">>>" in text, text


@pytest.mark.parametrize(("cls", "member"), MEMBERS)
def test_a_member_says_what_none_and_numbers_mean(cls, member):
    function = function_of(member)
    text = text_of(cls, member)
    hints = {name: str(hint) for name, hint in function.__annotations__.items()}
    returned = hints.get("return", "None")
    assert not re.search(r"\| None$", returned) or "None" in text, returned
    given = [name for name, hint in hints.items() if "None" in hint and name != "return"]
    assert not given or "None" in text, given
    numbers = [name for name, hint in hints.items() if re.match(r"(<class ')?float", hint)]
    assert not numbers or any(unit in text for unit in UNITS), numbers


@pytest.mark.parametrize(("cls", "member"), MEMBERS)
def test_a_member_names_what_it_raises(cls, member):
    raised = raised_in(function_of(member))
    assert {name for name in raised if name not in text_of(cls, member)} == set()
