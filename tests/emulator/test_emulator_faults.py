"""What goes wrong on purpose."""

from typing import Any

import pytest

from packcloud_async.emulator import SYNC_ROUTES, Fate, Fault, FaultPlan
from packcloud_async.errors import ConfigurationError, InvalidResponse

POST = ("POST", "int_1/orders/sync")


@pytest.mark.parametrize(
    ("fault", "fate", "acted", "answered"),
    [
        (None, Fate.DELIVER, True, True),
        (Fault.REFUSE, Fate.REFUSE, False, False),
        (Fault.DROP_BEFORE, Fate.DROP_BEFORE, False, False),
        (Fault.DROP_AFTER, Fate.DROP_AFTER, True, False),
        (Fault.TRUNCATE, Fate.TRUNCATE, True, True),
        (Fault.BAD_JSON, Fate.DELIVER, True, True),
        (Fault.STALE, Fate.DELIVER, True, True),
        (Fault.SILENT_BEFORE, Fate.DROP_BEFORE, False, False),
        (Fault.SILENT_AFTER, Fate.DROP_AFTER, True, False),
        (Fault.RESET, Fate.RESET, True, True),
        (Fault.SLOW, Fate.DELIVER, True, True),
        (Fault.EMPTY, Fate.DELIVER, True, True),
        (Fault.BAD_SHAPE, Fate.DELIVER, True, True),
        (Fault.DELETE, Fate.DELIVER, True, True),
        (429, Fate.DELIVER, False, True),
        (503, Fate.DELIVER, False, True),
        (404, Fate.DELIVER, False, True),
    ],
)
def test_fates(asked: Any, fault: Any, fate: Fate, acted: bool, answered: bool) -> None:
    emulated = asked(faults=FaultPlan(script=[fault]))
    reply = emulated.reply("POST", body={"name": "New", "connector_id": "shopify"})
    assert (reply.fate, reply.response is not None) == (fate, answered)
    assert (emulated.status("GET", "int_5") == 200) is acted


def test_an_answer_without_a_body_cannot_be_cut(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(script=["truncate"]))
    assert emulated.reply(*POST).fate is Fate.DROP_AFTER
    assert len(emulated.books.runs) == 1


@pytest.mark.parametrize("call", [("GET", ""), POST], ids=["a body", "no body"])
def test_bad_json_is_not_json(asked: Any, call: Any) -> None:
    response = asked(faults=FaultPlan(bad_json=1.0)).response(*call)
    assert response.damage is None
    with pytest.raises(InvalidResponse):
        response.json()


@pytest.mark.parametrize("fault", ["silent_before", "silent_after"])
def test_silence_comes_before_the_end_of_the_connection(asked: Any, fault: str) -> None:
    reply = asked(faults=FaultPlan(script=[fault], silence=7, latency=1)).reply("GET")
    assert (reply.response, reply.delay) == (None, 8)


def test_a_slow_body_takes_its_time_after_the_latency(asked: Any) -> None:
    reply = asked(faults=FaultPlan(script=["slow"], slowness=3, latency=1)).reply("GET", "int_1")
    assert (reply.delay, reply.lasts) == (1, 3)
    assert reply.response.json()["data"]["id"] == "int_1"


def test_an_empty_answer_keeps_its_status(asked: Any) -> None:
    response = asked(faults=FaultPlan(script=["empty"])).response("GET", "int_1")
    assert (response.status, response.body) == (200, b"")


def test_a_bad_shape_is_json_that_the_api_never_promised(asked: Any) -> None:
    document = asked(faults=FaultPlan(bad_shape=1.0)).response("GET", "int_1").json()
    assert isinstance(document["data"], str)


