"""The page that a served emulator shows."""

import json
from typing import Any

import pytest

from packcloud_async._sansio.wire import Request
from packcloud_async.emulator import FaultPlan, Reply
from packcloud_async.emulator.faults import Fate
from packcloud_async.emulator.page import is_loopback, page_answer
from packcloud_async.emulator.request_log import LENGTH, RequestLog
from packcloud_async.emulator.watching import MOST_INTEGRATIONS, MOST_ORGANIZATIONS, MOST_RUNNING, moment

HERE = "http://127.0.0.1:8080"
POST = ("POST", "int_1/orders/sync")


def shown(emulated: Any, now: float = 0.0, query: str = "") -> Any:
    response = page_answer("GET", f"{HERE}/_emulator/now.json{query}", emulated.state, now)
    assert response is not None
    return response.json()


class TestRequests:
    @pytest.mark.parametrize(
        ("fault", "status", "told"),
        [
            (None, 202, None),
            (503, 503, "503"),
            ("refuse", None, "refuse"),
            ("drop_before", None, "drop_before"),
            ("silent_before", None, "silent_before"),
            ("drop_after", None, "drop_after"),
            ("silent_after", None, "silent_after"),
            ("slow", 202, "slow"),
            ("empty", 202, "empty"),
        ],
    )
    def test_what_became_of_a_request_is_shown(self, asked: Any, fault: Any, status: Any, told: Any) -> None:
        emulated = asked(faults=FaultPlan(script=[fault], latency=0.25, silence=2, slowness=3))
        emulated.state.keep_requests()
        emulated.reply(*POST, 2.0, query={"token": "s3cret"}, body={"settings": "s3cret"})
        (one,) = shown(emulated)["requests"]
        assert (one["number"], one["at"], one["method"], one["status"], one["fault"]) == (1, 2.0, "POST", status, told)
        assert one["path"] == "/v1/organizations/org_1/integrations/int_1/orders/sync"
        assert one["takes"] == {"refuse": 0, "silent_before": 2.25, "silent_after": 2.25, "slow": 3.25}.get(told, 0.25)

    def test_the_latest_come_first_and_the_oldest_are_forgotten(self, asked: Any) -> None:
        emulated = asked()
        emulated.state.keep_requests()
        for number in range(LENGTH + 5):
            emulated.reply("GET", "int_1", float(number))
        numbers = [one["number"] for one in shown(emulated)["requests"]]
        assert (numbers[0], numbers[-1], len(numbers)) == (LENGTH + 5, 6, LENGTH)

    @pytest.mark.parametrize(
        "authorization", ["Bearer canary-1234", "Basic Y2FuYXJ5LTEyMzQ6eA==", "canary-1234", "Digest a=canary-1234"]
    )
    def test_a_credential_in_a_path_is_taken_out(self, asked: Any, authorization: str) -> None:
        log = RequestLog()
        for path in ("/v1/canary-1234/x", "/v1/canary%2D1234", "/a/4321-yranac", "/own-token"):
            request = Request("GET", f"{HERE}{path}?q=canary-1234", {"authorization": authorization}, b"canary-1234")
            log.enter(request, Reply(Fate.DELIVER), 0.0, token="own-token")
        assert len(list(log)) == 4
        assert not [one for one in log if "canary" in one.path or "yranac" in one.path or "own-token" in one.path]

    def test_a_path_is_one_short_line(self) -> None:
        log = RequestLog()
        log.enter(Request("GET", f"{HERE}/\x1b[2J\n{'x' * 10_000}", {}, None), Reply(Fate.DELIVER), 0.0, token="t")
        (one,) = log
        assert (len(one.path), one.path.isprintable()) == (200, True)

    def test_nothing_is_kept_unless_somebody_watches(self, asked: Any) -> None:
        emulated = asked()
        emulated.reply(*POST)
        assert (emulated.state.requests, shown(emulated)["requests"]) == (None, [])

    def test_who_begins_to_watch_again_keeps_what_was_kept(self, asked: Any) -> None:
        emulated = asked()
        emulated.state.keep_requests()
        emulated.reply(*POST)
        emulated.state.keep_requests()
        assert len(shown(emulated)["requests"]) == 1


