"""What the answers to a GET tell of a route."""

import tomllib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.check import Mark
from packcloud_async._sansio.inquiries import Answered, Silence
from packcloud_async._sansio.route_findings import (
    Look,
    Standing,
    action_in,
    confirmed,
    nowhere_check,
    route_check,
    routes_file,
    tells_of_a_route,
    unasked_check,
)
from packcloud_async.policies import Routes

ITEM = Routes().integration
NOT_FOUND = Answered(status=404)
ONLY_POST = Answered(status=405, headers={"allow": "POST"})
ONLY_PUT = Answered(status=405, headers={"allow": "PUT"})
READ = Answered(status=200, headers={"content-type": "application/json"})
PAGE = Answered(status=200, headers={"content-type": "text/html"})
SILENT = Silence("broken")


def look(answer, beside=NOT_FOUND, *, route="sync_orders", tail="orders/sync", stands_in=False):
    return Look(route=route, template=f"{ITEM}/{tail}", answer=answer, beside=beside, stands_in=stands_in)


@pytest.mark.parametrize(
    ("answer", "beside", "standing"),
    [
        (ONLY_POST, NOT_FOUND, Standing.THERE),
        (Answered(status=405), NOT_FOUND, Standing.THERE),
        (ONLY_PUT, NOT_FOUND, Standing.OTHER_METHOD),
        (Answered(status=405, headers={"allow": ""}), NOT_FOUND, Standing.OTHER_METHOD),
        (READ, NOT_FOUND, Standing.READABLE),
        (Answered(status=204), NOT_FOUND, Standing.READABLE),
        (NOT_FOUND, None, Standing.MISSING),
        (Answered(status=410), None, Standing.MISSING),
        # As beside it
        (ONLY_POST, ONLY_POST, Standing.ALIKE),
        (ONLY_POST, ONLY_PUT, Standing.THERE),
        (ONLY_POST, PAGE, Standing.THERE),
        (ONLY_POST, Answered(status=403), Standing.THERE),
        (READ, READ, Standing.ALIKE),
        (READ, PAGE, Standing.ALIKE),
        # Not known
        (ONLY_POST, SILENT, Standing.NOT_KNOWN),
        (ONLY_POST, Answered(status=429), Standing.NOT_KNOWN),
        (ONLY_POST, Answered(status=502), Standing.NOT_KNOWN),
        (PAGE, NOT_FOUND, Standing.NOT_KNOWN),
        (SILENT, None, Standing.NOT_KNOWN),
        *((Answered(status=status), None, Standing.NOT_KNOWN) for status in (301, 400, 401, 403, 422, 429, 500, 503)),
    ],
)
def test_the_standing_of_a_path_that_should_take_a_post(answer, beside, standing):
    assert look(answer, beside).standing is standing


@pytest.mark.parametrize(
    ("answer", "standing"), [(READ, Standing.THERE), (ONLY_POST, Standing.OTHER_METHOD), (NOT_FOUND, Standing.MISSING)]
)
def test_the_standing_of_a_path_that_should_be_read(answer, standing):
    assert look(answer, route="settings", tail="settings").standing is standing


def test_a_404_for_a_made_up_action_tells_nothing():
    assert look(NOT_FOUND, route="execute_action", stands_in=True).standing is Standing.NOT_KNOWN
    assert look(ONLY_POST, route="execute_action", stands_in=True).standing is Standing.THERE


@pytest.mark.parametrize(
    ("answer", "tells"),
    [
        (ONLY_POST, True),
        (READ, True),
        (PAGE, False),
        (NOT_FOUND, False),
        (SILENT, False),
        (Answered(status=503), False),
    ],
)
def test_what_has_to_be_held_against_a_path_that_cannot_exist(answer, tells):
    assert tells_of_a_route(answer) is tells


def other(answer, beside=NOT_FOUND, tail="sync-orders"):
    return look(answer, beside, tail=tail)


