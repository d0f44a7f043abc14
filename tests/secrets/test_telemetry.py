"""What hooks, a tracer, metrics and the log of details are told, with canaries and a server that echoes them."""

import asyncio

import pytest

from packcloud_async import (
    Auth,
    BearerToken,
    HeaderAuth,
    PackCloudClient,
    PackCloudError,
    SqliteLedger,
    SyncKind,
    TransportError,
)
from packcloud_async.emulator import FaultPlan
from packcloud_async.hooks import log_details

from ..support.scripted_transport import ScriptedTransport, says
from ..support.shop import STEADY, open_shop
from . import canaries
from .test_lives import OUTCOMES, RETRY, echo

pytest.importorskip("opentelemetry.sdk", reason="the SDK of the extra otel")

from ..test_otel import Recorded


class Listening:
    """Hooks of every sort; what they were told is shown at the end."""

    def __init__(self):
        self.recorded = Recorded()
        self.told = []
        self.hooks = [self.told.append, self.recorded.hook, log_details, self.broken]

    def broken(self, event):
        raise LookupError("a hook of the caller's")

    def show(self, search):
        assert self.told
        for event in self.told:
            search.value("event", event)
        for span in self.recorded.spans:
            search.text("span", span.to_json())
            search.text("attributes", repr(dict(span.attributes)))
        data = self.recorded.reader.get_metrics_data()
        if data is not None:
            search.text("metrics", data.to_json())


@pytest.fixture
def listening(search):
    found = Listening()
    yield found
    found.show(search)


async def refused(call, search):
    with pytest.raises(PackCloudError) as caught:
        await call
    search.error("raised", caught.value)


@pytest.mark.parametrize(
    "credential",
    [
        {"token": canaries.TOKEN},
        {"auth": BearerToken(canaries.TOKEN)},
        {"auth": HeaderAuth("X-Api-Key", canaries.HEADER)},
    ],
    ids=["token", "bearer", "header"],
)
async def test_calls_that_are_refused_with_an_echo(search, everything_is_slow, listening, credential):
    async def echoing(request):
        return echo(request, 503)

    transport = ScriptedTransport([echoing])
    async with PackCloudClient(transport=transport, retry=RETRY, hooks=listening.hooks, **credential) as client:
        integrations = client.organization("org_1").integrations
        await refused(integrations.update("int_1", settings=canaries.settings()), search)
        await refused(integrations.execute_action("int_1", "go", canaries.settings()), search)
        await refused(integrations.settings("int_1"), search)
        await refused(client.request("GET", "/v1/x", query={"find": canaries.QUERY}), search)
        await refused(client.request("PUT", "/v1/x", json=canaries.settings()), search)
    assert len(listening.told) > 20


async def test_calls_that_fail_below(search, listening):
    async def lose(request):
        raise TransportError("lost", maybe_sent=True)

    async def half(request):
        return says(200, b'{"data": {"id": 1, "name": "' + canaries.TOKEN.encode() + b'"}}')

    for answer in (lose, half):
        transport = ScriptedTransport([answer])
        client = PackCloudClient(token=canaries.TOKEN, transport=transport, retry=RETRY, hooks=listening.hooks)
        integrations = client.organization("org_1").integrations
        await refused(integrations.update("int_1", settings=canaries.settings()), search)


async def test_an_auth_object_that_fails_and_one_that_renews(search, listening):
    class Failing:
        async def headers(self, *, refused):
            if refused:
                raise TransportError("no new credential", maybe_sent=False)
            return {"X-Api-Key": canaries.HEADER}

    auth: Auth = Failing()
    transport = ScriptedTransport([401])
    client = PackCloudClient(auth=auth, transport=transport, retry=RETRY, hooks=listening.hooks)
    await refused(client.organization("org_1").integrations.get("int_1"), search)


@pytest.mark.parametrize("state", OUTCOMES)
async def test_a_job_of_every_outcome(search, everything_is_slow, listening, state):
    step_in, moves = OUTCOMES[state]
    client = {"retry": RETRY, "hooks": listening.hooks}
    async with open_shop(step_in=step_in(), token=canaries.TOKEN, client=client) as opened:
        opened.emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=moves, takes=None if moves else 1)
        await opened.org.sync("int_1", SyncKind.ORDERS, poll=STEADY)


async def test_a_run_its_ledger_and_one_that_is_left(search, listening, tmp_path):
    client = {"retry": RETRY, "hooks": listening.hooks}
    async with open_shop(organizations=2, token=canaries.TOKEN, client=client) as opened:
        await opened.org.integrations.update("int_1", settings=canaries.settings())
        opened.emulator.set_faults([FaultPlan(script=[None, 500, "drop_after", 429, "bad_json"])])
        ledger = SqliteLedger(tmp_path / "run.sqlite")
        async with opened.client.sync_many(["org_1", "org_9"], kinds=SyncKind, poll=STEADY, ledger=ledger) as run:
            await anext(run)
    search.files("ledger", tmp_path)


async def test_a_call_that_is_cancelled(search, listening):
    async def never(request):
        await asyncio.sleep(1000)

    transport = ScriptedTransport([never])
    client = PackCloudClient(token=canaries.TOKEN, transport=transport, hooks=listening.hooks)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(1):
            await client.organization("org_1").integrations.update("int_1", settings=canaries.settings())
    search.error("cancelled", caught.value)
