import copy
import inspect
import pickle
import re
from datetime import UTC, datetime

import pytest

import packcloud_async
from packcloud_async import errors
from packcloud_async.errors import (
    ApiError,
    ClientStateError,
    ConfigurationError,
    InvalidResponse,
    LedgerBusy,
    LedgerError,
    PackCloudError,
    ServerError,
    SyncError,
    TransportError,
    ValidationFailed,
)

ANSWER = {"status": 418, "method": "GET", "path": "/x", "excerpt": "No.", "request_id": "req_1", "retry_after": 2.0}
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, PackCloudError)]
EXAMPLES = {
    "PackCloudError": PackCloudError("x"),
    "ConfigurationError": ConfigurationError("x"),
    "ClientStateError": ClientStateError("x"),
    "TransportError": TransportError("x", maybe_sent=False, repeatable=False),
    "InvalidResponse": InvalidResponse("x", path="$.data[3].id"),
    "SyncError": SyncError("x"),
    "LedgerError": LedgerError("x"),
    "LedgerBusy": LedgerBusy("x", pid=12, host="h", since=datetime(2026, 1, 1, tzinfo=UTC)),
    **{kind.__name__: kind(**ANSWER, hint="try again") for kind in CLASSES if issubclass(kind, ApiError)},
}
EXAMPLES["ValidationFailed"].with_field_errors({"name": ("Too long.",)})


def test_the_tree_in_the_documentation_is_the_tree():
    drawn = re.findall(
        r"^ +((?:│   )*)(?:[├└]── )?([A-Z]\w+)", inspect.getdoc(errors).partition("::\n")[2], re.MULTILINE
    )
    assert {name for _, name in drawn} == {kind.__name__ for kind in CLASSES}
    above = {0: PackCloudError}
    for depth, (bars, name) in enumerate(drawn):
        level = 0 if depth == 0 else len(bars) // 4 + 1
        kind = getattr(errors, name)
        above[level] = kind
        assert level == 0 or kind.__bases__[0] is above[level - 1]


def test_every_error_is_public_and_documented():
    for kind in CLASSES:
        assert getattr(packcloud_async, kind.__name__) is kind
        assert kind.__doc__
    assert set(EXAMPLES) == {kind.__name__ for kind in CLASSES}


def test_some_errors_are_of_the_standard_library_too():
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(ClientStateError, RuntimeError)


@pytest.mark.parametrize("error", EXAMPLES.values(), ids=EXAMPLES)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_pickling(error, copied):
    again = copied(error)
    assert type(again) is type(error)
    assert (str(again), repr(again), vars(again)) == (str(error), repr(error), vars(error))


def test_notes_survive_pickling():
    error = ServerError(**ANSWER)
    error.add_note("while syncing org_1")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while syncing org_1"]


@pytest.mark.parametrize(
    ("error", "attributes"),
    [
        pytest.param(TransportError("x", maybe_sent=True), {"maybe_sent": True, "repeatable": True}, id="transport"),
        pytest.param(InvalidResponse("x"), {"path": "$"}, id="invalid response"),
        pytest.param(LedgerBusy("x"), {"pid": None, "host": None, "since": None}, id="held by nobody knows whom"),
        pytest.param(
            ApiError(status=500, method="GET", path="/x"),
            {"status": 500, "method": "GET", "path": "/x", "excerpt": "", "request_id": None, "retry_after": None},
            id="answer",
        ),
        pytest.param(ApiError(**ANSWER), ANSWER, id="full answer"),
        pytest.param(ValidationFailed(**ANSWER), ANSWER, id="refused values"),
        pytest.param(
            ValidationFailed(**ANSWER).with_field_errors({"a": ("b",)}),
            {**ANSWER, "field_errors": {"a": ("b",)}},
            id="refused values by field",
        ),
    ],
)
def test_an_error_carries_what_a_caller_needs(error, attributes):
    assert vars(error) == attributes


def test_refused_values_may_have_no_fields():
    assert ValidationFailed(**ANSWER).field_errors == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({}, "GET /x: 404 Not Found", id="bare"),
        pytest.param({"status": 799}, "GET /x: 799", id="unknown status"),
        pytest.param({"request_id": "r"}, "GET /x: 404 Not Found (request r)", id="request id"),
        pytest.param({"excerpt": "No."}, "GET /x: 404 Not Found: No.", id="excerpt"),
        pytest.param(
            {"excerpt": "Not Found", "request_id": "r"}, "GET /x: 404 Not Found (request r)", id="reason again"
        ),
        pytest.param({"excerpt": "Not Found."}, "GET /x: 404 Not Found: Not Found.", id="all but the reason"),
        pytest.param({"excerpt": "Bad", "status": 799}, "GET /x: 799: Bad", id="unknown status with an excerpt"),
        pytest.param({"hint": "look"}, "GET /x: 404 Not Found [look]", id="hint"),
        pytest.param(
            {"request_id": "r", "excerpt": "No.", "hint": "look"},
            "GET /x: 404 Not Found (request r): No. [look]",
            id="all",
        ),
    ],
)
def test_the_sentence_of_an_answer(changes, message):
    assert str(ApiError(**{"status": 404, "method": "GET", "path": "/x", **changes})) == message


def test_the_message_of_an_invalid_response_names_its_place():
    assert str(InvalidResponse("expected a string", path="$.data[3].id")) == "expected a string @ $.data[3].id"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (200, "ApiError"),
        (399, "ApiError"),
        (400, "BadRequest"),
        (401, "Unauthorized"),
        (402, "ApiError"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (405, "ApiError"),
        (409, "Conflict"),
        (410, "EndpointGone"),
        (422, "ValidationFailed"),
        (429, "RateLimited"),
        (499, "ApiError"),
        (500, "ServerError"),
        (599, "ServerError"),
    ],
)
def test_the_most_specific_class_for_a_status(status, name):
    assert ApiError.kind_for(status) is getattr(errors, name)
