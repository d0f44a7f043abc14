import json
import pickle
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.outcomes import Outcome, Step
from packcloud_async._sansio.progress import IllegalStep, KindState, Phase, SyncProgress
from packcloud_async._sansio.timestamps import Direction
from packcloud_async._sansio.token import JobRecord, OnConflict, RecordedError, is_conflict, read_token, write_token
from packcloud_async.errors import Conflict, InvalidResponse, ServerError, SyncError, TransportError
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy

from .payloads import json_values
from .reference import described, policies

ORDERS, PRODUCTS, STOCKS = SyncKind.ORDERS, SyncKind.PRODUCTS, SyncKind.STOCKS
STARTED = datetime(2026, 1, 1, 10, tzinfo=UTC)
T0, T1 = "2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z"
STEP = Step(T0, T1, 1.5, Direction.FORWARD)
BUSY = Conflict(status=409, method="POST", path="/x", excerpt="hush!")
BROKEN = ServerError(status=503, method="GET", path="/x", excerpt="hush!")


def record(**changes):
    return JobRecord(
        **{
            "organization_id": "org_1",
            "integration_id": "int_1",
            "poll": PollPolicy(),
            "on_conflict": OnConflict.WATCH,
            "started": STARTED,
            "watched": None,
            "kinds": {ORDERS: KindState()},
            **changes,
        }
    )


def token(*removed, **changes):
    document = json.loads(write_token(record(kinds={ORDERS: KindState(phase=Phase.ACCEPTED, baseline=T0)}))) | changes
    return json.dumps({name: value for name, value in document.items() if name not in removed})


def token_of_kind(**changes):
    state = json.loads(token())["kinds"]["orders"]
    return token(kinds={"orders": state | changes})


def comparable(state):
    outcome = state.outcome and (
        state.outcome.state,
        *attrs.astuple(state.outcome)[1:-1],
        described(state.outcome.error),
    )
    return state.phase, state.seen, state.steps, described(state.error), state.probed, outcome


def test_a_token_is_plain_json_of_version_1():
    text = write_token(record(kinds={ORDERS: KindState(phase=Phase.SENT, baseline=None)}, watched=STARTED))
    assert json.loads(text) == {
        "version": 1,
        "organization_id": "org_1",
        "integration_id": "int_1",
        "on_conflict": "watch",
        "started": "2026-01-01T10:00:00+00:00",
        "watched": "2026-01-01T10:00:00+00:00",
        "poll": {
            "first": 1.0,
            "growth": 1.5,
            "ceiling": 60.0,
            "deadline": 300.0,
            "settle": 0.0,
            "jitter": 0.1,
            "gone_after": 30.0,
        },
        "kinds": {
            "orders": {
                "phase": "sent",
                "seen": [None],
                "steps": [],
                "error": None,
                "probed": False,
                "outcome": None,
                "outcome_error": None,
            }
        },
    }


def test_a_token_written_by_hand_is_read():
    read = read_token(
        '{"version": 1, "organization_id": "org_1", "integration_id": "int_1", "on_conflict": "reject",'
        '"started": "2026-01-01T12:00:00+02:00", "watched": null, "poll": {"first": 2, "deadline": null},'
        '"kinds": {"stocks": {"phase": "planned", "seen": [], "steps": [], "error": null, "outcome": null}}}'
    )
    assert read == record(
        on_conflict=OnConflict.REJECT, poll=PollPolicy(first=2, deadline=None), kinds={STOCKS: KindState()}
    )


