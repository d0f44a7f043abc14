"""The request budget of a client: limit, server headers, adapting, retry budget; on virtual time."""

import asyncio
import logging
import pickle

import pytest

from packcloud_async import (
    BudgetState,
    ClientStateError,
    ConfigurationError,
    Limiter,
    PackCloudClient,
    PackCloudError,
    RateLimit,
    RateLimited,
    RetryPolicy,
    ServerError,
    TransportError,
)
from packcloud_async._sansio import endpoints

from ..support.jumping_loop import JumpingLoop
from ..support.scripted_transport import ScriptedTransport, says
from .connecting import INTEGRATION, TOKEN, integrations

GOOD = says(200, {"data": INTEGRATION})
ONCE = RetryPolicy(attempts=1)
LOST = TransportError("lost on the way", maybe_sent=True)


def client_of(*answers, **options):
    transport = ScriptedTransport(list(answers))
    return transport, PackCloudClient(**{"token": TOKEN, "transport": transport, **options})


async def read_all(client, count):
    """Read so many integrations at once; return what each read raised, None if nothing."""

    async def read(number):
        try:
            await integrations(client).get(f"int_{number}")
        except PackCloudError as error:
            return error
        return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(number)) for number in range(count)]
    return [task.result() for task in tasks]


class TestARateLimit:
    @pytest.mark.parametrize("wrap", [lambda limit: limit, Limiter], ids=["a policy", "a limiter"])
    async def test_holds_for_every_request(self, wrap):
        transport, client = client_of(GOOD, rate_limit=wrap(RateLimit(2, burst=2)))
        await read_all(client, 5)
        assert transport.times == [0, 0, 0.5, 1, 1.5]

    async def test_holds_for_retries_too(self):
        transport, client = client_of(500, 500, GOOD, rate_limit=RateLimit(1, per=60), retry=RetryPolicy(first=0))
        await read_all(client, 1)
        assert transport.times == [0, 60, 120]

    async def test_is_none_at_first(self):
        transport, client = client_of(GOOD)
        await read_all(client, 100)
        assert transport.times == [0] * 100

    async def test_can_be_given_with_the_environment(self, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
        assert PackCloudClient.from_env(rate_limit=RateLimit(7)).budget.rate == 7

    @pytest.mark.parametrize("limit", [50, "50", RateLimit, RetryPolicy()], ids=repr)
    def test_is_a_rate_limit_or_a_limiter(self, limit):
        with pytest.raises(ConfigurationError, match="^rate_limit must be a RateLimit or a Limiter, not "):
            PackCloudClient(token=TOKEN, rate_limit=limit)

    async def test_lets_what_acts_go_before_what_reads_and_that_before_first_listings(self):
        transport, client = client_of(says(202), rate_limit=RateLimit(1))
        listing = endpoints.list_integrations(client.routes, "org_1")
        urgencies = [endpoints.Urgency.LISTING, *endpoints.Urgency]

        async def send(urgency):
            call = endpoints.any_request(
                "GET" if urgency else "POST", f"/v1/{urgency.name}", None, endpoints.Unset.UNSET
            )
            await client.call(endpoints.evolve(call, urgency=urgency))

        async with asyncio.TaskGroup() as group:
            for urgency in urgencies:
                group.create_task(send(urgency))
        assert listing.urgency is endpoints.Urgency.READ
        assert [url.rpartition("/")[2] for url in transport.urls] == ["LISTING", "ACT", "READ", "LISTING"]

    async def test_nothing_waits_between_what_is_recorded_and_the_bytes(self):
        class Recorder:
            def __init__(self):
                self.times = []

            async def leaving(self):
                self.times.append(asyncio.get_running_loop().time())

            def harmless(self):
                pass

            def retrying(self, details):
                pass

        transport, client = client_of(
            says(429, retry_after="30"), GOOD, rate_limit=RateLimit(1, per=5), max_connections=1
        )
        recorder, call = Recorder(), endpoints.get_integration(client.routes, "org_1", "int_1")
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(client.call(call, observer=recorder))
        assert recorder.times == transport.times == [0, 30, 35, 40]


class TestALimiterOfSeveral:
    async def test_holds_for_all_together(self):
        limiter = Limiter(RateLimit(2))
        (first, one), (second, other) = (client_of(GOOD, rate_limit=limiter) for _ in range(2))
        async with asyncio.TaskGroup() as group:
            group.create_task(read_all(one, 3))
            group.create_task(read_all(other, 2))
        assert sorted(first.times + second.times) == [0, 0.5, 1, 1.5, 2]

    async def test_pauses_all_when_one_is_refused(self):
        limiter = Limiter()
        _, refused = client_of(says(429, retry_after="30"), rate_limit=limiter, retry=ONCE)
        transport, other = client_of(GOOD, rate_limit=limiter)
        await read_all(refused, 1)
        assert (refused.budget.paused_for, other.budget.paused_for) == (30, 30)
        assert (refused.budget.refusals, other.budget.refusals) == (1, 0)
        await read_all(other, 1)
        assert transport.times == [30]

    async def test_closing_one_leaves_the_others_their_turns(self):
        limiter = Limiter(RateLimit(1))
        _, closing = client_of(GOOD, rate_limit=limiter)
        transport, other = client_of(GOOD, rate_limit=limiter)
        async with asyncio.TaskGroup() as group:
            ended = group.create_task(read_all(closing, 50))
            await asyncio.sleep(0)
            group.create_task(read_all(other, 2))
            await asyncio.sleep(1.5)
            await closing.aclose()
        assert sum(isinstance(error, ClientStateError) for error in ended.result()) == 48
        assert transport.times == [2, 3]

    def test_belongs_to_one_loop(self):
        limiter = Limiter()
        transport, one = client_of(GOOD, rate_limit=limiter)
        _, other = client_of(GOOD, rate_limit=limiter)
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            assert runner.run(read_all(one, 1)) == [None]
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            (error,) = runner.run(read_all(other, 1))
        assert isinstance(error, ClientStateError)
        assert str(error).startswith("the limiter belongs to the event loop it was first used on")
        assert len(transport.sent) == 1


class TestARefusal:
    async def test_holds_back_who_waits_for_its_slot(self):
        transport, client = client_of(says(429, retry_after="30"), GOOD, max_connections=1, retry=ONCE)
        await read_all(client, 2)
        assert transport.times == [0, 30]

    async def test_lowers_an_adaptive_rate_once_for_all_that_met_it(self):
        async def refuse_at_first(request):
            await asyncio.sleep(1)
            return says(429, retry_after="5") if asyncio.get_running_loop().time() < 5 else GOOD

        limit = RateLimit(100, adaptive=True, burst=50, decrease=0.5, quiet=1000)
        _, client = client_of(refuse_at_first, rate_limit=limit)
        await read_all(client, 50)
        budget = client.budget
        assert (budget.rate, budget.lowest_rate, budget.refusals, budget.retries) == (50, 50, 50, 50)

    async def test_a_503_with_a_wish_is_one_too(self):
        limit = RateLimit(100, adaptive=True, decrease=0.5, quiet=1000)
        _, client = client_of(says(503, retry_after="5"), 503, GOOD, rate_limit=limit)
        await read_all(client, 1)
        assert (client.budget.rate, client.budget.refusals, client.budget.retries) == (50, 1, 2)

    async def test_an_adaptive_rate_finds_what_the_server_takes(self):
        """A server that refuses more than 20 in a second, and a client that believes in 100."""
        seen, refused = [], []

        async def server(request):
            now = asyncio.get_running_loop().time()
            seen.append(now)
            if sum(now - 1 < at for at in seen[-100:]) > 20:
                refused.append(now)
                return says(429, retry_after="1")
            return GOOD

        limit = RateLimit(100, adaptive=True)
        _, client = client_of(server, rate_limit=limit, retry=RetryPolicy(attempts=50))
        assert set(await read_all(client, 2000)) == {None}
        assert 5 <= client.budget.lowest_rate <= 20
        assert len(refused) < 200
        took = seen[-1]
        assert 2000 / 20 < took < 2000 / 20 * 1.6
        await asyncio.sleep(200)
        assert client.budget.rate == 100


class WindowedServer:
    """Counts in fixed windows from its first request on, refuses what is too much, and says so in its headers."""

    def __init__(self, limit, window, headers, latency=0.05):
        self.limit, self.window, self.headers, self.latency = limit, window, headers, latency
        self.began, self.count, self.refused, self.served = -1e9, 0, 0, []

    async def __call__(self, request):
        now = asyncio.get_running_loop().time()
        if now >= self.began + self.window:
            self.began, self.count = now, 0
        self.count += 1
        left, reset = max(0, self.limit - self.count), self.began + self.window - now
        if self.count > self.limit:
            self.refused += 1
            answer = says(429, retry_after=str(int(reset) + 1))
        else:
            self.served.append(now)
            answer = says(200, {"data": INTEGRATION}, **self.headers(self.limit, left, reset))
        await asyncio.sleep(self.latency)
        return answer


FORMS = {
    "X-RateLimit": lambda limit, left, reset: {
        "x_ratelimit_limit": str(limit),
        "x_ratelimit_remaining": str(left),
        "x_ratelimit_reset": f"{reset:.3f}",
    },
    "IETF 06": lambda limit, left, reset: {
        "ratelimit_limit": f"{limit}, {limit};w=60",
        "ratelimit_remaining": str(left),
        "ratelimit_reset": f"{reset:.3f}",
    },
    "IETF 08": lambda limit, left, reset: {
        "ratelimit_policy": f'"api";q={limit};w=60',
        "ratelimit": f'"api";r={left};t={reset:.3f}',
    },
    "an instant": lambda limit, left, reset: {
        "x_ratelimit_limit": str(limit),
        "x_ratelimit_remaining": str(left),
        "x_ratelimit_reset": f"{1_767_225_600 + reset:.3f}",
        "date": "Thu, 01 Jan 2026 00:00:00 GMT",
    },
    "Laravel": lambda limit, left, reset: {"x_ratelimit_limit": str(limit), "x_ratelimit_remaining": str(left)},
}


class TestTheServersHeaders:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("connections", [1, 5, 20])
    async def test_slow_requests_down_before_the_refusal(self, form, connections):
        server = WindowedServer(60, 60, FORMS[form])
        _, client = client_of(server, max_connections=connections)
        assert set(await read_all(client, 200)) == {None}
        assert (server.refused, client.budget.refusals) == (0, 0)
        # Three windows must pass at least, and none is left unused for long.
        assert 180 <= server.served[-1] <= 260

    async def test_without_heeding_them_it_is_refused(self):
        server = WindowedServer(60, 60, FORMS["Laravel"])
        _, client = client_of(server, max_connections=20, rate_limit=RateLimit(server_headers=False))
        await read_all(client, 200)
        assert server.refused > 0

    async def test_what_is_left_is_spread_until_the_reset(self):
        told = says(200, {"data": INTEGRATION}, ratelimit='"a";r=2;t=30', ratelimit_policy='"a";q=100')
        silent = says(200, {"data": INTEGRATION})
        transport, client = client_of(told, silent, max_connections=1)
        await read_all(client, 4)
        assert transport.times == [0, 10, 20, 30]

    async def test_are_read_before_the_next_request_takes_the_slot(self):
        told = says(200, {"data": INTEGRATION}, x_ratelimit_remaining="0", x_ratelimit_reset="40")
        transport, client = client_of(told, GOOD, max_connections=1)
        await read_all(client, 2)
        assert transport.times == [0, 40]
        assert client.budget.refusals == 0

    async def test_hold_back_no_longer_than_the_policy_says(self):
        told = says(200, {"data": INTEGRATION}, x_ratelimit_remaining="0", x_ratelimit_reset="86400")
        transport, client = client_of(told, GOOD, max_connections=1, rate_limit=RateLimit(longest_wait=15))
        await read_all(client, 1)
        assert client.budget.paused_for == 15
        await read_all(client, 1)
        assert transport.times == [0, 15]

    @pytest.mark.parametrize("headers", [{}, {"x_ratelimit_remaining": "none"}, {"ratelimit": '\x00;;,="'}], ids=str)
    async def test_where_none_can_be_read_nobody_is_slowed(self, headers):
        transport, client = client_of(says(200, {"data": INTEGRATION}, **headers), max_connections=1)
        await read_all(client, 200)
        assert transport.times == [0] * 200


class TestTheRetryBudget:
    async def test_a_dying_server_is_not_hammered(self):
        retry = RetryPolicy(budget=0.2, budget_reserve=20)
        _, client = client_of(503, retry=retry, max_connections=50)
        errors = await read_all(client, 1000)
        assert all(isinstance(error, ServerError) for error in errors)
        # Of all that was sent a fifth were retries, and the reserve.
        assert client.requests_sent <= (1000 + 20) / 0.8
        assert client.budget.retries == client.requests_sent - 1000
        assert client.budget.retries_withheld > 700

    async def test_without_one_it_is(self):
        _, client = client_of(503, retry=RetryPolicy(budget=None))
        await read_all(client, 1000)
        assert (client.requests_sent, client.budget.retries, client.budget.retries_withheld) == (4000, 3000, 0)

    async def test_what_is_withheld_is_raised_at_once_and_says_so(self, caplog):
        caplog.set_level(logging.INFO)
        told = []
        retry = RetryPolicy(budget=0.0, budget_reserve=0)
        transport, client = client_of(LOST, retry=retry, on_retry=told.append)
        (error,) = await read_all(client, 1)
        assert error is LOST
        assert (transport.times, told) == ([0], [])
        assert asyncio.get_running_loop().time() == 0
        assert "RetryPolicy.budget" in error.__notes__[0]
        assert pickle.loads(pickle.dumps(error)).__notes__ == error.__notes__
        assert [record.getMessage() for record in caplog.records] == [
            "integrations.get failed, not tried again because the retry budget is used up: TransportError"
        ]

    async def test_a_client_that_sends_little_has_the_reserve(self):
        retry = RetryPolicy(budget=0.2, budget_reserve=3, first=0)
        transport, client = client_of(500, retry=retry)
        await read_all(client, 1)
        assert len(transport.sent) == 4
        assert client.budget.retries_withheld == 0

    async def test_the_last_failure_of_a_call_asks_for_none(self):
        _, client = client_of(500, retry=RetryPolicy(attempts=2, budget_reserve=1, budget=0.0))
        await read_all(client, 1)
        assert (client.budget.retries, client.budget.retries_withheld) == (1, 0)

    async def test_a_call_that_is_never_retried_asks_for_none(self):
        _, client = client_of(500, retry=RetryPolicy(budget_reserve=0, budget=0.0))
        with pytest.raises(ServerError):
            await client.call(endpoints.get_integration(client.routes, "org_1", "int_1"), once=True)
        assert client.budget.retries_withheld == 0

    async def test_is_there_again_after_a_while(self):
        retry = RetryPolicy(budget=0.0, budget_reserve=2, attempts=3, first=0, budget_window=30)
        transport, client = client_of(500, retry=retry)
        for second in (0, 10, 30):
            await asyncio.sleep(second - asyncio.get_running_loop().time())
            await read_all(client, 1)
        assert transport.times == [0, 0, 0, 10, 30, 30, 30]

    @pytest.mark.parametrize(
        "refusal", [says(429), says(429, retry_after="1"), says(503, retry_after="1")], ids=["429", "wish", "503"]
    )
    async def test_refusals_that_set_the_pace_neither_need_it_nor_use_it_up(self, refusal):
        retry = RetryPolicy(budget=0.0, budget_reserve=1, first=1, growth=1)
        transport, client = client_of(refusal, refusal, 500, GOOD, retry=retry)
        assert await read_all(client, 1) == [None]
        assert len(transport.sent) == 4
        assert (client.budget.retries, client.budget.retries_withheld) == (3, 0)

    async def test_a_renewed_credential_is_no_retry(self):
        class Keys:
            async def headers(self, *, refused):
                return {"X-Key": "new" if refused else "old"}

        _, client = client_of(500, 401, GOOD, token=None, auth=Keys())
        assert await read_all(client, 1) == [None]
        assert (client.requests_sent, client.budget.retries) == (3, 1)

    async def test_who_is_turned_away_for_too_long_is_told_at_once(self):
        _, client = client_of(says(429, retry_after="999"))
        (error,) = await read_all(client, 1)
        assert isinstance(error, RateLimited)
        assert (client.budget.retries_withheld, not hasattr(error, "__notes__")) == (0, True)


class TestTheStateThatCanBeRead:
    async def test_is_clean_at_first(self):
        _, client = client_of(GOOD)
        assert client.budget == BudgetState(
            rate=None, lowest_rate=None, paused_for=0, waited=0, refusals=0, retries=0, retries_withheld=0
        )

    async def test_tells_what_happened(self):
        limit = RateLimit(2, adaptive=True, decrease=0.5, quiet=10)
        _, client = client_of(500, says(429, retry_after="8"), GOOD, rate_limit=limit, retry=RetryPolicy(attempts=2))
        # The retry of the first one is refused, at 0.5 s at the latest.
        errors = await read_all(client, 1)
        state = client.budget
        assert isinstance(errors[0], RateLimited)
        assert (state.rate, state.lowest_rate, state.paused_for) == (1, 1, 8)
        assert (state.refusals, state.retries, state.retries_withheld) == (1, 1, 0)
        await read_all(client, 1)
        assert client.budget.waited == pytest.approx(8 + state.waited)
        assert (client.budget.rate, client.budget.paused_for) == (1, 0)
