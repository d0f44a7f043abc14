"""Which failures are tried again, when, and who is told; on virtual time."""

import asyncio
import logging
import random

import pytest

from packcloud_async import (
    ApiError,
    ClientStateError,
    ConfigurationError,
    InvalidResponse,
    NotFound,
    PackCloudClient,
    PackCloudError,
    RateLimited,
    RetryDetails,
    RetryPolicy,
    ServerError,
    Timeouts,
    TransportError,
    Unauthorized,
)

from ..support.scripted_transport import ScriptedTransport, says
from .connecting import INTEGRATION, TOKEN, integrations

GOOD = says(200, {"data": INTEGRATION})
LOST = TransportError("lost on the way", maybe_sent=True)
UNSENT = TransportError("never left", maybe_sent=False)
UNTRUSTED = TransportError("untrusted certificate", maybe_sent=False, repeatable=False)
PLAIN = RetryPolicy(attempts=3, first=10, growth=2, ceiling=100, retry_after_ceiling=60)


def client_of(*answers, **options):
    transport = ScriptedTransport(list(answers))
    return transport, PackCloudClient(**{"token": TOKEN, "transport": transport, "retry": PLAIN, **options})


@pytest.fixture(autouse=True)
def dice(monkeypatch):
    """Jitter is drawn from here; 1 is the whole wait."""
    drawn = {"value": 1.0}
    monkeypatch.setattr(random, "random", lambda: drawn["value"])
    return drawn


def ids(case):
    return str(case)


def chain_of(error):
    """The error and all that a traceback shows before it."""
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


class TestWhatIsTriedAgain:
    @pytest.mark.parametrize("failure", [408, 425, 429, 500, 502, 503, 504, LOST, UNSENT], ids=ids)
    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
    async def test_what_may_be_repeated_is(self, method, failure):
        transport, client = client_of(failure, says(200))
        assert (await client.request(method, "/v1")).status == 200
        assert [sent.request.method for sent in transport.sent] == [method, method]

    NOT_PASSING = (300, 304, 400, 401, 403, 404, 405, 409, 410, 418, 422, 501, 505, 511, UNTRUSTED)

    @pytest.mark.parametrize("failure", [*NOT_PASSING, ConfigurationError("odd"), ClientStateError("odd")], ids=ids)
    async def test_what_does_not_pass_is_not_repeated(self, failure):
        transport, client = client_of(failure, GOOD)
        with pytest.raises(PackCloudError) as caught:
            await client.request("GET", "/v1")
        assert caught.value is failure or caught.value.status == failure
        assert len(transport.sent) == 1

    async def test_an_answer_that_cannot_be_understood_is_not_asked_for_again(self):
        transport, client = client_of(says(200, b"<html>"), GOOD)
        with pytest.raises(InvalidResponse):
            await integrations(client).get("int_1")
        assert len(transport.sent) == 1

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    @pytest.mark.parametrize(
        "failure", [UNSENT, says(429), says(429, retry_after="1"), says(503, retry_after="1")], ids=ids
    )
    async def test_a_post_is_repeated_when_it_certainly_did_nothing(self, method, failure):
        transport, client = client_of(failure, says(202))
        assert (await client.request(method, "/v1")).status == 202
        assert len(transport.sent) == 2

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    @pytest.mark.parametrize("failure", [LOST, UNTRUSTED, 408, 425, 409, 500, 502, says(503), 504], ids=ids)
    async def test_a_post_that_may_have_acted_is_not_repeated(self, method, failure):
        transport, client = client_of(failure, says(202))
        with pytest.raises(PackCloudError):
            await client.request(method, "/v1")
        assert len(transport.sent) == 1

    @pytest.mark.parametrize("kind", ["orders", "products", "stocks", "shipping_services"])
    async def test_a_sync_is_a_post(self, kind):
        transport, client = client_of(504, says(202))
        with pytest.raises(ServerError):
            await getattr(integrations(client), f"sync_{kind}")("int_1")
        assert len(transport.sent) == 1

    async def test_foreign_errors_of_a_transport_are_bugs_and_pass(self):
        transport, client = client_of(LookupError("a bug"), GOOD)
        with pytest.raises(LookupError, match="a bug"):
            await integrations(client).get("int_1")
        assert len(transport.sent) == 1