class TestDelete:
    def test_the_integration_is_gone_before_the_request_is_carried_out(self, asked: Any) -> None:
        emulated = asked(faults=FaultPlan(script=["delete"], routes=SYNC_ROUTES))
        assert [emulated.status("GET", "int_1"), emulated.status(*POST), emulated.status("GET", "int_1", 3.0)] == [
            200,
            404,
            404,
        ]
        assert emulated.books.runs == []
        assert emulated.books.removed == {("org_1", "int_1"): 0.0}

    def test_a_request_that_names_no_integration_deletes_none(self, asked: Any) -> None:
        emulated = asked(faults=FaultPlan(delete=1.0))
        assert emulated.status("GET") == 200
        assert emulated.books.removed == {}

    def test_a_deletion_by_a_client_is_written_down_too(self, asked: Any) -> None:
        emulated = asked()
        emulated.reply("DELETE", "int_2", 4.5)
        assert emulated.books.removed == {("org_1", "int_2"): 4.5}


def test_any_status_has_its_own_probability(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(statuses={401: 0.2, 410: 0.3}))
    statuses = [emulated.status("GET", "int_1") for _ in range(500)]
    assert statuses.count(401) / 500 == pytest.approx(0.2, abs=0.06)
    assert statuses.count(410) / 500 == pytest.approx(0.3 * 0.8, abs=0.06)
    assert set(statuses) == {200, 401, 410}


class TestScript:
    def test_each_request_takes_one_entry_and_then_the_probabilities_rule(self, asked: Any) -> None:
        emulated = asked(faults=FaultPlan(script=("500", None, 429), server_error=1.0, server_error_status=502))
        assert [emulated.status("GET") for _ in range(4)] == [500, 200, 429, 502]
        assert emulated.counters.faults == {"500": 1, "429": 1, "502": 1}

    def test_requests_not_aimed_at_take_none(self, asked: Any) -> None:
        emulated = asked(faults=FaultPlan(script=[503], routes=SYNC_ROUTES))
        assert [emulated.status("GET"), emulated.status(*POST), emulated.status(*POST)] == [200, 503, 202]

    def test_names_and_statuses_may_be_text(self) -> None:
        assert FaultPlan(script=("drop_after", None, "429")).script == (Fault.DROP_AFTER, None, 429)

    @pytest.mark.parametrize("entry", ["nothing", "200", 600, True, 1.5])
    def test_unknown_entries_are_refused(self, entry: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"FaultPlan\.script"):
            FaultPlan(script=[entry])


class TestAim:
    def test_methods(self, asked: Any) -> None:
        emulated = asked(faults=FaultPlan(server_error=1.0, methods=["post"]))
        assert [emulated.status("GET"), emulated.status("POST")] == [200, 503]

    def test_the_first_plan_that_aims_at_a_request_decides(self, asked: Any) -> None:
        plans = [
            FaultPlan(routes={"integration"}, rate_limited=1.0),
            FaultPlan(routes={"integration", "integrations"}, server_error=1.0),
        ]
        emulated = asked(faults=plans)
        assert [emulated.status("GET", path) for path in ("int_1", "", "int_1/settings")] == [429, 503, 200]

    def test_unknown_paths_can_be_aimed_at(self, asked: Any) -> None:
        assert asked(faults=FaultPlan(routes={"unknown"}, server_error=1.0)).status("GET", "/nowhere") == 503


@pytest.mark.parametrize(
    "values",
    [
        {"routes": {"order"}},
        {"routes": "integrations"},
        {"latency": -1},
        {"latency_spread": float("inf")},
        {"refuse": 1.01},
        {"stale": "1"},
        {"retry_after": -1},
        {"server_error_status": 404},
        {"server_error_burst": 0},
        {"silence": -1},
        {"slowness": None},
        {"statuses": {200: 0.1}},
        {"statuses": {404: 1.1}},
    ],
)
def test_an_unusable_plan_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=rf"FaultPlan\.{next(iter(values))}"):
        FaultPlan(**values)


@pytest.mark.parametrize(
    "fault",
    ["refuse", "drop_before", "rate_limited", "server_error", "drop_after", "truncate", "reset", "silent_after"],
)
def test_a_probability_is_kept_and_depends_on_the_seed_alone(asked: Any, fault: str) -> None:
    def fates(seed: int) -> list[tuple[Fate, int]]:
        emulated = asked(seed=seed, faults=FaultPlan(**{fault: 0.3}))
        replies = [emulated.reply("GET", "int_1") for _ in range(500)]
        return [(reply.fate, reply.response.status if reply.response else 0) for reply in replies]

    assert sum(fate != (Fate.DELIVER, 200) for fate in fates(1)) / 500 == pytest.approx(0.3, abs=0.06)
    assert fates(1) == fates(1)
    assert fates(1) != fates(2)


