"""What the reads of a watch decode: of every integration its id and its watermarks, and models for nobody."""

import json
from collections import Counter

import pytest

from packcloud_async import Integration, LearnedPacing, Outcome, Page, SyncKind
from packcloud_async._io import pipeline
from packcloud_async._sansio.wire import Response

from .support.shop import STEADY, open_shop

ORDERS = SyncKind.ORDERS


@pytest.fixture
def read(monkeypatch):
    """How many models and how many others the answers to GETs became."""
    counts = Counter()

    def counting(call, response, **given):
        value = read_answer(call, response, **given)
        if call.method == "GET":
            for one in value.items if isinstance(value, Page) else [value]:
                counts["model" if isinstance(one, Integration) else "other"] += 1
        return value

    read_answer = pipeline.read_answer
    monkeypatch.setattr(pipeline, "read_answer", counting)
    return counts


@pytest.mark.parametrize("integrations", [1, 25])
@pytest.mark.parametrize("pacing", [None, LearnedPacing()], ids=["", "learning"])
async def test_models_are_built_for_the_baseline_and_for_no_poll(read, integrations, pacing):
    async with (
        open_shop(integrations=integrations, client={"pacing": pacing}) as shop,
        shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run,
    ):
        results = [result async for result in run]
    assert {result[ORDERS].state for result in results} <= {Outcome.ADVANCED, Outcome.QUIET}
    assert read["model"] == integrations
    assert read["other"] >= integrations


async def spoil(request, send, *, spoilt):
    response = await send(request)
    if request.method != "GET":
        spoilt.append(request)
        return response
    document = json.loads(response.body)
    if spoilt:
        for one in document["data"] if isinstance(document["data"], list) else [document["data"]]:
            one |= {"name": None, "category": [], "order_sync_enabled": "no"}
    return Response(response.status, response.headers, json.dumps(document).encode())


async def test_what_is_wrong_beside_a_watermark_does_not_hide_its_news():
    spoilt = []
    async with open_shop(step_in=lambda request, send: spoil(request, send, spoilt=spoilt)) as shop:
        result = await shop.org.sync("int_1", ORDERS, poll=STEADY)
    assert result[ORDERS].state is Outcome.ADVANCED
    assert [sighting.error for sighting in result.timeline] == [None] * len(result.timeline)