STATES = {
    "planned": KindState(),
    "planned, its probe failed": KindState(error=BROKEN),
    "planned, probed": KindState(baseline="services:2:33f0", probed=True),
    "probed": KindState(phase=Phase.ACCEPTED, baseline="services:2:33f0", probed=True),
    "sent": KindState(phase=Phase.SENT, baseline=T0),
    "sent without a watermark": KindState(phase=Phase.SENT),
    "joined": KindState(phase=Phase.ACCEPTED, baseline=None, error=BUSY),
    "in doubt": KindState(phase=Phase.IN_DOUBT, baseline=T0, error=TransportError("hush!", maybe_sent=True)),
    "settling": KindState(phase=Phase.ACCEPTED, baseline=T0, steps=(STEP,)),
    "advanced": KindState(phase=Phase.ACCEPTED, baseline=T0, steps=(STEP,)).ended(Outcome.QUIET),
    "advanced, joined": KindState(phase=Phase.ACCEPTED, baseline=T0, steps=(STEP,), error=BUSY).ended(Outcome.QUIET),
    "quiet": KindState(phase=Phase.ACCEPTED, baseline=T0).ended(Outcome.QUIET),
    "unread": KindState(phase=Phase.ACCEPTED, baseline=T0).ended(Outcome.UNREAD, InvalidResponse("hush!")),
    "gone, joined": KindState(phase=Phase.ACCEPTED, baseline=T0, error=BUSY).ended(Outcome.GONE, BROKEN),
    "unobservable": KindState(phase=Phase.ACCEPTED).ended(Outcome.UNOBSERVABLE),
    "rejected": KindState(phase=Phase.SENT, error=BROKEN).ended(Outcome.REJECTED, BROKEN),
    "ambiguous": KindState(phase=Phase.IN_DOUBT, error=BROKEN).ended(Outcome.AMBIGUOUS, BROKEN),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_every_state_survives(state):
    text = write_token(record(kinds={ORDERS: state}))
    read = read_token(text)
    assert comparable(read.kinds[ORDERS]) == comparable(state)
    assert write_token(read) == text
    assert "hush!" not in text


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in {".", ".."}),
    policies(),
    st.sampled_from(OnConflict),
    st.datetimes(timezones=st.just(timezone(timedelta(hours=2)))),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.dictionaries(st.sampled_from(SyncKind), st.sampled_from(sorted(STATES)), min_size=1),
)
def test_a_record_survives(name, poll, on_conflict, started, watched, states):
    kinds = {kind: STATES[state] for kind, state in states.items()}
    written = record(
        organization_id=name,
        integration_id=name,
        poll=poll,
        on_conflict=on_conflict,
        started=started,
        watched=watched,
        kinds=kinds,
    )
    read = read_token(write_token(written))
    assert attrs.evolve(read, kinds={}) == attrs.evolve(written, kinds={})
    assert {kind: comparable(state) for kind, state in read.kinds.items()} == {
        kind: comparable(state) for kind, state in kinds.items()
    }


def test_an_error_is_recorded_by_class_and_status_only():
    read = read_token(write_token(record(kinds={ORDERS: STATES["gone, joined"]})))
    outcome = read.kinds[ORDERS].outcome
    assert str(outcome.error) == "recorded before the job was resumed: ServerError 503"
    assert isinstance(outcome.error, SyncError)
    again = pickle.loads(pickle.dumps(outcome.error))
    assert (type(again), again.recorded, str(again)) == (RecordedError, "ServerError 503", str(outcome.error))


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (BUSY, True),
        (RecordedError("Conflict 409"), True),
        (BROKEN, False),
        (RecordedError("ServerError 503"), False),
        (None, False),
    ],
    ids=repr,
)
def test_a_conflict_is_one_before_and_after_a_restart(error, is_one):
    assert is_conflict(error) is is_one
    if error is not None:
        state = KindState(phase=Phase.ACCEPTED, baseline=T0, error=error)
        assert is_conflict(read_token(write_token(record(kinds={ORDERS: state}))).kinds[ORDERS].error) is is_one


@pytest.mark.parametrize(
    ("state", "was_read"), [(KindState(), False), (KindState(baseline=None), True), (STATES["sent"], True)]
)
def test_what_was_told_of_any_kind_was_told_after_the_baseline(state, was_read):
    assert record(kinds={STOCKS: KindState(), ORDERS: state}).has_baseline is was_read


@pytest.mark.parametrize(
    ("state", "watched", "clock", "started_at", "watched_from"),
    [
        pytest.param("settling", 10, 30, 970.0, 980.0, id="watched"),
        pytest.param("planned, probed", None, 30, 970.0, None, id="not watched yet"),
        pytest.param("planned", None, 30, 1000.0, None, id="no baseline: it begins anew"),
        pytest.param("settling", 10, 5, 995.0, 1000.0, id="the wall clock went back, a little"),
        pytest.param("settling", 10, -90, 1000.0, 1000.0, id="the wall clock went back, far"),
    ],
)
def test_a_machine_goes_on_where_the_record_stands(state, watched, clock, started_at, watched_from):
    progress = record(
        watched=None if watched is None else STARTED + timedelta(seconds=watched), kinds={ORDERS: STATES[state]}
    ).progress(PollPolicy(deadline=7), spread=0.25, now=1000.0, wall_clock=STARTED + timedelta(seconds=clock))
    assert (progress.started_at, progress.watched_from) == (started_at, watched_from)
    assert (progress.policy, progress.spread) == (PollPolicy(deadline=7), 0.25)
    assert progress.kinds == {ORDERS: STATES[state]}


