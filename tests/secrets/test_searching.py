"""The search itself: it finds a canary in every form it claims to know, and in every place an error can show one."""

import pytest
from attrs import frozen

from . import canaries, showing


@pytest.mark.parametrize(
    "secret", [canaries.TOKEN, canaries.HEADER, canaries.SETTING], ids=["token", "header", "setting"]
)
@pytest.mark.parametrize("shape", canaries.echoes())
def test_a_canary_is_found_in_every_form(shape, secret):
    assert canaries.found_in(f"before {canaries.echoes()[shape](secret)} after")


def test_what_holds_no_canary_has_none():
    assert canaries.found_in("settings token Zw Q7k key pass password {'shop': ...} Authorization: Bearer") == []


@frozen
class Leaky:
    """As the library is not: it shows the value it holds."""

    value: str


@frozen(repr=False)
class Walkable:
    """Its repr shows nothing, its attribute does."""

    value: str


def fail_with(held):
    raise LookupError("nothing to see")


def fail_by_attribute(walkable):
    return walkable.value.missing


def caught(act, *arguments):
    try:
        act(*arguments)
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def where(error):
    return " ".join(canaries.leaks(showing.errors("error", error)))


@pytest.fixture
def frames_are_shown(monkeypatch):
    """As if these frames were of the library."""
    monkeypatch.setattr(showing, "TESTS", "nowhere")


@pytest.mark.usefixtures("frames_are_shown")
def test_a_local_that_shows_it_is_found_by_every_printer():
    told = where(caught(fail_with, Leaky(canaries.TOKEN)))
    for printer in ("traceback with locals", "rich traceback with locals", "fail_with: held"):
        assert f"LookupError: {printer}" in told or printer in told
    assert showing.cgitb is None or "LookupError: cgitb" in told


@pytest.mark.usefixtures("frames_are_shown")
def test_a_local_in_a_container_with_a_repr_of_its_own_is_found():
    class Quiet(dict):
        def __repr__(self):
            return "<quiet>"

    assert "fail_with: held" in where(caught(fail_with, Quiet(a=[canaries.TOKEN])))


@pytest.mark.usefixtures("frames_are_shown")
def test_a_field_that_only_rich_looks_into_is_found():
    assert "rich traceback with locals" in where(caught(fail_with, Walkable(canaries.TOKEN)))


@pytest.mark.usefixtures("frames_are_shown")
def test_an_attribute_named_on_the_failing_line_is_found():
    assert "fail_by_attribute: walkable.value" in where(caught(fail_by_attribute, Walkable(canaries.TOKEN)))


def test_frames_of_the_tests_are_left_out():
    assert where(caught(fail_with, Leaky(canaries.TOKEN))) == ""


@pytest.mark.parametrize("suppress", [False, True])
def test_what_an_error_is_chained_to_is_searched_even_if_no_traceback_shows_it(suppress):
    error = LookupError("outer")
    error.__context__ = LookupError(canaries.TOKEN)
    error.__suppress_context__ = suppress
    assert "LookupError: str" in where(error)


def test_an_error_inside_a_value_is_searched():
    assert "LookupError: repr" in " ".join(
        canaries.leaks(showing.values("value", Walkable((LookupError(canaries.TOKEN),))))
    )