class TestHowOften:
    @pytest.mark.parametrize("attempts", [1, 2, 5])
    async def test_attempts_count_the_first_one(self, attempts):
        transport, client = client_of(500, retry=RetryPolicy(attempts=attempts))
        with pytest.raises(ServerError):
            await integrations(client).get("int_1")
        assert len(transport.sent) == client.requests_sent == attempts

    async def test_the_last_error_is_raised_as_itself(self):
        transport, client = client_of(500, LOST, says(429, {"message": "Slow down."}))
        with pytest.raises(RateLimited, match=r"429 Too Many Requests: Slow down\."):
            await integrations(client).get("int_1")
        assert len(transport.sent) == 3

    @pytest.mark.parametrize("failure", [500, LOST, says(429, retry_after="1000")], ids=ids)
    async def test_nothing_of_the_machinery_is_seen_behind_the_error(self, failure):
        _, client = client_of(failure)
        with pytest.raises(PackCloudError) as caught:
            await integrations(client).get("int_1")
        assert all(isinstance(error, PackCloudError) for error in chain_of(caught.value))

    async def test_who_gives_up_waiting_sees_what_went_wrong_and_nothing_of_the_machinery(self):
        _, client = client_of(500)
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(5):
                await integrations(client).get("int_1")
        assert [type(error) for error in chain_of(caught.value)] == [
            TimeoutError,
            asyncio.CancelledError,
            ServerError,
        ]

    async def test_an_error_of_the_observer_passes(self):
        def broken(details):
            raise LookupError

        transport, client = client_of(500, on_retry=broken)
        with pytest.raises(LookupError) as caught:
            await integrations(client).get("int_1")
        assert [type(error) for error in chain_of(caught.value)] == [LookupError, ServerError]
        assert len(transport.sent) == 1

    async def test_the_cause_stays(self):
        async def lose(request):
            try:
                raise ConnectionResetError("by peer")
            except ConnectionResetError as error:
                raise TransportError("lost", maybe_sent=True) from error

        _, client = client_of(lose)
        with pytest.raises(TransportError) as caught:
            await integrations(client).get("int_1")
        assert type(caught.value.__cause__) is ConnectionResetError

    async def test_each_call_has_its_own_attempts(self):
        transport, client = client_of(500, 500, GOOD, 500, 500, GOOD)
        for _ in range(2):
            await integrations(client).get("int_1")
        assert len(transport.sent) == 6


