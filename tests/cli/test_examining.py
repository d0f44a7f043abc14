"""An examination in memory: what is found, and that it sends GETs and nothing else."""

import asyncio
import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packcloud_async import ConfigurationError, Damage, PackCloudClient, Response, Routes, TransportError
from packcloud_async._sansio.check import Mark
from packcloud_async._sansio.route_findings import routes_file
from packcloud_async._sansio.route_guesses import MADE_UP
from packcloud_async.cli.examining import examine
from packcloud_async.emulator import PATHS, Emulator, Envelope, Fault, FaultPlan, WatermarkFormat

from ..support.jumping_loop import JumpingLoop
from ..support.recording import RecordingTransport

ITEM = "/v1/organizations/{organizationId}/integrations/{integrationId}"
MOVED = {
    "actions": f"{ITEM}/available-actions",
    "execute_action": f"{ITEM}/actions/{{action}}/execute",
    "settings": f"{ITEM}/configuration",
    "sync_orders": f"{ITEM}/sync-orders",
    "sync_products": f"{ITEM}/sync/products",
    "sync_stocks": f"{ITEM}/stock-sync",
    "sync_shipping_services": f"{ITEM}/syncs/shipping-services",
}
ROUTE_CHECKS = {f"route.{name}" for name in PATHS if name != "integrations"}


class Seen:
    """An examination, and what the server saw of it."""

    def __init__(self, examination, transport):
        self.examination = examination
        self.transport = transport
        self.checks = {check.name: check for check in examination.checks}
        assert len(self.checks) == len(examination.checks)

    def marks(self, mark):
        return {name for name, check in self.checks.items() if check.mark is mark}

    def of(self, name):
        return self.checks[name].mark

    def said(self, name):
        return self.checks[name].sentence


async def examined(server, *, step_in=None, routes=None, organization="org_1", integration=None, deadline=120.0):
    emulator = server if isinstance(server, Emulator) else None
    transport = RecordingTransport(emulator.transport() if emulator else server, step_in)
    token = emulator.token if emulator else "t0ken"
    async with PackCloudClient(token=token, transport=transport, routes=routes) as client:
        found = await examine(client, organization, integration_id=integration, deadline=deadline)
    assert {sent.method for sent in transport.sent} <= {"GET"}
    if emulator is not None:
        assert emulator.books.runs == []
        assert {method for method, _ in emulator.counters.calls} <= {"GET"}
    return Seen(found, transport)


async def test_where_every_path_is_as_configured_all_is_well():
    seen = await examined(Emulator(integrations=30))
    assert seen.examination.is_well
    assert seen.marks(Mark.NOTE) == {"clock"}
    assert seen.examination.found == dict(PATHS)
    assert seen.examination.integration_id == "int_1"
    # A path that cannot exist is beside several routes, and asked for once.
    assert seen.transport.count("GET", f"/int_1/{MADE_UP}") == 1
    assert len(seen.transport.sent) < 20


async def test_paths_that_are_elsewhere_are_found_and_a_client_with_the_file_finds_all_well():
    emulator = Emulator(paths=MOVED)
    seen = await examined(emulator)
    assert seen.marks(Mark.WRONG) == {f"route.{name}" for name in MOVED}
    assert seen.marks(Mark.UNKNOWN) == set()
    assert seen.examination.found == {**PATHS, **MOVED}
    routes = Routes.from_toml(routes_file(seen.examination.found, Routes()))
    again = await examined(emulator, routes=routes)
    assert again.examination.is_well
    assert again.examination.found == seen.examination.found


async def test_a_path_that_is_none_of_the_likely_ones_is_wrong_and_left_out():
    seen = await examined(Emulator(paths={"sync_orders": f"{ITEM}/o/start"}))
    assert seen.marks(Mark.WRONG) == {"route.sync_orders"}
    assert "sync_orders" not in seen.examination.found
    assert "none of 9 likely paths is there" in seen.said("route.sync_orders")


async def test_the_action_that_is_asked_for_is_one_of_the_listed_ones():
    seen = await examined(Emulator())
    assert seen.transport.count("GET", "/actions/reimport_orders") == 1
    assert seen.transport.count("GET", f"/actions/{MADE_UP}") == 0