@pytest.mark.parametrize(
    ("looks", "mark", "sentence"),
    [
        ([look(ONLY_POST)], Mark.OK, ".../orders/sync answered 405 (Allow: POST): it is there."),
        (
            [look(NOT_FOUND), other(NOT_FOUND), other(ONLY_POST, tail="sync/orders")],
            Mark.WRONG,
            ".../orders/sync answered 404, but .../sync/orders answered 405 (Allow: POST): "
            "override Routes.sync_orders (--write does).",
        ),
        (
            [look(NOT_FOUND), other(ONLY_POST), other(Answered(status=405), tail="order-sync")],
            Mark.WRONG,
            ".../orders/sync answered 404, but .../sync-orders answered 405 (Allow: POST), "
            "and .../order-sync answered 405 (Allow: not said): override Routes.sync_orders (--write does).",
        ),
        (
            [look(NOT_FOUND), other(NOT_FOUND)],
            Mark.WRONG,
            ".../orders/sync answered 404, and the one likely path is not there: "
            "ask the vendor for the path and override Routes.sync_orders.",
        ),
        (
            [look(NOT_FOUND)],
            Mark.WRONG,
            ".../orders/sync answered 404: ask the vendor for the path and override Routes.sync_orders.",
        ),
        (
            [look(ONLY_PUT), other(NOT_FOUND)],
            Mark.WRONG,
            ".../orders/sync answered 405 (Allow: PUT): something is there, and not for this call.",
        ),
        (
            [look(READ), other(NOT_FOUND)],
            Mark.UNKNOWN,
            ".../orders/sync answered 200: something is there, and whether it takes a POST is not known.",
        ),
        (
            [look(ONLY_POST, ONLY_POST), other(NOT_FOUND)],
            Mark.UNKNOWN,
            ".../orders/sync answered 405 (Allow: POST): so is a path that cannot exist, they cannot be told apart.",
        ),
        (
            [look(NOT_FOUND), other(NOT_FOUND), other(SILENT, tail="order-sync")],
            Mark.UNKNOWN,
            ".../orders/sync answered 404, and .../order-sync gave no answer (broken): "
            "whether it is there is not known.",
        ),
        (
            [look(Answered(status=429)), other(NOT_FOUND)],
            Mark.UNKNOWN,
            ".../orders/sync answered 429: whether it is there is not known.",
        ),
    ],
)
def test_a_route_is_judged_in_a_sentence(looks, mark, sentence):
    check = route_check(looks, Routes())
    assert (check.name, check.mark, check.sentence) == ("route.sync_orders", mark, sentence)


def test_a_path_elsewhere_is_named_whole():
    elsewhere = "/v2/{organizationId}/{integrationId}/sync"
    found = Look(route="sync_orders", template=elsewhere, answer=ONLY_POST, beside=NOT_FOUND)
    assert route_check([found], Routes(sync_orders=elsewhere)).sentence.startswith(f"{elsewhere} answered 405")


def test_a_route_that_was_not_asked_is_not_known():
    assert unasked_check("settings", "late").sentence == "It was not asked: late."


@pytest.mark.parametrize(
    ("answer", "mark"),
    [
        (NOT_FOUND, Mark.OK),
        (ONLY_POST, Mark.NOTE),
        (READ, Mark.NOTE),
        (Answered(status=403), Mark.NOTE),
        (Answered(status=401), Mark.UNKNOWN),
        (SILENT, Mark.UNKNOWN),
    ],
)
def test_what_a_path_is_answered_that_cannot_exist(answer, mark):
    assert nowhere_check(answer).mark is mark


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (Answered(status=200, body=b'{"data": [{"name": "x"}, {"code": "a b"}, {"code": "test_1"}]}'), "test_1"),
        (Answered(status=200, body=b'[{"code": ".."}]'), None),
        (Answered(status=200, body=b"<html>"), None),
        (Answered(status=200), None),
        (SILENT, None),
    ],
)
def test_the_first_action_that_can_stand_in_a_path(answer, name):
    assert action_in(answer) == name


def test_the_first_template_that_answered_is_the_one():
    assert confirmed([look(NOT_FOUND), other(ONLY_POST), other(ONLY_POST, tail="z")]) == f"{ITEM}/sync-orders"
    assert confirmed([look(NOT_FOUND)]) is None


def test_the_file_holds_what_answered_and_keeps_other_overrides():
    routes = Routes(sync_stocks=f"{ITEM}/stocks", settings=f"{ITEM}/s")
    text = routes_file({"settings": f"{ITEM}/config", "sync_orders": f"{ITEM}/sync-orders"}, routes)
    assert Routes.from_toml(text) == Routes(
        sync_stocks=f"{ITEM}/stocks", settings=f"{ITEM}/config", sync_orders=f"{ITEM}/sync-orders"
    )
    assert f'sync_stocks = "{ITEM}/stocks"  # as it was configured; not confirmed' in text.splitlines()
    assert "# actions: not confirmed, the default is used" in text.splitlines()


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#\\{}%."), min_size=1))
def test_a_file_of_any_path_is_read_back(tail):
    routes = Routes(settings=f"{ITEM}/{tail}")
    whole = {field.name: getattr(routes, field.name) for field in attrs.fields(Routes)}
    assert Routes.from_toml(routes_file(whole, Routes())) == routes
    assert tomllib.loads(routes_file(whole, routes))["routes"] == whole
