import os

import pytest

from .own_interpreter import is_one, run_alone

HERE = "tests/support/test_own_interpreter.py"
seen = []


def test_what_ran_before_is_there():
    seen.append(os.getpid())


@pytest.mark.own_interpreter
def test_nothing_ran_before():
    assert is_one()
    assert not seen


@pytest.mark.own_interpreter
async def test_a_coroutine_does_as_well():
    assert is_one()


@pytest.mark.parametrize("name", ["test_fails_alone", "test_is_nowhere"])
def test_what_fails_there_fails_here(name):
    with pytest.raises(pytest.fail.Exception, match=f"in an interpreter of its own:(?s:.*){name}"):
        run_alone(f"{HERE}::{name}")


def test_fails_alone():
    assert not is_one(), "on purpose"
