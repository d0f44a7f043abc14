import copy
import pickle

import attrs
import pytest

from packcloud_async._sansio.outcomes import KindOutcome, KindOutcomes, Outcome, Sighting, Step, SyncResult
from packcloud_async._sansio.timestamps import Direction
from packcloud_async.errors import NotFound, ServerError, SyncError
from packcloud_async.models import SyncKind

ORDERS, PRODUCTS, STOCKS = SyncKind.ORDERS, SyncKind.PRODUCTS, SyncKind.STOCKS
MISSING = NotFound(status=404, method="GET", path="/x")
BROKEN = ServerError(status=503, method="GET", path="/x")
FAILURES = {Outcome.REJECTED, Outcome.AMBIGUOUS, Outcome.GONE, Outcome.UNREAD}


def result(error=None, **states):
    kinds = {SyncKind(name): KindOutcome(state=state) for name, state in states.items()}
    return SyncResult(organization_id="org_1", integration_id="int_1", kinds=kinds, error=error)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_failure_is_what_somebody_should_look_at(outcome):
    assert outcome.is_failure is (outcome in FAILURES)
    assert result(orders=outcome).failed is (outcome in FAILURES)


def test_a_target_that_was_not_started_failed():
    assert result(error=MISSING).failed
    assert not result().failed


def test_a_change_was_seen_at_its_first_step():
    steps = (Step(None, "a", 1.5, Direction.FROM_NULL), Step("a", "b", 3.0, Direction.UNORDERED))
    assert KindOutcome(state=Outcome.ADVANCED, steps=steps).seen_at == 1.5
    assert KindOutcome(state=Outcome.QUIET).seen_at is None


def test_a_result_is_read_by_kind():
    told = result(orders=Outcome.QUIET, stocks=Outcome.UNOBSERVABLE)
    assert told[STOCKS].state is Outcome.UNOBSERVABLE
    assert list(told) == [ORDERS, STOCKS]
    with pytest.raises(KeyError):
        told[PRODUCTS]


AS_DICT = {ORDERS: KindOutcome(state=Outcome.QUIET, before="a", after="a"), STOCKS: KindOutcome(state=Outcome.GONE)}
COMPACT = KindOutcomes(tuple(AS_DICT), tuple(AS_DICT.values()))


class TestOutcomesByKind:
    def test_they_are_what_a_dict_of_them_is(self):
        assert (COMPACT == AS_DICT, AS_DICT == COMPACT, dict(COMPACT)) == (True, True, AS_DICT)
        assert (list(COMPACT), len(COMPACT)) == ([ORDERS, STOCKS], 2)
        assert list(COMPACT.items()) == list(AS_DICT.items())
        assert repr(COMPACT) == repr(AS_DICT)
        assert KindOutcomes((ORDERS,), (AS_DICT[ORDERS],)) != COMPACT
        assert KindOutcomes((), ()) == {}
        with pytest.raises(TypeError, match="unhashable"):
            hash(COMPACT)

    def test_one_is_found_by_its_kind_and_by_the_text_of_it(self):
        assert COMPACT[STOCKS] is COMPACT["stocks"] is AS_DICT["stocks"]
        assert (ORDERS in COMPACT, PRODUCTS in COMPACT, COMPACT.get(PRODUCTS)) == (True, False, None)
        with pytest.raises(KeyError):
            COMPACT[PRODUCTS]

    def test_a_result_with_them_is_a_value_like_any_other(self):
        one, other = (
            SyncResult(organization_id="org_1", integration_id="int_1", kinds=kinds) for kinds in (COMPACT, AS_DICT)
        )
        assert one == other == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == attrs.evolve(one)
        assert repr(one) == repr(other)
        with pytest.raises(TypeError):
            one.kinds[ORDERS] = AS_DICT[STOCKS]


def test_the_repr_of_a_result_counts_its_reads():
    told = SyncResult(organization_id="org_1", integration_id="int_1", timeline=(Sighting(at=0.0), Sighting(at=1.0)))
    assert "timeline=<2 reads>" in repr(told)


def test_a_result_without_failures_is_given_back():
    told = result(orders=Outcome.QUIET, products=Outcome.ADVANCED, stocks=Outcome.UNOBSERVABLE)
    assert told.raise_for_outcome() is told


def test_every_failure_is_named_when_asked():
    kinds = {
        ORDERS: KindOutcome(state=Outcome.REJECTED, error=BROKEN),
        PRODUCTS: KindOutcome(state=Outcome.QUIET),
        STOCKS: KindOutcome(state=Outcome.AMBIGUOUS),
    }
    with pytest.raises(SyncError) as caught:
        SyncResult(organization_id="org_1", integration_id="int_1", kinds=kinds).raise_for_outcome()
    assert str(caught.value) == (
        "sync of org_1/int_1: orders rejected (GET /x: 503 Service Unavailable); stocks ambiguous"
    )
    assert caught.value.__cause__ is None


def test_a_target_that_was_not_started_says_why_when_asked():
    with pytest.raises(SyncError, match=r"^sync of org_1: GET /x: 404 Not Found$") as caught:
        SyncResult(organization_id="org_1", integration_id=None, error=MISSING).raise_for_outcome()
    assert caught.value.__cause__ is MISSING
