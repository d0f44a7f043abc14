"""The judge of the soak finds every kind of lie, and finds none in the truth."""

import pytest
from attrs import evolve

from benchmarks.soaking.cases import Evidence
from benchmarks.soaking.told import Job, Sent, Told, by_key
from benchmarks.soaking.truth import Truth
from benchmarks.soaking.wire import CUT, LOST, UNSENT
from packcloud_async import SyncKind
from packcloud_async.emulator import AnswerLog, Books, PostSeen, Showing, SyncRun, WatermarkFormat
from packcloud_async.emulator.sync_runs import Move

ORDERS, STOCKS, SERVICES = SyncKind.ORDERS, SyncKind.STOCKS, SyncKind.SHIPPING_SERVICES
OLD, NEW, NEWER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:12Z", "2026-01-01T00:00:14Z"
ZERO, DEADLINE = 1_000.0, 5.0
BEGAN, POSTED, ENDED = 1_009.0, 1_010.0, 1_016.0


def showing(number, at, value, *, stale=False):
    return Showing(number, at - ZERO, at - ZERO, value, stale)


def truth(
    *,
    kind=ORDERS,
    sent=((POSTED, 202),),
    arrived=((POSTED, 202, True),),
    shown=((1, 1_009.5, OLD), (2, 1_012.5, NEW), (3, 1_015.2, NEW)),
    got=(1, 2, 3),
    moves=((12.0, 12),),
    removed=None,
    refused=(),
    integrations=("int_1",),
):
    """One integration whose sync was accepted at 1,010, moved at 1,012 and was read at 1,012.5 and 1,015.2."""
    key = ("org_1", "int_1", kind)
    books, log = Books(), AnswerLog()
    books.enter(SyncRun(*key, POSTED - ZERO, 15.0, tuple(Move(*move) for move in moves), WatermarkFormat.PLAIN))
    if removed is not None:
        books.removed["org_1", "int_1"] = removed - ZERO
    for number, (at, status, accepted) in enumerate(arrived):
        log.post(*key, PostSeen(number, at - ZERO, status, comes_back=False, accepted=accepted))
    for at, status in refused:
        log.read_refused("org_1", "int_1", at - ZERO, status)
    log.showings[key] = [showing(*one) if isinstance(one, tuple) else one for one in shown]
    evidence = Evidence(
        books=books,
        log=log,
        sent={key: [Sent(at, at + 0.01, became, comes_back=False) for at, became in sent]},
        received={one.number: (ZERO + one.at, ZERO + one.at + 0.01) for one in log.showings[key] if one.number in got},
        zero=ZERO,
        deadline=DEADLINE,
    )
    return Truth(evidence, integrations)


def job(state="advanced", *, kind=ORDERS, before=OLD, after=NEW, why=None, **fields):
    return Job(
        **{
            "scenario": "single",
            "organization": "org_1",
            "integration": "int_1",
            "kinds": (kind,),
            "began": BEGAN,
            "ended": ENDED,
            "outcomes": {kind: Told(state=state, before=before, after=after, error=why)},
            **fields,
        }
    )


def quiet(**fields):
    return job("quiet", **{"after": OLD, **fields})


STILL = {"shown": ((1, 1_009.5, OLD), (2, 1_012.5, OLD), (3, 1_015.2, OLD)), "moves": ()}
LOST_POST = {"sent": ((POSTED, LOST),), "arrived": ((POSTED, None, True),)}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({}, job()),
        # A job that was not looked at while it moved.
        (STILL, quiet()),
        ({**STILL, "sent": ((POSTED, 409),), "arrived": ((POSTED, 409, False),)}, quiet(why="Conflict")),
        # News came to the server in time, and its answer never to the client.
        ({"got": (1, 3), "shown": ((1, 1_009.5, OLD), (2, 1_012.5, NEW), (3, 1_015.2, OLD))}, quiet()),
        # So late that the job had ended.
        ({"shown": ((1, 1_009.5, OLD), (2, 1_015.2, OLD), (3, 1_015.95, NEW))}, quiet()),
        (STILL, job("unread", after=OLD, why="ServerError")),
        ({**STILL, **LOST_POST}, job("ambiguous", after=OLD)),
        ({**STILL, "sent": ((POSTED, 500),), "arrived": ((POSTED, 500, True),)}, job("ambiguous", after=OLD)),
        ({"sent": ((POSTED, 422),), "arrived": ((POSTED, 422, False),)}, job("rejected", after=OLD)),
        ({"sent": ((POSTED, UNSENT),), "arrived": ()}, job("rejected", after=OLD)),
        ({"sent": ((1_009.6, 401), (POSTED, 202)), "arrived": ((1_009.6, 401, False), (POSTED, 202, True))}, job()),
        ({"kind": STOCKS}, job("unobservable", kind=STOCKS, before=None, after=None)),
        ({"removed": 1_011.0}, job("gone", after=OLD)),
        ({"refused": ((1_013.0, 410),)}, job("gone", after=OLD)),
        # One that could not be started, and sent nothing.
        ({"sent": (), "arrived": ()}, job(outcomes={}, error="NotFound")),
        ({"sent": (), "arrived": ()}, job(integration=None, outcomes={}, error="ServerError")),
        # Cut off around the instant at which it was answered.
        (
            {"shown": ((1, 1_009.5, OLD), (2, 1_012.5, NEW), (3, 1_015.2, OLD))},
            quiet(cuts=((1_012.6, 1_012.8),)),
        ),
        # Another spelling of the same instant is no news.
        ({**STILL, "shown": ((1, 1_009.5, OLD), (3, 1_015.2, "2026-01-01T02:00:00+02:00"))}, quiet()),
    ],
)
def test_the_truth_is_no_trouble(found, told):
    verdict = truth(**found).judge([told])
    assert verdict.troubles == []
    assert verdict.jobs == 1


