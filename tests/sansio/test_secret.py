import copy
import pickle

import pytest

from packcloud_async._sansio.secret import Secret, revealed, secret, without_frames


def test_a_secret_shows_nothing_and_holds_its_value():
    held = Secret({"key": "hush"})
    assert (repr(held), f"{held}", str([held])) == ("Secret(...)", "Secret(...)", "[Secret(...)]")
    assert held.reveal() == {"key": "hush"}


def test_a_secret_is_a_value():
    assert Secret("hush") == Secret("hush") != Secret("other")
    assert {Secret("hush"): 1}[copy.deepcopy(Secret("hush"))] == 1
    assert pickle.loads(pickle.dumps(Secret("hush"))) == Secret("hush")


def test_a_secret_is_neither_wrapped_twice_nor_needed():
    held = Secret("hush")
    assert secret(held) is held
    assert secret("hush") == held
    assert revealed(held) == revealed("hush") == "hush"


def caught(act):
    try:
        act()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def fail(kind=LookupError):
    raise kind("inner")


def chained(*, suppressed):
    try:
        fail()
    except LookupError as error:
        if suppressed:
            raise ValueError("outer") from None
        raise ValueError("outer") from error


def test_an_error_without_frames_keeps_its_type_text_and_cause():
    error = caught(lambda: chained(suppressed=False))
    cause = error.__cause__
    assert without_frames(error) is error
    assert (str(error), error.__cause__, str(cause)) == ("outer", cause, "inner")
    assert (error.__traceback__, cause.__traceback__, error.__context__) == (None, None, None)


def test_what_no_traceback_would_show_is_not_held_any_more():
    error = without_frames(caught(lambda: chained(suppressed=True)))
    assert (error.__cause__, error.__context__, error.__suppress_context__) == (None, None, True)


def test_the_context_that_a_traceback_shows_stays():
    def fail_while_failing():
        try:
            fail()
        except LookupError:
            fail(ValueError)

    error = without_frames(caught(fail_while_failing))
    assert type(error.__context__) is LookupError
    assert error.__context__.__traceback__ is None


def test_the_errors_of_a_group_lose_their_frames_too():
    group = ExceptionGroup("both", [caught(fail), caught(fail)])
    assert [error.__traceback__ for error in without_frames(group).exceptions] == [None, None]


def test_errors_that_are_each_others_cause_end_it_all_the_same():
    first, second = ValueError(), LookupError()
    first.__cause__, second.__cause__ = second, first
    assert without_frames(first) is first


def test_an_error_that_is_raised_again_has_the_frames_from_there_on():
    def again():
        try:
            fail()
        except LookupError as error:
            raise without_frames(error)  # noqa: B904

    with pytest.raises(LookupError) as raised:
        again()
    assert [entry.name for entry in raised.traceback][1:] == ["again"]