class TestWhen:
    async def test_waits_grow_to_the_ceiling(self):
        policy = RetryPolicy(attempts=6, first=1, growth=3, ceiling=20)
        transport, client = client_of(500, retry=policy)
        with pytest.raises(ServerError):
            await integrations(client).get("int_1")
        assert transport.times == [0, 1, 4, 13, 33, 53]

    @pytest.mark.parametrize(("draw", "second"), [(0.0, 5.0), (0.5, 7.5), (1.0, 10.0)])
    async def test_jitter_takes_up_to_half_of_a_wait(self, dice, draw, second):
        transport, client = client_of(500, GOOD)
        dice["value"] = draw
        await integrations(client).get("int_1")
        assert transport.times == [0, second]

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    @pytest.mark.parametrize("draw", [0.0, 1.0])
    async def test_a_wish_in_seconds_is_waited_for_in_full(self, dice, draw, status):
        dice["value"] = draw
        transport, client = client_of(says(status, retry_after="37"), GOOD)
        await integrations(client).get("int_1")
        assert transport.times == [0, 37]

    @pytest.mark.parametrize(
        "wish", ["Thu, 01 Jan 2026 00:00:41 GMT", "Thursday, 01-Jan-26 00:00:41 GMT", "Thu Jan  1 00:00:41 2026"]
    )
    async def test_a_wish_as_a_date_is_held_against_the_date_of_the_answer(self, wish):
        limited = says(429, retry_after=wish, date="Thu, 01 Jan 2026 00:00:00 GMT")
        transport, client = client_of(limited, GOOD)
        await integrations(client).get("int_1")
        assert transport.times == [0, 41]

    @pytest.mark.parametrize("wish", ["0", "Thu, 01 Jan 2015 00:00:00 GMT"], ids=["zero", "past"])
    async def test_a_wish_for_now_is_no_wait(self, wish):
        transport, client = client_of(says(429, retry_after=wish), GOOD)
        await integrations(client).get("int_1")
        assert transport.times == [0, 0]

    @pytest.mark.parametrize("wish", ["soon", "", "-5", "1.5", "NaN"])
    async def test_a_wish_nobody_can_read_is_none(self, wish):
        transport, client = client_of(says(429, retry_after=wish), GOOD)
        await integrations(client).get("int_1")
        assert transport.times == [0, 10]

    async def test_the_longest_wish_that_is_granted(self):
        transport, client = client_of(says(429, retry_after="60"), GOOD)
        await integrations(client).get("int_1")
        assert transport.times == [0, 60]

    @pytest.mark.parametrize("wish", ["61", "999999999999", "Thu, 01 Jan 2026 00:01:01 GMT"])
    async def test_a_longer_one_is_told_at_once(self, wish):
        transport, client = client_of(says(429, retry_after=wish, date="Thu, 01 Jan 2026 00:00:00 GMT"), GOOD)
        with pytest.raises(RateLimited) as caught:
            await integrations(client).get("int_1")
        assert caught.value.retry_after >= 61
        assert transport.times == [0]
        assert asyncio.get_running_loop().time() == 0

    async def test_the_waits_are_no_part_of_the_total_timeout(self):
        transport, client = client_of(says(429, retry_after="50"), GOOD, timeouts=Timeouts(total=1))
        await integrations(client).get("int_1")
        assert transport.times == [0, 50]

    async def test_the_total_timeout_is_for_each_attempt(self):
        async def late(request):
            await asyncio.sleep(100)
            raise AssertionError("it was not cut off")

        transport, client = client_of(late, GOOD, timeouts=Timeouts(total=7))
        await integrations(client).get("int_1")
        assert transport.times == [0, 17]