class TestMoment:
    def test_running_syncs_are_shown_until_they_end(self, asked: Any) -> None:
        emulated = asked()
        emulated.reply(*POST, 1.0)
        (run,) = emulated.books.runs
        wanted = {
            "organization": "org_1",
            "integration": "int_1",
            "kind": "orders",
            "accepted_at": 1.0,
            "ends_at": round(run.ends_at, 3),
        }
        assert [shown(emulated, now)["running"] for now in (0.5, 1.5, run.ends_at)] == [[], [wanted], []]

    def test_organizations_and_their_watermarks_are_shown_as_they_are_read(self, asked: Any) -> None:
        emulated = asked(organizations=2, integrations=1)
        emulated.reply("PUT", "int_1", body={"name": "</script><b>", "settings": {"key": "s3cret"}})
        told = shown(emulated, 30.0)
        assert told["kinds"] == ["orders", "products"]
        assert [one["id"] for one in told["organizations"]] == ["org_1", "org_2"]
        (one,) = told["organizations"][0]["integrations"]
        assert (one["name"], one["watermarks"]["orders"]) == ("</script><b>", emulated.watermark(30.0))
        assert (told["now"], told["called"]) == (30.0, "2026-01-01T00:00:30Z")

    def test_no_settings_and_no_token_are_in_it(self, asked: Any) -> None:
        emulated = asked()
        emulated.state.keep_requests()
        new = {"name": "N", "connector_id": "c", "settings": {"key": "s3cret"}}
        assert emulated.data("POST", "", body=new)["id"] == "int_5"
        assert emulated.data("GET", "int_5/settings") == {"key": "s3cret"}
        told = json.dumps(shown(emulated))
        assert "int_5" in told
        assert not [secret for secret in ("s3cret", "secret-token", "api_key") if secret in told]

    def test_it_never_shows_too_much(self, asked: Any) -> None:
        emulated = asked(organizations=100_000, integrations=60)
        for number in range(1, 61):
            emulated.reply("POST", f"int_{number}/orders/sync")
        told = shown(emulated, 0.001)
        assert (len(told["organizations"]), told["more_organizations"]) == (MOST_ORGANIZATIONS, 99_980)
        first = told["organizations"][0]
        assert (len(first["integrations"]), first["more_integrations"]) == (MOST_INTEGRATIONS, 35)
        assert (len(told["running"]), told["more_running"]) == (MOST_RUNNING, True)

    def test_one_organization_is_shown_when_it_is_asked_for(self, asked: Any) -> None:
        emulated = asked(organizations=500)
        ids = [
            [one["id"] for one in shown(emulated, query=q)["organizations"]]
            for q in ("?organization=org_300", "?organization=x")
        ]
        assert ids == [["org_300"], []]
        assert len(shown(emulated, query="?organization=")["organizations"]) == MOST_ORGANIZATIONS

    def test_counts_are_shown(self, asked: Any) -> None:
        emulated = asked(faults=FaultPlan(script=[None, None, 503]))
        for _ in range(3):
            emulated.reply(*POST)
        told = moment(emulated.state, 1.0)
        assert isinstance(told, dict)
        counts = [told[name] for name in ("requests_ever", "accepted_ever", "duplicate_posts", "faults")]
        assert counts == [3, 2, 1, {"503": 1}]


class TestAnswers:
    @pytest.mark.parametrize("path", ["/", "/_emulator/page.js", "/_emulator/page.css", "/_emulator/now.json"])
    def test_nothing_from_elsewhere_may_come_in_or_look(self, asked: Any, path: str) -> None:
        response = page_answer("GET", f"{HERE}{path}", asked().state, 0.0)
        assert response is not None
        policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
        assert policy.pop("img-src") == "data:"
        assert set(policy.values()) == {"'none'", "'self'"}
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert (response.headers["x-content-type-options"], response.headers["cache-control"]) == (
            "nosniff",
            "no-store",
        )
        assert "access-control-allow-origin" not in response.headers

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_it_can_only_be_read(self, asked: Any, method: str) -> None:
        assert page_answer(method, f"{HERE}/", asked().state, 0.0) is None

    @pytest.mark.parametrize("path", ["/v1/organizations/org_1/integrations", "/_emulator/", "/_emulator/x", "//"])
    def test_other_paths_are_not_its_own(self, asked: Any, path: str) -> None:
        assert page_answer("GET", f"{HERE}{path}", asked().state, 0.0) is None

    def test_a_name_that_leads_here_from_elsewhere_is_refused(self, asked: Any) -> None:
        for path in ("/", "/_emulator/now.json"):
            response = page_answer("GET", f"http://rebound.example{path}", asked().state, 0.0)
            assert response is not None
            assert response.status == 403
            assert b"org_1" not in response.body

    @pytest.mark.parametrize(
        ("host", "wanted"),
        [
            ("127.0.0.1", True),
            ("127.1.2.3", True),
            ("::1", True),
            ("localhost", True),
            ("localhost.example", False),
            ("127.0.0.1.example", False),
            ("10.0.0.1", False),
            ("", False),
        ],
    )
    def test_only_loopback_is_the_machine_itself(self, host: str, wanted: bool) -> None:
        assert is_loopback(host) is wanted