@pytest.mark.parametrize(
    ("found", "told", "trouble"),
    [
        (STILL, job(), "no answer showed that value"),
        ({"sent": (), "arrived": ()}, job(), "nothing was sent"),
        ({}, job(before=NEWER), "no answer showed that baseline"),
        ({}, job(after=OLD), "it did not move"),
        # It moved before the baseline was read.
        ({"moves": ((3.0, 12),)}, job(), "it did not move after the baseline"),
        ({}, quiet(), "answer 2 showed"),
        ({**STILL, "got": (1, 2)}, quiet(), "no read at the end of the window"),
        ({**STILL, **LOST_POST}, quiet(), "no POST started a sync"),
        ({**STILL, "sent": ((POSTED, 404),), "arrived": ()}, job("unread", after=OLD), "no POST started a sync"),
        (STILL, job("ambiguous", after=OLD), "every POST had its answer"),
        ({}, job("rejected", after=OLD), "a POST may have arrived"),
        ({"sent": ((POSTED, CUT),)}, job("rejected", after=OLD), "a POST may have arrived"),
        ({}, job("unobservable", after=OLD), "its watermark can be read"),
        ({}, job("gone", after=OLD), "it is still there"),
        ({"removed": 1_017.0}, job("gone", after=OLD), "it is still there"),
        ({}, job(outcomes={}), "no outcome of orders"),
        ({}, job(outcomes={}, error="NotFound"), "ended with NotFound after a POST that may have arrived"),
        ({}, job(integration=None, outcomes={}, error="NotFound"), "after a POST that may have arrived"),
        ({"sent": (), "arrived": ()}, job(integration=None, outcomes={}), "neither a result nor an error"),
        ({"integrations": ("int_1", "int_2")}, job(), "org_1/int_2: lost"),
        (
            {"sent": ((POSTED, LOST), (1_011.0, 202)), "arrived": ((POSTED, None, False), (1_011.0, 202, True))},
            job(),
            "repeated, 2 POSTs that may have arrived were sent for 1 jobs",
        ),
        (
            {"arrived": ((POSTED, None, True), (1_011.0, 202, True))},
            job(),
            "2 POSTs arrived, 1 were sent",
        ),
        (
            {"sent": ((POSTED, 429), (1_011.0, 202)), "arrived": ((POSTED, 429, True), (1_011.0, 202, True))},
            job(),
            "repeated, 2 POSTs that may have acted arrived for 1 jobs",
        ),
    ],
)
def test_a_lie_is_found(found, told, trouble):
    troubles = truth(**found).judge([told]).troubles
    assert any(trouble in one for one in troubles), troubles


@pytest.mark.parametrize(
    ("scenario", "count", "good"), [("single", 1, 1), ("single", 2, 0), ("pairs", 2, 1), ("again", 1, 0)]
)
def test_every_job_has_exactly_one_result(scenario, count, good):
    troubles = truth().judge([job(scenario=scenario)] * count).troubles
    assert (not any("results in place of" in one for one in troubles)) is bool(good)


def test_of_two_jobs_one_may_be_rejected_and_the_other_start_the_sync():
    found = {"sent": ((1_009.6, 404), (POSTED, 202)), "arrived": ((1_009.6, 404, False), (POSTED, 202, True))}
    jobs = [job("rejected", after=OLD), job()]
    assert truth(**found).judge([evolve(one, scenario="pairs") for one in jobs]).troubles == []
    assert truth(**found).judge([jobs[0]]).troubles != []


@pytest.mark.parametrize("stale", [True, False])
def test_what_a_lagging_replica_made_is_counted_apart(stale):
    found = {"moves": ((3.0, 12),), "shown": (showing(1, 1_009.5, OLD, stale=stale), showing(2, 1_012.5, NEW))}
    verdict = truth(**found).judge([job()])
    assert (verdict.from_replicas, len(verdict.troubles)) == ((1, 0) if stale else (0, 1))


class TestServices:
    BEFORE, AFTER = frozenset({("svc_1", OLD)}), frozenset({("svc_1", OLD), ("svc_2", NEW)})

    def judged(self, told, *values):
        shown = [showing(number, at, value) for number, (at, value) in enumerate(values, start=1)]
        return truth(kind=SERVICES, shown=shown).judge([told]).troubles

    def test_another_service_is_news(self):
        values = (1_009.5, self.BEFORE), (1_015.2, self.AFTER)
        assert self.judged(job(kind=SERVICES), *values) == []
        assert "showed" in self.judged(quiet(kind=SERVICES), *values)[0]

    def test_the_same_services_are_none(self):
        values = (1_009.5, self.BEFORE), (1_015.2, self.BEFORE)
        assert self.judged(quiet(kind=SERVICES), *values) == []
        assert "another service" in self.judged(job(kind=SERVICES), *values)[0]


def test_what_a_wire_noted_is_ordered_by_integration_and_kind():
    path = "/v1/organizations/org%201/integrations/int_1/shipping-services/sync"
    assert by_key([[path, 1.0, 2.0, 202, False]]) == {
        ("org 1", "int_1", SERVICES): [Sent(1.0, 2.0, 202, comes_back=False)]
    }


def test_a_job_survives_its_way_as_json():
    assert Job.from_json(
        {
            "scenario": "single",
            "organization": "org_1",
            "integration": "int_1",
            "kinds": ["orders"],
            "began": BEGAN,
            "ended": ENDED,
            "outcomes": {"orders": {"state": "advanced", "before": OLD, "after": NEW, "error": None}},
            "error": None,
            "cuts": [[1.0, 2.0]],
        }
    ) == job(cuts=((1.0, 2.0),))