async def test_a_named_integration_is_the_one_that_is_looked_at():
    seen = await examined(Emulator(), integration="int_3")
    assert seen.examination.is_well
    assert seen.transport.count("GET", "/int_3/orders/sync") == 1
    assert not any("/int_1" in sent.path for sent in seen.transport.sent)


async def test_an_integration_that_is_not_there_is_told_and_nothing_is_asked_below_it():
    seen = await examined(Emulator(), integration="int_99")
    assert seen.marks(Mark.WRONG) == {"route.integration"}
    assert seen.marks(Mark.UNKNOWN) == ROUTE_CHECKS - {"route.integration"}
    assert len(seen.transport.sent) == 2


@pytest.mark.parametrize("integration", ["", ".", ".."])
async def test_an_id_that_cannot_stand_in_a_path_is_refused_before_anything_is_sent(integration):
    transport = RecordingTransport(Emulator().transport())
    async with PackCloudClient(token="t", transport=transport) as client:
        with pytest.raises(ConfigurationError):
            await examine(client, "org_1", integration_id=integration, deadline=10)
    assert transport.sent == []


async def test_an_id_cannot_leave_its_segment():
    seen = await examined(Emulator(), integration="../../org_2?x#\n")
    assert {sent.path.split("/")[0] for sent in seen.transport.sent} == {"org_1"}
    assert seen.of("route.integration") is Mark.WRONG


async def test_an_organization_that_is_not_there():
    seen = await examined(Emulator(), organization="org_99")
    assert seen.marks(Mark.WRONG) == {"organization"}
    assert not seen.examination.found
    assert len(seen.transport.sent) == 1


async def test_a_wrong_token_is_told_and_nothing_more_is_asked():
    emulator = Emulator()
    emulator.set_token("another")
    async with PackCloudClient(token="s3cret-token", transport=emulator.transport()) as client:
        found = await examine(client, "org_1", integration_id=None, deadline=10)
    assert [check.name for check in found.checks if check.mark is Mark.WRONG] == ["credential"]
    assert "s3cret" not in repr(found)
    assert emulator.counters.total == 1


async def test_with_a_named_integration_a_wrong_token_is_tried_on_two_paths_and_no_more():
    emulator = Emulator()
    emulator.set_token("another")
    seen_by = RecordingTransport(emulator.transport())
    async with PackCloudClient(token="s3cret-token", transport=seen_by) as client:
        await examine(client, "org_1", integration_id="int_1", deadline=10)
    assert len(seen_by.sent) == 2


@pytest.mark.parametrize(
    ("plan", "check", "told"),
    [
        (FaultPlan(envelope=Envelope.BARE), "envelope", "bare"),
        (FaultPlan(envelope=Envelope.ROOT_PAGING), "paging", "leads to further integrations"),
        (FaultPlan(relative_links=True), "paging", "leads to further integrations"),
        (FaultPlan(watermark_format=WatermarkFormat.OFFSET), "timestamps", "with a zone"),
    ],
)
async def test_every_form_that_the_client_understands_is_well(plan, check, told):
    seen = await examined(Emulator(integrations=30, faults=plan))
    assert seen.examination.is_well
    assert told in seen.said(check)


@pytest.mark.parametrize(
    ("style", "told"),
    [(WatermarkFormat.NO_ZONE, "without a zone"), (WatermarkFormat.UNREADABLE, "compared as text")],
)
async def test_other_timestamps_are_a_note(style, told):
    seen = await examined(Emulator(faults=FaultPlan(watermark_format=style)))
    assert seen.of("timestamps") is Mark.NOTE
    assert told in seen.said("timestamps")


AIMS = [None, *PATHS, "unknown"]


@pytest.mark.parametrize("fault", [*Fault, 400, 401, 403, 404, 405, 409, 410, 418, 422, 429, 500, 501, 502, 503, 504])
@pytest.mark.parametrize("route", AIMS)
async def test_no_fault_makes_it_send_anything_but_gets(fault, route):
    plan = FaultPlan(routes=None if route is None else {route}, script=[fault] * 500)
    seen = await examined(Emulator(integrations=30, faults=plan))
    # Asserted by examined(): GETs alone, and no sync was started.
    assert seen.transport.sent
    assert ROUTE_CHECKS - {"route.integration"} <= seen.checks.keys()


