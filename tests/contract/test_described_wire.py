"""The golden files of tests/wire, and the traffic between client and emulator, against docs/openapi.yaml."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from packcloud_async import PackCloudError, SyncKind
from packcloud_async.emulator import FaultPlan

from ..support.shop import STEADY, open_shop
from .description import operation_at, operations

WIRE = Path(__file__).parents[1] / "wire"
FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(WIRE.glob("*.json"))}

NOT_AN_OPERATION = {"error-404-route", "error-405"}
"""Their paths or methods are wrong on purpose."""
REFUSED_REQUESTS = {name for name in FILES if name.startswith(("error-400-body", "error-422"))}
"""Their bodies are wrong on purpose."""


@pytest.mark.parametrize("name", sorted(FILES.keys() - NOT_AN_OPERATION))
def test_a_golden_request_fits_unless_it_is_refused_for_its_body(name):
    asked = FILES[name]["request"]
    faults = operation_at(asked["method"], asked["path"]).faults_of_request(asked["query"], asked["body"])
    assert (faults != []) == (name in REFUSED_REQUESTS)


@pytest.mark.parametrize("name", sorted(FILES.keys() - NOT_AN_OPERATION))
def test_a_golden_answer_fits(name):
    asked, told = FILES[name]["request"], FILES[name]["response"]
    operation = operation_at(asked["method"], asked["path"])
    assert operation.faults_of_answer(told["status"], told["headers"], told["body"]) == []


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
@pytest.mark.parametrize("name", ["error-404-route", "error-405"])
def test_an_answer_to_a_wrong_path_or_method_fits_any_call(name, operation):
    told = FILES[name]["response"]
    assert operation_at("GET", FILES[name]["request"]["path"]) is None
    assert operation.faults_of_answer(told["status"], told["headers"], told["body"]) == []
    assert "status 418 is not described" in operation.faults_of_answer(418, told["headers"], told["body"])


@pytest.mark.parametrize("envelope", ["wrapped", "root_paging", "bare"])
async def test_all_that_client_and_emulator_say_is_described(envelope):
    heard = set()

    async def listen(request, send):
        response = await send(request)
        url = urlsplit(request.url)
        operation = operation_at(request.method, url.path)
        sent = None if request.body is None else json.loads(request.body)
        answered = json.loads(response.body) if response.body else None
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        faults = operation.faults_of_request(query, sent) if response.status < 400 else []
        faults += operation.faults_of_answer(response.status, response.headers, answered)
        assert faults == [], (request.method, request.url, response.status)
        heard.add((operation.id, response.status))
        return response

    plan = FaultPlan(envelope=envelope)
    async with open_shop(step_in=listen, per_page=2, integrations=6, faults=plan) as shop:
        await every_call(shop)
        shop.emulator.set_faults(FaultPlan(envelope=envelope, script=[429, 503, 400]))
        with pytest.raises(PackCloudError):
            await anext(aiter(shop.org.shipping_services.list(type="delivery")))

    assert {operation for operation, status in heard if status < 300} == {operation.id for operation in operations()}
    assert {status for _, status in heard} == {200, 201, 202, 204, 400, 401, 404, 422, 429, 503}


async def every_call(shop):
    integrations = shop.org.integrations
    listed = [integration async for integration in integrations.list()]
    assert len(listed) == 6
    created = await integrations.create(name="N", connector_id="shopify", settings={"key": [1]})
    await integrations.update(created.id, name="M", order_sync_enabled=True)
    await integrations.settings(created.id)
    for one in [*listed, created]:
        for action in await integrations.actions(one.id):
            await integrations.execute_action(one.id, action.key, {"since": None})
    assert [service async for service in shop.org.shipping_services.list(enabled=True)]
    await shop.org.sync("int_3", *SyncKind, poll=STEADY)
    await integrations.delete(created.id)
    with pytest.raises(PackCloudError):
        await integrations.get(created.id)
    with pytest.raises(PackCloudError):
        await integrations.create(name="", connector_id="")
    shop.emulator.set_token("another")
    with pytest.raises(PackCloudError):
        await integrations.get("int_1")
    shop.emulator.set_token("emulator-token")