@pytest.mark.parametrize(
    ("states", "is_measured"),
    [(["planned", "planned, probed"], True), (["planned", "sent"], False), (["joined"], False), (["quiet"], False)],
    ids=str,
)
def test_a_machine_that_did_not_see_its_own_post_measures_nothing(states, is_measured):
    read = record(kinds=dict(zip(SyncKind, [STATES[state] for state in states], strict=False)))
    progress = read.progress(read.poll, spread=0.5, now=0.0, wall_clock=STARTED)
    assert progress.is_measured is is_measured


def test_a_record_follows_its_machine_and_is_the_same_when_nothing_happened():
    planned = record(kinds={ORDERS: KindState(baseline=T0)})
    progress = planned.progress(planned.poll, spread=0.5, now=100.0, wall_clock=STARTED + timedelta(seconds=4))
    assert planned.at(progress) == planned
    progress.sending(ORDERS)
    progress.accepted(ORDERS)
    progress.watch(106.0)
    watched = planned.at(progress)
    assert (watched.watched, watched.kinds) == (STARTED + timedelta(seconds=10), progress.kinds)
    # In another process, whose clock is another one: 20 seconds into the window.
    again = watched.progress(watched.poll, spread=0.5, now=7.0, wall_clock=STARTED + timedelta(seconds=30))
    assert (again.started_at, again.watched_from) == (-23.0, -13.0)
    assert watched.at(again) == watched