@pytest.mark.parametrize("fault", ["silent_before", "drop_before", "refuse", 401, 403, 429, 500, 503])
@pytest.mark.parametrize("route", ["sync_orders", "settings"])
async def test_what_does_not_answer_is_not_known_and_not_called_missing(fault, route):
    seen = await examined(Emulator(faults=FaultPlan(routes={route}, script=[fault] * 500)), deadline=100_000)
    assert seen.marks(Mark.WRONG) == set()
    assert seen.marks(Mark.UNKNOWN) == {f"route.{route}"}
    assert route not in seen.examination.found


async def test_a_failure_that_passes_is_asked_again():
    seen = await examined(Emulator(faults=FaultPlan(routes={"sync_orders"}, script=[503])))
    assert seen.of("route.sync_orders") is Mark.OK


async def test_a_server_that_asks_for_a_long_pause_is_asked_nothing_more():
    plan = FaultPlan(routes={"actions"}, script=[429] * 500, retry_after=60.0)
    seen = await examined(Emulator(faults=plan), deadline=100_000)
    assert seen.transport.count("GET", "/actions") == 1
    assert "the server asked for a long pause" in seen.said("route.sync_orders")
    assert seen.of("rate_limit") is Mark.NOTE
    assert not any(sent.path.endswith("/sync") for sent in seen.transport.sent)


async def test_a_server_that_falls_silent_is_not_waited_for_at_every_path():
    plan = FaultPlan(routes={"settings", "unknown", "execute_action", "sync_orders"}, script=["drop_before"] * 500)
    seen = await examined(Emulator(faults=plan), deadline=100_000)
    assert "the server does not answer any more" in seen.said("route.sync_products")
    assert len(seen.transport.sent) < 40


async def test_the_deadline_ends_it():
    emulator = Emulator(faults=FaultPlan(latency=3.0))
    seen = await examined(emulator, deadline=10.0)
    assert "the time was up" in seen.said("route.sync_orders")
    assert 3 <= len(seen.transport.sent) <= 4
    assert max(sent.at for sent in seen.transport.sent) < 10


