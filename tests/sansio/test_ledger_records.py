"""The values of a ledger, and what is kept of them as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.ledger_records import (
    DamagedRecord,
    Holder,
    LedgerJob,
    LedgerKind,
    RunRecord,
    TargetRecord,
    TargetState,
    UnfinishedJob,
    check_error_text,
    error_text,
    read_error,
    read_holder,
    read_job,
    read_run,
    read_target,
    read_target_state,
    read_unfinished_job,
    write_run,
    write_target,
)
from packcloud_async._sansio.outcomes import Outcome
from packcloud_async._sansio.progress import KindState, Phase
from packcloud_async._sansio.token import JobRecord, OnConflict, RecordedError, write_token
from packcloud_async.errors import ConfigurationError, Conflict, ServerError, SyncError, TransportError
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy

from .reference import policies

STARTED = datetime(2026, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)
FINISHED = datetime(2026, 1, 1, 11, tzinfo=timezone(timedelta(hours=2)))
BROKEN = ServerError(status=503, method="GET", path="/x", excerpt="hush!")

some_kinds = st.none() | st.lists(st.sampled_from(SyncKind), min_size=1, unique=True).map(tuple)
# Lone surrogates included: they are no id that could be sent, and a target of that id is to be kept all the same.
any_text = st.text(st.characters())


@given(some_kinds, policies(), st.sampled_from(OnConflict), st.sampled_from([None, FINISHED]))
def test_a_run_survives_being_written(kinds, poll, on_conflict, finished):
    run = RunRecord(kinds, poll, on_conflict, STARTED, finished)
    assert read_run(write_run(run), None if finished is None else finished.isoformat()) == run


@given(any_text, st.none() | st.lists(any_text).map(tuple), some_kinds, st.floats(0.001, 1000))
def test_a_target_survives_being_written_as_ascii(organization_id, integration_ids, kinds, weight):
    target = TargetRecord(organization_id, integration_ids, kinds, weight)
    assert write_target(target).isascii()
    assert read_target(write_target(target)) == target


@pytest.mark.parametrize("name", ["started", "finished"])
def test_a_run_has_times_with_a_zone(name):
    times = {"started": STARTED, "finished": None, name: STARTED.replace(tzinfo=None)}
    with pytest.raises(ConfigurationError, match=f"RunRecord.{name} must have a time zone"):
        RunRecord(None, PollPolicy(), OnConflict.WATCH, **times)


RUN = '{"kinds": null, "poll": {}, "on_conflict": "watch", "started": "2026-01-01T10:00:00+00:00", "base_url": null}'
TARGET = '{"organization_id": "org_1", "integration_ids": null, "kinds": null, "weight": 1.5}'


@pytest.mark.parametrize(
    ("read", "document"),
    [
        pytest.param(lambda text: read_run(text, None), "", id="nothing"),
        pytest.param(lambda text: read_run(text, None), "[" * 100_000, id="too deep"),
        pytest.param(lambda text: read_run(text, None), "[]", id="a list"),
        pytest.param(lambda text: read_run(text, None), RUN.replace("null", '["invoices"]'), id="unknown kind"),
        pytest.param(lambda text: read_run(text, None), RUN.replace("{}", '{"first": 0}'), id="impossible policy"),
        pytest.param(lambda text: read_run(text, None), RUN.replace("{}", '{"last": 0}'), id="unknown policy"),
        pytest.param(lambda text: read_run(text, None), RUN.replace("+00:00", ""), id="time without zone"),
        pytest.param(lambda text: read_run(text, "soon"), RUN, id="finished soon"),
        pytest.param(read_target, '{"organization_id": 1}', id="an id that is no text"),
        pytest.param(read_target, "{}", id="no id"),
        pytest.param(lambda text: read_run(text, None), RUN.replace("null", "[]", 1), id="no kinds"),
        pytest.param(lambda text: read_run(text, None), RUN.replace("null", '"orders"', 1), id="a text of kinds"),
        pytest.param(lambda text: read_run(text, None), RUN.encode(), id="a run in bytes"),
        pytest.param(lambda text: read_run(RUN, text), b"2026-01-01T10:00:00+00:00", id="finished in bytes"),
        pytest.param(read_target, TARGET.replace("null", '"int_1"', 1), id="one id in place of a list"),
        pytest.param(read_target, TARGET.replace("null", '{"int_1": 1}', 1), id="ids in an object"),
        pytest.param(read_target, TARGET.replace("null", "[1]", 1), id="a number among the ids"),
        pytest.param(read_target, TARGET.replace("1.5", '"1.5"'), id="a weight in a text"),
        pytest.param(read_target, TARGET.replace("1.5", "true"), id="a weight that is true"),
        pytest.param(read_target, TARGET.replace("1.5", "NaN"), id="a weight that is no number"),
        pytest.param(read_target, TARGET.replace("1.5", "0"), id="a weight of nothing"),
        pytest.param(read_target, TARGET.replace("1.5", "1" + "0" * 400), id="a weight beyond a float"),
        pytest.param(lambda text: read_holder(text, "h", STARTED.isoformat()), "me", id="pid that is no number"),
        pytest.param(lambda text: read_holder(text, "h", STARTED.isoformat()), b"12", id="pid in bytes"),
        pytest.param(lambda text: read_holder(text, "h", STARTED.isoformat()), 1.5, id="pid and a half"),
        pytest.param(lambda text: read_holder(1, text, STARTED.isoformat()), None, id="host that is no text"),
    ],
)
def test_a_damaged_record_says_which_it_is_and_quotes_nothing(read, document):
    with pytest.raises(DamagedRecord, match=r"^the record of (the run|a target|the holder) is damaged \(\w+\)$"):
        read(document)


@pytest.mark.parametrize(
    ("read", "row"),
    [
        pytest.param(read_job, (1, b"int_1", "{}", 0, None), id="id in bytes"),
        pytest.param(read_job, (1, "int_1", b"{}", 0, None), id="token in bytes"),
        pytest.param(read_job, (1, "int_1", "{}", "x", None), id="neither finished nor not"),
        pytest.param(read_job, (1, "int_1", "{}", 2, None), id="finished twice"),
        pytest.param(read_job, (1, "int_1", "{}", 0, "hush!"), id="another text for an error"),
        pytest.param(read_job, (1, "int_1", "{}", 0, 7), id="number as error"),
        pytest.param(read_unfinished_job, (1, b"int_1", "{}"), id="unfinished, id in bytes"),
        pytest.param(read_unfinished_job, (1, "int_1", None), id="unfinished, no token"),
        pytest.param(read_target_state, ("hush!",), id="unknown state"),
        pytest.param(read_target_state, (b"listed",), id="state in bytes"),
        pytest.param(read_error, (b"ServerError 503",), id="error in bytes"),
        pytest.param(read_error, ("hush!",), id="error that quotes"),
    ],
)
def test_a_damaged_row_says_what_it_is_and_quotes_nothing(read, row):
    with pytest.raises(DamagedRecord, match=r"^the record of (a target|a job|an error) is damaged \(\w+\)$"):
        read(*row)


def test_rows_are_read():
    assert read_job(3, "int_1", "{}", 1, "ServerError 503") == LedgerJob(3, "int_1", "{}", True, "ServerError 503")
    assert read_unfinished_job(3, "int_1", "{}") == UnfinishedJob(3, "int_1", "{}")
    assert read_target_state("failed") is TargetState.FAILED
    assert read_error(None) is None


def test_a_target_of_the_least_is_read():
    assert read_target(TARGET) == TargetRecord("org_1", None, None, 1.5)


def test_a_run_of_the_least_is_read():
    assert read_run(RUN, None) == RunRecord(None, PollPolicy(), OnConflict.WATCH, datetime(2026, 1, 1, 10, tzinfo=UTC))


def test_who_holds_it_is_said_in_words():
    holder = read_holder(12, "box", STARTED.isoformat())
    assert holder == Holder(12, "box", STARTED)
    assert str(holder) == "process 12 on box, since 2026-01-01 10:00:00 UTC"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BROKEN, "ServerError 503"),
        (TransportError("refused by 10.0.0.1", maybe_sent=False), "TransportError"),
        (ValueError("s3cret"), "ValueError"),
        (RecordedError("Conflict 409"), "Conflict 409"),
        (RecordedError("s3cret: hush!"), "RecordedError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_of_an_error_the_class_and_the_status_are_kept(error, text):
    assert error_text(error) == text
    assert check_error_text(text) == text


def test_no_error_needs_no_text():
    assert check_error_text(None) is None


@pytest.mark.parametrize(
    "text", ["", "GET /x: 503 hush!", "ServerError 503: hush!", "ServerError 503\n", "Error 1234", "x" * 101, "Ünicode"]
)
def test_no_other_text_of_an_error_can_be_kept_and_none_is_quoted(text):
    with pytest.raises(
        ConfigurationError,
        match="^a ledger keeps the class and the status of an error, such as '[^']*', and no other text$",
    ):
        check_error_text(text)


def test_a_job_says_how_far_each_kind_came():
    accepted = KindState(phase=Phase.ACCEPTED, baseline=None)
    joined = KindState(phase=Phase.ACCEPTED, error=Conflict(status=409, method="POST", path="/x"))
    states = {
        SyncKind.ORDERS: KindState(phase=Phase.SENT, baseline=None),
        SyncKind.PRODUCTS: accepted.ended(Outcome.UNREAD, BROKEN),
        SyncKind.STOCKS: joined,
        SyncKind.SHIPPING_SERVICES: KindState().ended(Outcome.REJECTED),
    }
    token = write_token(
        JobRecord(
            organization_id="org_1",
            integration_id="int_1",
            poll=PollPolicy(),
            on_conflict=OnConflict.WATCH,
            started=STARTED,
            watched=None,
            kinds={**states, SyncKind.STOCKS: joined.ended(Outcome.UNOBSERVABLE, joined.error)},
        )
    )
    assert LedgerJob(1, "int_1", token, finished=False).kinds == {
        SyncKind.ORDERS: LedgerKind(Phase.SENT),
        SyncKind.PRODUCTS: LedgerKind(Outcome.UNREAD, "ServerError 503"),
        SyncKind.STOCKS: LedgerKind(Outcome.UNOBSERVABLE, "Conflict 409"),
        SyncKind.SHIPPING_SERVICES: LedgerKind(Outcome.REJECTED),
    }


def test_a_job_with_a_damaged_token_says_so():
    with pytest.raises(SyncError, match="not a job token"):
        _ = LedgerJob(1, "int_1", "?", finished=False).kinds