class TestTheGate:
    async def test_one_refusal_with_a_wish_slows_every_request_of_the_client(self):
        transport, client = client_of(says(429, retry_after="30"), GOOD)

        async def later():
            await asyncio.sleep(5)
            await integrations(client).get("int_2")

        async with asyncio.TaskGroup() as group:
            group.create_task(integrations(client).get("int_1"))
            group.create_task(later())
        assert transport.times == [0, 30, 30]

    async def test_another_client_is_not_slowed(self):
        _, slowed = client_of(says(429, retry_after="30"), retry=RetryPolicy(attempts=1))
        transport, other = client_of(GOOD)
        with pytest.raises(RateLimited):
            await integrations(slowed).get("int_1")
        await integrations(other).get("int_1")
        assert transport.times == [0]

    @pytest.mark.parametrize(
        ("refusal", "second"),
        [
            (says(503, retry_after="30"), 30),
            (says(429, retry_after="999"), 60),
            (says(429), 0.5),
            (says(500, retry_after="30"), 0),
        ],
        ids=["503 with a wish", "a wish beyond the ceiling", "no wish", "not a refusal"],
    )
    async def test_the_next_call_waits_for_what_was_asked_up_to_the_ceiling(self, refusal, second):
        policy = RetryPolicy(attempts=1, retry_after_ceiling=60)
        transport, client = client_of(refusal, GOOD, retry=policy)
        with pytest.raises(ApiError):
            await integrations(client).get("int_1")
        await integrations(client).get("int_1")
        assert transport.times == [0, second]

    async def test_who_waits_to_try_again_holds_no_turn(self):
        transport, client = client_of(500, GOOD, max_connections=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(integrations(client).get("int_1"))
            group.create_task(integrations(client).get("int_2"))
        assert transport.times == [0, 0, 10]
        assert [url[-1] for url in transport.urls] == ["1", "2", "1"]

    async def test_first_come_first_served(self):
        async def slow(request):
            await asyncio.sleep(1)
            return GOOD

        transport, client = client_of(slow, max_connections=2)
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(integrations(client).get(f"int_{number}"))
        assert [url[-1] for url in transport.urls] == ["0", "1", "2", "3", "4", "5"]
        assert transport.times == [0, 0, 1, 1, 2, 2]


class TestDeletions:
    @pytest.mark.parametrize("doubt", [LOST, 500, 503, 504, 408], ids=ids)
    async def test_not_found_after_an_attempt_that_may_have_arrived_is_done(self, doubt):
        transport, client = client_of(doubt, 404)
        assert await integrations(client).delete("int_1") is None
        assert len(transport.sent) == 2

    async def test_not_found_after_doubt_two_attempts_ago_is_done(self):
        transport, client = client_of(LOST, UNSENT, 404)
        assert await integrations(client).delete("int_1") is None
        assert len(transport.sent) == 3

    async def test_not_found_at_first_is_not_found(self):
        _, client = client_of(404)
        with pytest.raises(NotFound):
            await integrations(client).delete("int_1")

    @pytest.mark.parametrize("harmless", [UNSENT, says(429), says(503, retry_after="1")], ids=ids)
    async def test_not_found_after_attempts_without_effect_is_not_found(self, harmless):
        _, client = client_of(harmless, 404)
        with pytest.raises(NotFound):
            await integrations(client).delete("int_1")

    async def test_a_new_call_knows_nothing_of_an_older_one(self):
        _, client = client_of(LOST, 404, retry=RetryPolicy(attempts=1))
        with pytest.raises(TransportError):
            await integrations(client).delete("int_1")
        with pytest.raises(NotFound):
            await integrations(client).delete("int_1")

    async def test_only_deleting_is_done_by_not_found(self):
        _, client = client_of(LOST, 404)
        with pytest.raises(NotFound):
            await integrations(client).update("int_1", name="New")


class TestWhoIsTold:
    async def test_the_observer_is_told_each_retry_once(self):
        told = []
        refused = says(429, {"message": "Slow down."}, retry_after="7")
        _, client = client_of(500, refused, GOOD, on_retry=told.append)
        await integrations(client).get("int_1")
        path = "/v1/organizations/org_1/integrations/int_1"
        assert [type(details.error) for details in told] == [ServerError, RateLimited]
        assert told == [
            RetryDetails(
                operation="integrations.get", method="GET", path=path, attempt=attempt, wait=wait, error=details.error
            )
            for details, attempt, wait in zip(told, (1, 2), (10, 7), strict=True)
        ]

    @pytest.mark.parametrize("failure", [404, says(429, retry_after="9999")], ids=ids)
    async def test_it_is_not_told_of_failures_that_are_not_tried_again(self, failure):
        told = []
        _, client = client_of(failure, on_retry=told.append)
        with pytest.raises(PackCloudError):
            await integrations(client).get("int_1")
        assert told == []

    async def test_it_is_not_told_of_the_last_failure(self):
        told = []
        _, client = client_of(500, on_retry=told.append)
        with pytest.raises(ServerError):
            await integrations(client).get("int_1")
        assert [details.attempt for details in told] == [1, 2]

    async def test_one_record_is_logged_for_each_retry(self, caplog):
        caplog.set_level(logging.DEBUG)
        _, client = client_of(500, LOST, GOOD)
        await integrations(client).get("int_1")
        assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
            ("packcloud_async", "INFO", "integrations.get failed (attempt 1), next try in 10.00 s: ServerError"),
            ("packcloud_async", "INFO", "integrations.get failed (attempt 2), next try in 20.00 s: TransportError"),
        ]
        assert [(record.operation, record.attempt, record.wait) for record in caplog.records] == [
            ("integrations.get", 1, 10),
            ("integrations.get", 2, 20),
        ]

    async def test_a_call_that_succeeds_logs_nothing(self, caplog):
        caplog.set_level(logging.DEBUG)
        _, client = client_of(GOOD)
        await integrations(client).get("int_1")
        assert caplog.records == []