def test_server_errors_come_in_bursts(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(server_error=0.05, server_error_burst=4))
    statuses = "".join(str(emulated.status("GET", "int_1"))[0] for _ in range(400))
    bursts = [run for run in statuses.split("2") if run]
    assert len(bursts) > 3
    assert all(len(burst) % 4 == 0 or len(burst) > 4 for burst in bursts[:-1])


def test_a_server_error_may_have_acted(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(script=[500, 500, 429], server_error_acted=True))
    assert [emulated.status(*POST), emulated.status("POST", "int_9/orders/sync"), emulated.status(*POST)] == [
        500,
        500,
        429,
    ]
    assert len(emulated.books.runs) == 1


@pytest.mark.parametrize(
    ("plan", "status", "expected"),
    [
        ({}, 429, "1"),
        ({"retry_after": 2.5}, 429, "3"),
        ({"retry_after": None}, 429, None),
        ({"retry_after": 2.5, "retry_after_as_date": True}, 429, "Thu, 01 Jan 2026 00:00:13 GMT"),
        ({}, 503, None),
        ({"server_error_retry_after": 7}, 503, "7"),
        ({"server_error_retry_after": 7}, 404, None),
    ],
)
def test_retry_after(asked: Any, plan: dict[str, Any], status: int, expected: str | None) -> None:
    response = asked(faults=FaultPlan(script=[status], **plan)).response("GET", now=10.9)
    assert response.headers.get("retry-after") == expected
    assert response.headers["date"] == "Thu, 01 Jan 2026 00:00:10 GMT"


def test_latency_is_fixed_plus_random(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(latency=1.0, latency_spread=0.5))
    delays = [emulated.reply("GET").delay for _ in range(50)]
    assert 1.0 <= min(delays) < max(delays) < 1.5
    assert asked(faults=FaultPlan(latency=1.0)).reply("GET").delay == 1.0


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "429"])
def test_every_answer_waits_for_its_latency(asked: Any, fault: str) -> None:
    assert asked(faults=FaultPlan(script=[fault], latency=2.0)).reply("GET").delay == 2.0


def test_a_refused_connection_never_arrives(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(refuse=1.0, latency=5.0))
    assert emulated.reply("GET").delay == 0.0
    assert emulated.counters.total == 0
    assert emulated.counters.faults == {"refuse": 1}


def test_new_plans_start_afresh(asked: Any) -> None:
    emulated = asked(faults=FaultPlan(server_error=1.0))
    emulated.state.set_faults(FaultPlan(script=[429]))
    assert [emulated.status("GET") for _ in range(2)] == [429, 200]


class TestForm:
    def test_root_paging(self, asked: Any) -> None:
        document = asked(per_page=3, faults=FaultPlan(envelope="root_paging")).response("GET").json()
        assert set(document) == {"data", "prev", "next", "per_page"}
        assert document["next"].startswith("https://api.pack.cloud/v1/")

    def test_a_bare_list_is_whole(self, asked: Any) -> None:
        document = asked(per_page=3, faults=FaultPlan(envelope="bare")).response("GET").json()
        assert [item["id"] for item in document] == ["int_1", "int_2", "int_3", "int_4"]

    @pytest.mark.parametrize(("envelope", "wrapped"), [("bare", False), ("root_paging", True), ("wrapped", True)])
    def test_a_single_object(self, asked: Any, envelope: str, wrapped: bool) -> None:
        document = asked(faults=FaultPlan(envelope=envelope)).response("GET", "int_1").json()
        assert ("data" in document) is wrapped

    def test_relative_links_can_be_followed(self, asked: Any) -> None:
        emulated = asked(per_page=3, faults=FaultPlan(relative_links=True))
        link = emulated.response("GET").json()["links"]["next"]
        assert link.startswith("/v1/organizations/org_1/integrations?cursor=")
        assert [item["id"] for item in emulated.data("GET", link)] == ["int_4"]
