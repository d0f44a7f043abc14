"""Faults as short texts."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async.emulator import PATHS, SYNC_ROUTES, Fault, FaultPlan, plans_from
from packcloud_async.errors import ConfigurationError

POST = ("POST", "int_1/orders/sync")


def only(*texts: str) -> FaultPlan:
    (plan,) = plans_from(texts)
    return plan


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sync_orders:503:0.1", FaultPlan(statuses={503: 0.1})),
        ("sync_orders:503", FaultPlan(statuses={503: 1.0})),
        ("sync_orders:429:.5:retry_after=30", FaultPlan(statuses={429: 0.5}, retry_after=30)),
        ("sync_orders:503:retry_after=2.5", FaultPlan(statuses={503: 1.0}, server_error_retry_after=2.5)),
        ("sync_orders:drop_after:1", FaultPlan(drop_after=1.0)),
        ("sync_orders:drop_after:x2", FaultPlan(script=["drop_after", "drop_after"])),
        ("sync_orders:silent_before:0.2:silence=5", FaultPlan(silent_before=0.2, silence=5)),
        ("sync_orders:slow:x1:slowness=3", FaultPlan(script=["slow"], slowness=3)),
        ("sync_orders:latency:0.2", FaultPlan(latency=0.2)),
        ("sync_orders:latency:0.25-1", FaultPlan(latency=0.25, latency_spread=0.75)),
        ("POST sync_orders:404:0", FaultPlan(statuses={404: 0.0})),
        ("post sync_o*:404:0", FaultPlan(statuses={404: 0.0})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_text_is_a_plan(text: str, wanted: FaultPlan) -> None:
    plan = only(text)
    assert (plan.routes, plan.methods) == ({"sync_orders"}, {"POST"})
    aimed = {"routes": {"sync_orders"}, "methods": {"POST"}}
    said = {"script": wanted.script, "statuses": wanted.statuses}
    named = {field: getattr(wanted, field) for field in ("latency", "latency_spread", "drop_after", "silent_before")}
    times = {field: getattr(wanted, field) for field in ("silence", "slowness", "retry_after")}
    others: dict[str, Any] = {"server_error_retry_after": wanted.server_error_retry_after}
    assert plan == FaultPlan(**aimed, **said, **named, **times, **others)


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_its_name(fault: Fault) -> None:
    assert getattr(only(f"sync_orders:{fault}:0.5"), fault.value) == 0.5
    assert only(f"sync_orders:{fault}:x1").script == (fault,)


def test_a_star_means_every_call_and_some_characters_some() -> None:
    assert sum(len(plan.methods or ()) for plan in plans_from(["*:503:x1"])) == 13
    assert {route for plan in plans_from(["sync_*:503:x1"]) for route in plan.routes or ()} == SYNC_ROUTES
    assert {method for plan in plans_from(["integration:503"]) for method in plan.methods or ()} == {
        "GET",
        "PUT",
        "DELETE",
    }


def test_texts_add_up(asked: Any) -> None:
    texts = ["*:latency:0.5", "sync_orders:503:x1", "sync_*:drop_after:x1", "GET *:410"]
    emulated = asked(faults=plans_from(texts))
    replies = [emulated.reply(*POST) for _ in range(3)]
    assert [reply.response and reply.response.status for reply in replies] == [503, None, 202]
    assert {reply.delay for reply in replies} == {0.5}
    assert emulated.status("GET", "int_1") == 410
    assert emulated.status("PUT", "int_1", body={"name": "x"}) == 200


def test_a_count_is_of_each_call(asked: Any) -> None:
    emulated = asked(faults=plans_from(["sync_*:500:x1"]))
    kinds = ["orders", "orders", "products", "products"]
    assert [emulated.status("POST", f"int_1/{kind}/sync") for kind in kinds] == [500, 202, 500, 202]


def test_saying_the_same_twice_is_saying_it_once() -> None:
    assert only("sync_orders:503:0.1", "sync_orders:503:0.1") == only("sync_orders:503:0.1")


def test_no_texts_are_no_plans() -> None:
    assert plans_from([]) == ()


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([""], "'' is no route; known: integrations, "),
        (["orders:503"], "'orders' is no route"),
        (["DELETE sync_orders:503"], "'DELETE sync_orders' is no route"),
        ([":503"], "'' is no route"),
        (["sync_orders"], "'' is no fault; known: latency, refuse, "),
        (["sync_orders:teapot"], "'teapot' is no fault"),
        (["sync_orders:200"], "'200' is no fault"),
        (["sync_orders:600"], "statuses 400 to 599"),
        (["sync_orders:503:1.5"], "'1.5' is neither a probability from 0 to 1 nor a count"),
        (["sync_orders:503:-0.5"], "'-0.5' is neither"),
        (["sync_orders:503:nan"], "'nan' is neither"),
        (["sync_orders:503:1e-3"], "'1e-3' is neither"),
        (["sync_orders:503:\N{ARABIC-INDIC DIGIT ONE}"], "is neither"),
        (["sync_orders:503:x0"], "'x0' is neither"),
        (["sync_orders:503:x99999"], "count from x1 to x10000"),
        (["sync_orders:503:"], "'' is neither"),
        (["sync_orders:latency"], "a latency is seconds such as 0.2"),
        (["sync_orders:latency:2-1"], "a latency is seconds"),
        (["sync_orders:latency:inf"], "a latency is seconds"),
        (["sync_orders:latency:1:2"], "a latency is seconds"),
        (["sync_orders:404:retry_after=1"], "'retry_after' is nothing that 404 takes; it takes nothing"),
        (["sync_orders:slow:silence=1"], "'silence' is nothing that slow takes; it takes slowness"),
        (["sync_orders:429:x1:retry_after=soon"], "retry_after is seconds, not 'soon'"),
        (["sync_orders:503:0.1", "sync_*:503:0.2"], "another fault says something else of 503 for POST sync_orders"),
        (["*:latency:1", "sync_orders:latency:2"], "says something else of latency"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_means_nothing_is_refused_by_name(texts: list[str], told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        plans_from(texts)
    assert str(refused.value).startswith(f"fault {texts[-1]!r}: ")
    assert told in str(refused.value)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.text("sync_order*:503x.=1 GETlatncy-\n"), max_size=3))
def test_any_text_is_understood_or_refused(texts: list[str]) -> None:
    try:
        plans = plans_from(texts)
    except ConfigurationError:
        return
    assert all(isinstance(plan, FaultPlan) for plan in plans)


def test_the_page_names_every_route_and_every_fault() -> None:
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    table = page.partition("## Faults in a few characters")[2].partition("\n## ")[0]
    assert {name for name in (*PATHS, *Fault) if f"`{name}`" not in table} == set()