def test_a_job_begun_at_the_end_of_time_has_a_token():
    begun = record(started=datetime.max.replace(tzinfo=UTC), kinds={ORDERS: KindState(baseline=T0)})
    progress = begun.progress(begun.poll, spread=0.5, now=100.0, wall_clock=STARTED)
    progress.sending(ORDERS)
    progress.accepted(ORDERS)
    progress.watch(106.0)
    assert begun.at(progress).watched == begun.started


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param("{", "not JSON", id="cut off"),
        pytest.param(None, "not JSON", id="none"),
        pytest.param("[" * 100_000, "not JSON", id="too deep"),
        pytest.param("7", "no version", id="number"),
        pytest.param("[]", "no version", id="list"),
        pytest.param("{}", "no version", id="other JSON"),
        pytest.param(token(version=2), "version 2; this release reads version 1", id="newer"),
        pytest.param(token(version="1"), "version '1'; this release", id="version as text"),
        pytest.param(token(version=True), "version True; this release", id="true as version"),
        pytest.param(token(version=1.0), "version 1.0; this release", id="version with a fraction"),
        pytest.param(token(version="x" * 1000), "version 'xxxxxxxxxxxxxxxxxxx; this", id="long version"),
        *[
            pytest.param(token(name), r"damaged job token \(KeyError\)", id=f"without {name}")
            for name in ("organization_id", "integration_id", "on_conflict", "started", "watched", "poll", "kinds")
        ],
        pytest.param(token(organization_id=7), "damaged job token", id="number as id"),
        pytest.param(token(organization_id=""), "damaged job token", id="empty id"),
        pytest.param(token(integration_id=".."), "damaged job token", id="dots as id"),
        pytest.param(token(on_conflict="fight"), "damaged job token", id="unknown on_conflict"),
        pytest.param(token(on_conflict=[]), "damaged job token", id="list as on_conflict"),
        pytest.param(token(started="2026-01-01T10:00:00"), "damaged job token", id="start without a zone"),
        pytest.param(token(started=0), "damaged job token", id="number as start"),
        pytest.param(token(watched="soon"), "damaged job token", id="unreadable time"),
        pytest.param(token(poll={"first": -1}), "damaged job token", id="policy out of range"),
        pytest.param(token(poll={"first": 10**400}), "damaged job token", id="policy beyond a float"),
        pytest.param(token(poll={"pace": 1}), "damaged job token", id="unknown policy"),
        pytest.param(token(poll=[]), "damaged job token", id="list as policy"),
        pytest.param(token(kinds={}), "damaged job token", id="no kinds"),
        pytest.param(token(kinds=[]), "damaged job token", id="list as kinds"),
        pytest.param(token(kinds={"customers": {}}), "damaged job token", id="unknown kind"),
        pytest.param(token(kinds={"orders": {}}), "damaged job token", id="empty kind"),
        pytest.param(token(kinds={"orders": None}), "damaged job token", id="null kind"),
        pytest.param(token_of_kind(phase="gone"), "damaged job token", id="unknown phase"),
        pytest.param(token_of_kind(seen="abc"), "damaged job token", id="text as list"),
        pytest.param(token_of_kind(seen=[7]), "damaged job token", id="number as watermark"),
        pytest.param(token_of_kind(seen=[]), "damaged job token", id="watched without a baseline"),
        pytest.param(token_of_kind(phase="in_doubt", seen=[]), "damaged job token", id="in doubt without a baseline"),
        pytest.param(
            token_of_kind(seen=[], steps=[[T0, T1, 1.0, "forward"]], outcome="quiet"),
            "damaged job token",
            id="steps without a baseline",
        ),
        pytest.param(token_of_kind(outcome="advanced", outcome_error=None), "damaged job token", id="no step"),
        pytest.param(
            token_of_kind(seen=[T0, T1], steps=[[T0, T1, 1.0, "forward"]], outcome="quiet", outcome_error=None),
            "damaged job token",
            id="news called quiet",
        ),
        pytest.param(token_of_kind(outcome="splendid"), "damaged job token", id="unknown outcome"),
        pytest.param(token_of_kind(outcome="quiet", outcome_error=7), "damaged job token", id="number as error"),
        pytest.param(token_of_kind(steps=["abcd"]), "damaged job token", id="text as step"),
        pytest.param(token_of_kind(steps=[[T0, T1, 1.0]]), "damaged job token", id="short step"),
        pytest.param(token_of_kind(steps=[[T0, T1, "1", "forward"]]), "damaged job token", id="text as time"),
        pytest.param(token_of_kind(steps=[[T0, T1, True, "forward"]]), "damaged job token", id="true as time"),
        pytest.param(token_of_kind(steps=[[T0, T1, 1.0, "sideways"]]), "damaged job token", id="unknown direction"),
        pytest.param(token_of_kind(steps=[[T0, T1, float("inf"), "forward"]]), "damaged job token", id="infinite time"),
        pytest.param(
            token_of_kind(steps=[[T0, T1, 10**400, "forward"]]), "damaged job token", id="time beyond a float"
        ),
    ],
)
def test_a_token_that_cannot_be_read_says_why_and_what_to_do(text, complaint):
    with pytest.raises(SyncError, match=complaint) as caught:
        read_token(text)
    assert any(way in str(caught.value) for way in ("pass the text", "resume it with", "use the text exactly"))


def places_in(document):
    """Every place of a JSON document, as a path of keys."""
    yield ()
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from ((key, *rest) for rest in places_in(value))


WHOLE = json.loads(
    write_token(record(watched=STARTED, kinds={ORDERS: STATES["settling"], PRODUCTS: STATES["in doubt"]}))
)


@given(st.sampled_from(list(places_in(WHOLE))[1:]), json_values | st.sampled_from(["accepted", "quiet", "advanced"]))
def test_a_damaged_token_is_refused_or_makes_a_machine_that_works(place, value):
    document = json.loads(json.dumps(WHOLE))
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    with suppress(SyncError, IllegalStep):
        read = read_token(json.dumps(document))
        progress = SyncProgress(policy=read.poll, started_at=0.0, kinds=dict(read.kinds), watched_from=0.0)
        progress.watch(0.0)
        progress.observed({ORDERS: T0, PRODUCTS: T1, STOCKS: T1}, asked_at=1.0, now=1.0)
        progress.removed(BROKEN, now=1.0)
        assert progress.is_done


@given(st.text(max_size=50) | json_values.map(json.dumps))
def test_any_text_is_a_record_or_an_error(text):
    with suppress(SyncError):
        read_token(text)
