"""What a sync does over time, and what the books say about it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async._sansio.wire import Request
from packcloud_async.emulator import Distribution, FaultPlan, State, SyncTimes, World
from packcloud_async.emulator.draws import Draws
from packcloud_async.emulator.sync_runs import PlannedRun
from packcloud_async.errors import ConfigurationError
from packcloud_async.models import SyncKind

ORDERS = ("org_1", "int_1", SyncKind.ORDERS)
SERVICES = "/v1/organizations/org_1/shipping-services"
QUICK = SyncTimes(median=10, spread=0)


def test_a_watermark_moves_when_its_sync_ends(asked: Any) -> None:
    emulated = asked(sync_times=QUICK)
    before = emulated.watermark(0.0)
    assert emulated.status("POST", "int_1/orders/sync", 2.5) == 202
    assert emulated.watermark(12.4) == before
    assert emulated.watermark(12.5) == "2026-01-01T00:00:12Z"
    assert emulated.books.moves(*ORDERS) == ((12.5, "2026-01-01T00:00:12Z"),)


def test_time_may_jump_and_go_back(asked: Any) -> None:
    emulated = asked(sync_times=QUICK)
    emulated.reply("POST", "int_1/orders/sync")
    late, early = emulated.watermark(1e6), emulated.watermark(1.0)
    assert late != early


def test_a_sync_moves_nothing_else(asked: Any) -> None:
    emulated = asked(sync_times=QUICK)
    before = emulated.data("GET")
    emulated.reply("POST", "int_1/orders/sync")
    after = emulated.data("GET", now=100.0)
    assert after[0].pop("order_sync_updated_at") != before[0].pop("order_sync_updated_at")
    assert after == before


def test_a_sync_in_several_steps(asked: Any) -> None:
    emulated = asked(sync_times=SyncTimes(median=9, spread=0, several_steps=1.0, steps=3))
    emulated.reply("POST", "int_1/orders/sync")
    assert [at for at, _ in emulated.books.moves(*ORDERS)] == pytest.approx([3.0, 6.0, 9.0])
    assert [emulated.watermark(at)[-3:] for at in (3.5, 6.5, 9.5)] == ["03Z", "06Z", "09Z"]


def test_a_sync_may_move_its_watermark_back(asked: Any) -> None:
    emulated = asked(sync_times=SyncTimes(median=10, spread=0, several_steps=1.0, steps=2, goes_back=1.0))
    synced = next(item["id"] for item in emulated.data("GET") if item["order_sync_updated_at"] is not None)
    emulated.reply("POST", f"{synced}/orders/sync")
    before, first, second = (emulated.watermark(at, synced) for at in (1.0, 5.0, 10.0))
    assert second < first < before


def test_a_watermark_that_was_null_goes_back_to_some_time_before_now(asked: Any) -> None:
    emulated = asked(sync_times=SyncTimes(median=10, spread=0, goes_back=1.0), organizations=9)
    never = next(item["id"] for item in emulated.data("GET") if item["order_sync_updated_at"] is None)
    emulated.reply("POST", f"{never}/orders/sync")
    assert emulated.watermark(11.0, never) == "2025-12-31T23:00:10Z"


def test_a_sync_that_finds_nothing(asked: Any) -> None:
    emulated = asked(sync_times=SyncTimes(finds_nothing=1.0))
    before = emulated.watermark(0.0)
    emulated.reply("POST", "int_1/orders/sync")
    assert emulated.watermark(1e9) == before
    (run,) = emulated.books.of(*ORDERS)
    assert run.moves == ()
    assert run.ends_at > run.accepted_at


@pytest.mark.parametrize(
    ("times", "low", "high"),
    [
        (SyncTimes(median=10, spread=4, distribution=Distribution.UNIFORM), 6, 14),
        (SyncTimes(median=0, spread=0), 0, 0),
        (SyncTimes(median=10, spread=0), 10, 10),
    ],
    ids=["uniform", "at once", "fixed"],
)
def test_durations_keep_their_bounds(times: SyncTimes, low: float, high: float) -> None:
    takes = [times.draw(Draws(0), number).takes for number in range(200)]
    assert low <= min(takes) <= max(takes) <= high


def test_half_of_the_log_normal_durations_are_below_the_median() -> None:
    times = SyncTimes(median=10, spread=5)
    takes = sorted(times.draw(Draws(0), number).takes for number in range(2_000))
    assert takes[1_000] == pytest.approx(10, rel=0.05)
    assert sum(duration > 15 for duration in takes) / 2_000 == pytest.approx(0.16, abs=0.02)


@pytest.mark.parametrize(
    "values",
    [
        {"median": -1},
        {"spread": float("nan")},
        {"finds_nothing": 1.1},
        {"several_steps": True},
        {"steps": 1},
        {"median": 1, "spread": 2, "distribution": "uniform"},
    ],
)
def test_unusable_times_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        SyncTimes(**values)


class TestPlanned:
    def test_the_next_sync_does_what_was_planned(self, asked: Any) -> None:
        emulated = asked(sync_times=QUICK)
        emulated.state.plan_sync(*ORDERS, PlannedRun(((2.0, "any text"), (3.0, None)), 3.0))
        emulated.state.plan_sync(*ORDERS, PlannedRun((), 0.0))
        for now in (100.0, 200.0, 300.0):
            emulated.reply("POST", "int_1/orders/sync", now)
        assert [run.moves for run in emulated.books.of(*ORDERS)] == [
            ((102.0, "any text"), (103.0, "2026-01-01T00:01:43Z")),
            (),
            ((310.0, "2026-01-01T00:05:10Z"),),
        ]
        assert emulated.watermark(102.5) == "any text"

    @pytest.mark.parametrize(("steps", "takes"), [(((-1.0, None),), 1.0), (((2.0, None),), 1.0), ((), -1.0)])
    def test_impossible_times_are_refused(self, steps: Any, takes: float) -> None:
        with pytest.raises(ConfigurationError):
            PlannedRun(steps, takes)


def test_made_up_values_are_never_used_twice(asked: Any) -> None:
    emulated = asked(sync_times=SyncTimes(median=0, spread=0))
    for _ in range(3):
        emulated.reply("POST", "int_1/orders/sync", 5.5)
    assert [value for _, value in emulated.books.moves(*ORDERS)] == [f"2026-01-01T00:00:0{n}Z" for n in (5, 6, 7)]
    assert emulated.watermark(5.5) == "2026-01-01T00:00:07Z"


def test_books_until(asked: Any) -> None:
    emulated = asked(sync_times=QUICK)
    for now in (0.0, 20.0):
        emulated.reply("POST", "int_1/orders/sync", now)
    assert [len(emulated.books.moves(*ORDERS, until=until)) for until in (9.0, 10.0, 30.0, None)] == [0, 1, 2, 2]
    assert emulated.books.moves("org_1", "int_2", SyncKind.ORDERS) == ()
    assert [run.accepted_at for run in emulated.books.runs] == [0.0, 20.0]


def test_a_second_accepted_post_counts_as_a_duplicate(asked: Any) -> None:
    emulated = asked()
    for path in ("int_1/orders/sync", "int_1/products/sync", "int_2/orders/sync", "int_1/orders/sync"):
        emulated.reply("POST", path)
    assert emulated.counters.duplicate_posts == 1


@pytest.mark.parametrize(
    ("path", "now", "status"),
    [
        ("int_1/orders/sync", 5.0, 409),
        ("int_1/orders/sync", 10.0, 202),
        ("int_1/products/sync", 5.0, 202),
        ("int_2/orders/sync", 5.0, 202),
    ],
)
def test_a_running_sync_is_a_conflict_when_enabled(asked: Any, path: str, now: float, status: int) -> None:
    emulated = asked(sync_times=QUICK, conflict_while_running=True)
    emulated.reply("POST", "int_1/orders/sync")
    assert emulated.status("POST", path, now) == status
    assert len(emulated.books.runs) == (1 if status == 409 else 2)


class TestKindsWithoutWatermark:
    @pytest.mark.parametrize("path", ["int_1/stocks/sync", "int_1/shipping-services/sync"])
    def test_nothing_is_to_be_seen(self, asked: Any, path: str) -> None:
        emulated = asked(sync_times=QUICK)
        before = [emulated.data("GET"), emulated.data("GET", SERVICES)]
        assert emulated.status("POST", path) == 202
        assert [emulated.data("GET", now=99.0), emulated.data("GET", SERVICES, 99.0)] == before
        assert [run.moves for run in emulated.books.runs] == [()]

    def test_an_extra_watermark_moves(self, asked: Any) -> None:
        emulated = asked(sync_times=QUICK, watermarks=frozenset(SyncKind))
        emulated.reply("POST", "int_1/stocks/sync")
        assert emulated.watermark(10.0, field="stock_sync_updated_at") == "2026-01-01T00:00:10Z"

    def test_a_watermark_can_be_left_out(self, asked: Any) -> None:
        emulated = asked(watermarks=frozenset({SyncKind.PRODUCTS}))
        assert "order_sync_updated_at" not in emulated.data("GET", "int_1")

    def test_shipping_services_show_their_sync_at_its_end(self, asked: Any) -> None:
        emulated = asked(sync_times=QUICK)
        before = emulated.data("GET", SERVICES)
        emulated.reply("POST", "int_3/shipping-services/sync")
        assert emulated.data("GET", SERVICES, 9.9) == before
        after = emulated.data("GET", SERVICES, 10.0)
        assert {service["updated_at"] for service in after} == {"2026-01-01T00:00:10Z"}
        assert emulated.books.moves("org_1", "int_3", SyncKind.SHIPPING_SERVICES) == ((10.0, "2026-01-01T00:00:10Z"),)

    def test_a_carrier_offers_a_new_service_now_and_then(self, asked: Any) -> None:
        emulated = asked(sync_times=QUICK)
        counts = []
        for now in range(0, 100, 20):
            emulated.reply("POST", "int_3/shipping-services/sync", now)
            counts.append(len(emulated.data("GET", SERVICES, now + 10)))
        assert counts == [3, 3, 3, 3, 4]

    def test_a_carrier_without_services_gets_one(self, asked: Any) -> None:
        emulated = asked(sync_times=QUICK)
        emulated.data("POST", body={"name": "DHL", "connector_id": "dhl"})
        emulated.reply("POST", "int_5/shipping-services/sync")
        (service,) = emulated.data("GET", SERVICES, 10.0, query={"filter[integration_id]": "int_5"})
        assert service["created_at"] == "2026-01-01T00:00:10Z"


class TestByHand:
    @pytest.mark.parametrize("value", ["2020-01-01T00:00:00Z", None])
    def test_a_watermark_can_be_set(self, asked: Any, value: str | None) -> None:
        emulated = asked()
        emulated.state.set_watermark(*ORDERS, value, now=3.0)
        assert emulated.watermark(3.0) == value
        assert emulated.books.runs == []

    @pytest.mark.parametrize(
        "target",
        [("org_9", "int_1", SyncKind.ORDERS), ("org_1", "int_9", SyncKind.ORDERS), ("org_1", "int_1", SyncKind.STOCKS)],
    )
    def test_a_watermark_that_is_not_there_cannot_be_set(self, asked: Any, target: Any) -> None:
        with pytest.raises(ConfigurationError, match="no watermark"):
            asked().state.set_watermark(*target, None, now=0.0)

    @pytest.mark.parametrize("target", [("org_9", "int_1"), ("org_1", "int_9")])
    def test_deleting_what_is_not_there_does_nothing(self, asked: Any, target: Any) -> None:
        emulated = asked()
        emulated.state.delete(*target)
        assert len(emulated.data("GET")) == 4


class TestStaleReads:
    STALE = FaultPlan(stale=1.0, methods={"get"})

    def test_a_stale_read_goes_one_step_back(self, asked: Any) -> None:
        emulated = asked(sync_times=QUICK)
        for now in (0.0, 20.0):
            emulated.reply("POST", "int_1/orders/sync", now)
        now_and_then = [emulated.watermark(now) for now in (0.0, 10.0, 30.0)]
        emulated.state.set_faults(self.STALE)
        assert [emulated.watermark(now) for now in (0.0, 10.0, 30.0)] == [now_and_then[0], *now_and_then[:2]]

    def test_services_are_stale_too(self, asked: Any) -> None:
        emulated = asked(sync_times=QUICK, faults=self.STALE)
        before = emulated.data("GET", SERVICES)
        emulated.reply("POST", "int_3/shipping-services/sync")
        assert emulated.data("GET", SERVICES, 10.0)[:2] == before


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("plain", "2026-01-01T00:00:10Z"),
        ("fraction", "2026-01-01T00:00:10.000000Z"),
        ("offset", "2026-01-01T02:00:10+02:00"),
        ("no_zone", "2026-01-01 00:00:10"),
        ("unreadable", "01/01/2026 00:00:10"),
    ],
)
def test_watermark_formats_and_the_books(asked: Any, style: str, text: str) -> None:
    emulated = asked(sync_times=QUICK, faults=FaultPlan(watermark_format=style))
    emulated.reply("POST", "int_1/orders/sync")
    assert emulated.watermark(10.0) == text
    assert emulated.books.moves(*ORDERS) == ((10.0, text),)


@given(
    posts=st.lists(st.floats(0, 100), max_size=8),
    reads=st.lists(st.floats(0, 300), min_size=1, max_size=8),
    seed=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_a_read_shows_the_latest_move_of_the_books(posts: list[float], reads: list[float], seed: int) -> None:
    times = SyncTimes(median=20, spread=30, finds_nothing=0.2, several_steps=0.3)
    state = State(World(seed=seed, sync_times=times), token="t")

    def ask(method: str, path: str, now: float) -> Any:
        url = f"https://x/v1/organizations/org_1/integrations/int_1{path}"
        response = state.answer(Request(method, url, {"authorization": "Bearer t"}), now).response
        assert response is not None
        return response.json() if response.body else None

    first = ask("GET", "", 0.0)["data"]["order_sync_updated_at"]
    for now in sorted(posts):
        ask("POST", "/orders/sync", now)
    for now in reads:
        moves = state.books.moves(*ORDERS, until=now)
        assert ask("GET", "", now)["data"]["order_sync_updated_at"] == (moves[-1][1] if moves else first)
    values = [value for _, value in state.books.moves(*ORDERS)]
    assert len({*values, first}) == len(values) + 1