async def test_a_turn_that_does_not_come_is_no_silence_of_the_server():
    async def exhausted(request, send):
        told = {"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "60"}
        response = await send(request)
        return evolve(response, headers={**response.headers, **told})

    seen = await examined(Emulator(), step_in=exhausted, deadline=10)
    assert len(seen.transport.sent) == 1
    assert seen.said("route.integration") == ("int_1 was not asked (a limit left no turn before the time was up).")
    assert ".../settings was not asked (the time was up)" in seen.said("route.settings")
    assert "0 of 1 request is left" in seen.said("rate_limit")


async def test_waiting_for_a_turn_is_no_latency():
    refusing = FaultPlan(routes={"settings"}, script=[429], retry_after=5.0, latency=0.25)
    seen = await examined(Emulator(faults=[refusing, FaultPlan(latency=0.25)]))
    assert seen.examination.is_well
    assert "250 ms in the median, 250 ms at most" in seen.said("latency")
    assert max(sent.at for sent in seen.transport.sent) > 5


async def test_what_headers_say_is_told():
    told = {
        "x-ratelimit-limit": "60",
        "x-ratelimit-remaining": "41",
        "deprecation": "@1767225600",
        "sunset": "Fri, 01 Jan 2027 00:00:00 GMT",
    }

    async def dated(request, send):
        response = await send(request)
        return evolve(response, headers={**response.headers, **told, "date": format_datetime(datetime.now(UTC))})

    seen = await examined(Emulator(), step_in=dated)
    assert seen.examination.is_well
    assert seen.said("rate_limit") == "The server says that 41 of 60 requests are left."
    assert seen.said("deprecation") == (
        "The server says that this is deprecated from 2026-01-01 on and that this will end on 2027-01-01."
    )
    assert seen.of("clock") is Mark.OK


def catching_all(status, body=b"{}", **headers):
    """A server that answers alike whatever is not in the list, or the integration itself."""

    async def answer(request, send):
        response = await send(request)
        return (
            Response(status, {"content-type": "application/json", **headers}, body)
            if response.status != 200
            else response
        )

    return answer


@pytest.mark.parametrize("catch", [catching_all(405, allow="POST"), catching_all(200), catching_all(403)])
async def test_a_server_that_answers_everything_alike_is_told_and_no_path_is_called_there(catch):
    seen = await examined(Emulator(), step_in=catch)
    posts = {f"route.{name}" for name in MOVED} - {"route.actions", "route.settings"}
    assert seen.of("unknown_paths") is Mark.NOTE
    assert posts <= seen.marks(Mark.UNKNOWN)
    assert seen.marks(Mark.WRONG) == set()
    assert not {f"route.{name}" for name in seen.examination.found} & posts


@pytest.mark.parametrize("status", [200, 403])
async def test_a_server_with_another_answer_for_what_is_not_there_is_still_told_apart(status):
    async def gateway(request, send):
        response = await send(request)
        return Response(status, {}, b"<html>") if response.status == 404 else response

    seen = await examined(Emulator(), step_in=gateway)
    assert {f"route.sync_{kind}" for kind in ("orders", "products", "stocks")} <= seen.marks(Mark.OK)
    assert seen.of("unknown_paths") is Mark.NOTE


async def test_a_get_that_is_answered_where_a_post_is_meant_is_told_as_such():
    async def readable(request, send):
        return Response(200, {}, b"{}") if request.url.endswith("/orders/sync") else await send(request)

    seen = await examined(Emulator(), step_in=readable)
    assert seen.of("route.sync_orders") is Mark.UNKNOWN
    assert "whether it takes a POST is not known" in seen.said("route.sync_orders")


async def test_settings_are_not_kept():
    seen = await examined(Emulator())
    (look,) = [look for look in seen.examination.looks if look.route == "settings"]
    assert (look.answer.status, look.answer.body) == (200, None)


@pytest.mark.parametrize("link", ["https://elsewhere.example/v1", "//elsewhere.example", "/v1/../\x00"])
async def test_a_link_that_leads_away_is_not_followed(link):
    async def leading(request, send):
        response = await send(request)
        if not request.url.endswith("/integrations"):
            return response
        return evolve(response, body=json.dumps(response.json() | {"links": {"next": link}}).encode())

    seen = await examined(Emulator(), step_in=leading)
    assert seen.of("paging") is Mark.WRONG
    assert seen.marks(Mark.WRONG) == {"paging"}


async def test_a_service_that_is_not_there():
    async def refused(request, send):
        raise TransportError("GET https://api.pack.cloud: no answer: refused", maybe_sent=False)

    seen = await examined(Emulator(), step_in=refused)
    assert seen.marks(Mark.WRONG) == {"base_url"}
    assert "no answer: refused" in seen.said("base_url")
    assert seen.of("latency") is Mark.UNKNOWN


async def test_a_list_over_the_limit_is_told_and_is_no_silence():
    async def step_in(request, send):
        answer = await send(request)
        return evolve(answer, body=b"", damage=Damage.TOO_LARGE) if request.url.endswith("/integrations") else answer

    seen = await examined(Emulator(), step_in=step_in, integration="int_1")
    assert seen.marks(Mark.WRONG) == {"envelope"}
    assert seen.said("envelope") == "The list of integrations cannot be read: the body is larger than the limit @ $."
    assert seen.of("base_url") is seen.of("credential") is seen.of("route.integration") is Mark.OK


class Anything:
    """A server that answers what it was given, again and again."""

    def __init__(self, answers):
        self.answers = answers
        self.count = 0

    async def send(self, request):
        answer = self.answers[self.count % len(self.answers)]
        self.count += 1
        return answer

    async def aclose(self):
        pass


BODIES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [b'{"data": []}', b'[{"id": ".."}]', b'{"data": [], "links": {"next": "/x"}}', b'{"data": {"id": "int_1"}}']
    ),
)
HEADERS = st.dictionaries(
    st.sampled_from(["allow", "date", "retry-after", "content-type", "sunset", "deprecation", "ratelimit"]),
    st.text(max_size=10),
    max_size=3,
)
ANSWERS = st.builds(Response, st.integers(200, 599), HEADERS, BODIES)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANSWERS, min_size=1, max_size=5))
def test_whatever_a_server_answers_only_gets_are_sent(answers):
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        seen = runner.run(examined(Anything(answers), integration="int_1", deadline=1_000))
    assert seen.transport.sent
