"""Traffic that was recorded, and services on aiohttp's own test utilities."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from packcloud_async import NotFound, PackCloudClient, RetryPolicy
from packcloud_async.emulator import Emulator, FaultPlan
from packcloud_async.testing import serving

pytestmark = pytest.mark.sockets

AT_ONCE = RetryPolicy(attempts=3, first=0)


class TestVcr:
    @pytest.fixture
    def recorder(self):
        vcr = pytest.importorskip("vcr", reason="vcrpy is in the extra test")
        return vcr.VCR(filter_headers=["authorization"])

    @pytest.fixture
    def served(self):
        faults = FaultPlan(routes={"integration"}, methods={"GET"}, script=[503])
        with serving(Emulator(integrations=30, faults=faults)) as served:
            yield served

    async def every_call(self, served, **options):
        """What each kind of call gives: pages, a retry, bodies that are sent, no content, a refusal."""
        async with PackCloudClient(token=served.token, base_url=served.base_url, retry=AT_ONCE, **options) as client:
            integrations = client.organization("org_1").integrations
            listed = [one.id async for one in integrations.list()]
            one = await integrations.get("int_2")
            made = await integrations.create(name="Ours", connector_id="shopify", settings={"shop": "ours"})
            accepted = await integrations.sync_orders(made.id)
            await integrations.delete(made.id)
            with pytest.raises(NotFound) as refused:
                await integrations.get("int_99")
            return listed, one, made, accepted, refused.value.path, client.requests_sent

    async def test_every_call_is_recorded_and_played_again(self, recorder, served, tmp_path):
        played = []
        for _ in range(2):
            with recorder.use_cassette(tmp_path / "calls.yaml", allow_playback_repeats=False) as cassette:
                played.append(await self.every_call(served))
        assert played[0] == played[1]
        assert cassette.play_count == played[0][-1] == served.emulator.counters.total == 8

    async def test_a_session_of_the_callers_is_recorded_too(self, recorder, served, tmp_path):
        for _ in range(2):
            with recorder.use_cassette(tmp_path / "calls.yaml"):
                async with aiohttp.ClientSession() as session:
                    found = await self.every_call(served, session=session)
        assert len(found[0]) == 30
        assert served.emulator.counters.total == 8

    async def test_the_credential_is_not_in_the_file(self, recorder, served, tmp_path):
        with recorder.use_cassette(tmp_path / "calls.yaml"):
            await self.every_call(served)
        text = (tmp_path / "calls.yaml").read_text()
        assert served.token not in text
        assert "int_30" in text

    async def test_after_it_requests_take_their_short_way_again(self, recorder, served, tmp_path):
        with recorder.use_cassette(tmp_path / "calls.yaml"):
            await self.every_call(served)
        recorded = (tmp_path / "calls.yaml").read_bytes()
        before = served.emulator.counters.total
        async with PackCloudClient(token=served.token, base_url=served.base_url) as client:
            await client.organization("org_1").integrations.get("int_1")
        assert served.emulator.counters.total == before + 1
        assert (tmp_path / "calls.yaml").read_bytes() == recorded


class TestAiohttp:
    def api(self):
        """A stand-in for the API, as somebody would write it with aiohttp."""

        async def answer(request):
            if request.headers["Authorization"] != "Bearer t":
                raise web.HTTPUnauthorized
            return web.json_response({"data": [{"id": request.match_info["organization"], "name": "Shop"}]})

        app = web.Application()
        app.router.add_get("/v1/organizations/{organization}/shipping-services", answer)
        return app

    async def test_a_test_server_can_stand_for_the_api(self):
        async with TestServer(self.api()) as server:
            async with PackCloudClient(token="t", base_url=str(server.make_url("/"))) as client:
                answer = await client.request("GET", "/v1/organizations/org_1/shipping-services")
        assert answer.json() == {"data": [{"id": "org_1", "name": "Shop"}]}

    async def test_the_session_of_a_test_client_can_be_used(self):
        async with TestClient(TestServer(self.api())) as browser:
            base_url = str(browser.make_url("/"))
            async with PackCloudClient(token="t", base_url=base_url, session=browser.session) as client:
                answer = await client.request("GET", "/v1/organizations/org_2/shipping-services")
            assert not browser.session.closed
        assert answer.json() == {"data": [{"id": "org_2", "name": "Shop"}]}