class TestCancelling:
    async def cancelled_after(self, seconds, *answers, **options):
        transport, client = client_of(*answers, **options)
        reading = asyncio.create_task(integrations(client).get("int_1"))
        await asyncio.sleep(seconds)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.sleep(1000)
        return transport, client

    async def test_while_it_waits_to_try_again(self):
        transport, client = await self.cancelled_after(5, 500, GOOD)
        assert transport.times == [0]
        assert (await integrations(client).get("int_1")).id == "int_1"

    async def test_while_it_waits_for_an_answer(self):
        async def never(request):
            await asyncio.sleep(30)

        transport, client = await self.cancelled_after(5, never, GOOD, max_connections=1)
        assert transport.times == [0]
        assert (await integrations(client).get("int_1")).id == "int_1"

    async def test_what_was_cancelled_below_and_not_here_is_a_failed_attempt(self):
        async def cancelled(request):
            raise asyncio.CancelledError

        transport, client = client_of(cancelled, GOOD)
        assert (await integrations(client).get("int_1")).id == "int_1"
        assert len(transport.sent) == 2

    @pytest.mark.parametrize("raised", [LOST, UNSENT, ZeroDivisionError("below")], ids=repr)
    async def test_a_task_whose_cancellation_became_another_error_below_is_not_being_cancelled(self, raised):
        async def breaking(request):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                raise raised from None

        _, client = client_of(breaking, timeouts=Timeouts(total=5), retry=RetryPolicy(attempts=1))
        with pytest.raises(type(raised)):
            await integrations(client).get("int_1")
        assert asyncio.current_task().cancelling() == 0

    async def test_a_cancellation_and_a_timeout_at_the_same_instant_is_a_cancellation(self):
        async def never(request):
            await asyncio.sleep(30)

        transport, _ = await self.cancelled_after(5, never, GOOD, timeouts=Timeouts(total=5))
        assert transport.times == [0]


async def test_a_client_closed_while_it_waits_to_try_again_sends_nothing_more():
    transport, client = client_of(500, GOOD)
    reading = asyncio.create_task(integrations(client).get("int_1"))
    await asyncio.sleep(0.2)
    await client.aclose()
    assert asyncio.get_running_loop().time() == 0.2
    with pytest.raises(ClientStateError, match="was closed during GET"):
        await reading
    assert asyncio.get_running_loop().time() == 0.2
    assert transport.times == [0]


async def test_a_refused_credential_is_not_an_attempt():
    class Rotating:
        keys = iter("abcdef")

        async def headers(self, *, refused):
            return {"X-Key": next(self.keys)}

    transport, client = client_of(401, 500, 401, 500, 401, GOOD, token=None, auth=Rotating())
    assert (await integrations(client).get("int_1")).id == "int_1"
    assert transport.times == [0, 0, 10, 10, 30, 30]
    with pytest.raises(StopIteration):
        next(Rotating.keys)


async def test_unauthorized_is_not_tried_again():
    transport, client = client_of(401, GOOD)
    with pytest.raises(Unauthorized):
        await integrations(client).get("int_1")
    assert transport.times == [0]
