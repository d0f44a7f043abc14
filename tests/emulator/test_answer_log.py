"""What the log says that answers told."""

from typing import Any

import pytest

from packcloud_async.emulator import Emulator, FaultPlan, PostSeen, SyncTimes
from packcloud_async.errors import ConfigurationError
from packcloud_async.models import SyncKind

ORDERS = ("org_1", "int_1", SyncKind.ORDERS)
SERVICES = ("org_1", "int_3", SyncKind.SHIPPING_SERVICES)
POST = ("POST", "int_1/orders/sync")
QUICK = SyncTimes(median=10, spread=0)


@pytest.mark.parametrize(
    ("fault", "status", "comes_back", "accepted"),
    [
        (None, 202, False, True),
        ("drop_before", None, False, False),
        ("silent_before", None, False, False),
        ("drop_after", None, False, True),
        ("silent_after", None, False, True),
        ("reset", None, False, True),
        (429, 429, True, False),
        (503, 503, False, False),
        ("delete", 404, False, False),
    ],
)
def test_every_post_is_written_down(asked: Any, fault: Any, status: Any, comes_back: bool, accepted: bool) -> None:
    emulated = asked(faults=FaultPlan(script=[fault]))
    emulated.reply(*POST, 2.0)
    assert emulated.log.posts == {ORDERS: [PostSeen(1, 2.0, status, comes_back, accepted)]}


def test_a_server_error_that_acted_was_accepted(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(script=[500], server_error_acted=True))
    emulated.reply(*POST)
    assert emulated.log.posts[ORDERS] == [PostSeen(1, 0.0, 500, False, True)]


@pytest.mark.parametrize("path", ["", "int_1"], ids=["list", "single"])
def test_every_value_that_was_shown_is_written_down(asked: Any, path: str) -> None:
    emulated = asked(sync_times=QUICK, faults=FaultPlan(script=[None, None, None, "stale", "slow"], slowness=2))
    emulated.reply(*POST)
    before = emulated.watermark(1.0)
    emulated.log.showings.clear()
    for now in (9.0, 12.0, 13.0):
        emulated.reply("GET", path, now)
    found = emulated.log.showings[ORDERS]
    assert [(seen.number, seen.at, seen.answered_at, seen.value, seen.stale) for seen in found] == [
        (3, 9.0, 9.0, before, False),
        (4, 12.0, 12.0, before, True),
        (5, 13.0, 15.0, "2026-01-01T00:00:10Z", False),
    ]


@pytest.mark.parametrize(
    "fault", ["truncate", "reset", "bad_json", "empty", "bad_shape", "drop_after", "silent_after", 503]
)
def test_what_was_no_whole_answer_showed_nothing(asked: Any, fault: Any) -> None:
    emulated = asked(faults=FaultPlan(script=[fault]))
    emulated.reply("GET", "int_1")
    assert emulated.log.showings == {}


def test_refused_reads_are_written_down(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(script=[410]))
    emulated.reply("GET", "int_1", 1.0)
    emulated.reply("GET", "int_99", 2.0)
    assert emulated.log.refused == {("org_1", "int_1"): [(1.0, 410)], ("org_1", "int_99"): [(2.0, 404)]}


def test_shipping_services_are_written_down_by_integration(asked: Any) -> None:
    emulated = asked(sync_times=QUICK)
    services = "/v1/organizations/org_1/shipping-services"
    shown = emulated.data("GET", services)
    emulated.reply("POST", "int_3/shipping-services/sync")
    emulated.reply("GET", services, 11.0)
    first, second = emulated.log.showings[SERVICES]
    assert first.value == {(item["id"], item["updated_at"]) for item in shown}
    assert len(second.value) == len(first.value) + 1
    assert not first.value & second.value


def test_an_emulator_keeps_no_log_unless_asked() -> None:
    with pytest.raises(ConfigurationError, match="keep_log"):
        _ = Emulator().log
    assert Emulator(keep_log=True).log.posts == {}
