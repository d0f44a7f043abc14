"""AsyncSyncJob on virtual time against the emulator: outcomes, order of events, cancelling, resuming."""

import asyncio
import json
import random
import time
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from packcloud_async import (
    Advanced,
    AsyncSyncJob,
    BaselineRead,
    ClientStateError,
    ConfigurationError,
    Conflict,
    Direction,
    Finished,
    Fired,
    InvalidResponse,
    NotFound,
    OnConflict,
    Outcome,
    PackCloudClient,
    PollPolicy,
    ReadMade,
    Response,
    Retrying,
    RetryPolicy,
    ServerError,
    SyncError,
    SyncKind,
    TransportError,
    Unauthorized,
    ValidationFailed,
)
from packcloud_async.emulator import FaultPlan

from .support.shop import STEADY, open_shop, slow_to_cancel

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
READS = {"integration", "integrations"}


def moving(shop, *moves, kind=ORDERS, integration="int_1"):
    shop.emulator.plan_sync("org_1", integration, kind, moves=list(moves))


def finding_nothing(shop, kind=ORDERS, integration="int_1"):
    shop.emulator.plan_sync("org_1", integration, kind, moves=[], takes=1)


class TestOutcomes:
    async def test_a_moved_watermark_is_advanced_with_before_and_after(self):
        async with open_shop() as shop:
            before = (await shop.org.integrations.get("int_2")).order_sync_updated_at
            moving(shop, (5.0, "2026-03-01T10:00:00Z"), integration="int_2")
            result = await shop.org.sync("int_2", ORDERS, poll=STEADY)
        outcome = result[ORDERS]
        assert (outcome.state, outcome.before, outcome.after) == (Outcome.ADVANCED, before, "2026-03-01T10:00:00Z")
        assert outcome.steps[0].direction is Direction.FORWARD
        # Read at ages 1, 2, 3, 4.5 and 6.75.
        assert outcome.seen_at == pytest.approx(6.75)
        assert result.raise_for_outcome() is result

    async def test_null_to_a_value_is_a_change(self):
        async with open_shop() as shop:
            moving(shop, (1.5, "2026-03-01T10:00:00Z"))
            outcome = (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS]
        assert (outcome.before, outcome.steps[0].direction) == (None, Direction.FROM_NULL)

    async def test_nothing_found_is_quiet_after_one_more_look_at_the_deadline(self):
        async with open_shop() as shop:
            finding_nothing(shop)
            result = await shop.org.sync("int_1", ORDERS, poll=STEADY)
        assert result[ORDERS].state is Outcome.QUIET
        assert result[ORDERS].error is None
        assert not result.failed
        assert shop.transport.sent[-1].at == pytest.approx(60)
        assert result.elapsed == pytest.approx(60)

    async def test_no_request_follows_the_outcome(self):
        async with open_shop() as shop:
            moving(shop, (2.0, None))
            await shop.org.sync("int_1", ORDERS, poll=STEADY)
            sent = len(shop.transport.sent)
            await asyncio.sleep(1000)
            assert len(shop.transport.sent) == sent

    async def test_a_kind_without_watermark_ends_on_acceptance_without_a_read(self):
        async with open_shop() as shop:
            result = await shop.org.sync("int_1", STOCKS, SERVICES, poll=STEADY)
        assert {kind: outcome.state for kind, outcome in result.kinds.items()} == {
            STOCKS: Outcome.UNOBSERVABLE,
            SERVICES: Outcome.UNOBSERVABLE,
        }
        assert [sent.method for sent in shop.transport.sent] == ["GET", "POST", "POST"]

    async def test_a_watermark_the_payload_happens_to_carry_is_used(self):
        async with open_shop(extra_watermarks=[STOCKS]) as shop:
            moving(shop, (2.0, None), kind=STOCKS)
            assert (await shop.org.sync("int_1", STOCKS, poll=STEADY))[STOCKS].state is Outcome.ADVANCED

    async def test_a_documented_watermark_the_payload_lacks_is_unobservable(self):
        async with open_shop(absent_watermarks=[ORDERS]) as shop:
            assert (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS].state is Outcome.UNOBSERVABLE

    async def test_a_refused_post_is_rejected_with_the_reason(self):
        async with open_shop(faults=FaultPlan(routes={"sync_orders"}, script=[422])) as shop:
            result = await shop.org.sync("int_1", ORDERS, poll=STEADY)
        assert result[ORDERS].state is Outcome.REJECTED
        assert isinstance(result[ORDERS].error, ValidationFailed)
        with pytest.raises(SyncError, match=r"org_1/int_1: orders rejected .*422"):
            result.raise_for_outcome()

    async def test_a_post_that_never_left_is_tried_again_and_then_rejected(self):
        async with open_shop(faults=FaultPlan(routes={"sync_orders"}, script=["refuse"] * 4)) as shop:
            outcome = (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS]
        assert outcome.state is Outcome.REJECTED
        assert isinstance(outcome.error, TransportError)
        assert not outcome.error.maybe_sent
        assert shop.transport.count("POST") == 4

    @pytest.mark.parametrize("fault", ["drop_before", 500, 502, 503, 504, 408])
    async def test_a_post_that_may_have_arrived_is_never_sent_again(self, fault):
        async with open_shop(faults=FaultPlan(routes={"sync_orders"}, script=[fault])) as shop:
            outcome = (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS]
        assert outcome.state is Outcome.AMBIGUOUS
        assert outcome.error is not None
        assert shop.transport.count("POST") == 1

    async def test_a_post_that_did_arrive_without_an_answer_advances(self):
        async with open_shop(faults=FaultPlan(routes={"sync_orders"}, script=["drop_after"])) as shop:
            moving(shop, (3.0, None))
            outcome = (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS]
        assert outcome.state is Outcome.ADVANCED
        assert isinstance(outcome.error, TransportError)
        assert shop.emulator.counters.duplicate_posts == 0

    async def test_an_ambiguous_post_of_a_kind_without_watermark_ends_at_once(self):
        async with open_shop(faults=FaultPlan(routes={"sync_stocks"}, script=["drop_after"])) as shop:
            result = await shop.org.sync("int_1", STOCKS, poll=STEADY)
        assert result[STOCKS].state is Outcome.AMBIGUOUS
        assert result.elapsed == 0

    async def test_a_truncated_acceptance_is_an_acceptance(self):
        async with open_shop(faults=FaultPlan(routes={"sync_stocks"}, script=["bad_json"])) as shop:
            assert (await shop.org.sync("int_1", STOCKS, poll=STEADY))[STOCKS].state is Outcome.UNOBSERVABLE

    async def test_a_deleted_integration_is_gone_after_the_grace(self):
        async with open_shop() as shop:
            finding_nothing(shop)
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
                await asyncio.sleep(5)
                shop.emulator.delete("org_1", "int_1")
            result = syncing.result()
        outcome = result[ORDERS]
        assert outcome.state is Outcome.GONE
        assert isinstance(outcome.error, NotFound)
        unfound = [sighting.at for sighting in result.timeline if sighting.error is not None]
        assert len(unfound) >= 2
        assert unfound[-1] - unfound[0] >= STEADY.gone_after

    async def test_a_404_that_passes_is_forgiven(self):
        async def unfound_twice(request, send):
            response = await send(request)
            if request.url.endswith("int_1") and 1 <= asyncio.get_running_loop().time() <= 2:
                return attrs.evolve(response, status=404)
            return response

        async with open_shop(step_in=unfound_twice) as shop:
            moving(shop, (20.0, None))
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
                group.create_task(shop.org.sync("int_2", ORDERS, poll=STEADY))
            result = syncing.result()
        assert result[ORDERS].state is Outcome.ADVANCED
        assert [type(sighting.error) for sighting in result.timeline if sighting.error] == [NotFound, NotFound]

    async def test_a_404_that_the_list_contradicts_is_not_believed(self):
        async with open_shop(faults=FaultPlan(routes={"integration"}, script=[None, *[404] * 100])) as shop:
            moving(shop, (20.0, None))
            result = await shop.org.sync("int_1", ORDERS, poll=STEADY)
        assert result[ORDERS].state is Outcome.ADVANCED
        # Looked up in the list when it would count as gone, and read from the list from then on.
        assert [sighting.at for sighting in result.timeline if sighting.error][-1] < 1 + STEADY.gone_after
        assert result.timeline[-1].shared

    async def test_410_is_gone_at_once(self):
        async with open_shop(faults=FaultPlan(routes={"integration"}, script=[None, 410])) as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            shop.emulator.delete("org_1", "int_1")
            result = await job
        assert result[ORDERS].state is Outcome.GONE
        assert result.elapsed == pytest.approx(1)

    async def test_when_the_organization_stops_answering_nothing_is_called_gone(self):
        async with open_shop() as shop:
            finding_nothing(shop)
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
                await asyncio.sleep(5)
                shop.emulator.set_faults(FaultPlan(routes=READS, script=[404] * 1000))
            outcome = syncing.result()[ORDERS]
        assert outcome.state is Outcome.UNREAD
        assert isinstance(outcome.error, NotFound)

    async def test_reads_that_fail_to_the_end_are_unread(self):
        async with open_shop() as shop:
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
                await asyncio.sleep(0.5)
                shop.emulator.set_faults(FaultPlan(routes=READS, server_error=1))
            result = syncing.result()
        assert result[ORDERS].state is Outcome.UNREAD
        assert isinstance(result[ORDERS].error, ServerError)
        assert result.elapsed >= 60

    async def test_reads_that_fail_for_a_while_do_not_end_the_watch(self):
        async with open_shop(faults=FaultPlan(routes={"integration"}, script=[None, 500, 500, "drop_before"])) as shop:
            moving(shop, (2.0, None))
            assert (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS].state is Outcome.ADVANCED

    async def test_a_lost_credential_ends_the_watch_at_once(self):
        async with open_shop() as shop:
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
                await asyncio.sleep(0.5)
                shop.emulator.set_token("another")
            result = syncing.result()
        assert result[ORDERS].state is Outcome.UNREAD
        assert isinstance(result[ORDERS].error, Unauthorized)
        assert result.elapsed == pytest.approx(1)

    async def test_a_watermark_that_stops_being_sent_is_unread(self):
        async def without_orders(request, send):
            response = await send(request)
            if request.method == "POST" or not posted:
                posted.append(request)
                return response
            body = json.loads(response.body)
            del body["data"]["order_sync_updated_at"]
            return attrs.evolve(response, body=json.dumps(body).encode())

        posted = []
        async with open_shop(step_in=without_orders) as shop:
            outcome = (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS]
        assert outcome.state is Outcome.UNREAD
        assert isinstance(outcome.error, InvalidResponse)


class TestConflict:
    async def test_a_running_sync_is_joined_and_said_so(self):
        async with open_shop(conflict_while_running=True) as shop:
            moving(shop, (4.0, None))
            await shop.org.integrations.sync_orders("int_1")
            outcome = (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS]
        assert outcome.state is Outcome.ADVANCED
        assert isinstance(outcome.error, Conflict)

    async def test_a_running_sync_of_a_kind_without_watermark_is_unobservable(self):
        async with open_shop(conflict_while_running=True) as shop:
            shop.emulator.plan_sync("org_1", "int_1", STOCKS, moves=[], takes=10)
            await shop.org.integrations.sync_stocks("int_1")
            outcome = (await shop.org.sync("int_1", STOCKS, poll=STEADY))[STOCKS]
        assert (outcome.state, type(outcome.error)) == (Outcome.UNOBSERVABLE, Conflict)

    async def test_a_running_sync_is_rejected_when_asked(self):
        async with open_shop(conflict_while_running=True) as shop:
            moving(shop, (4.0, None))
            await shop.org.integrations.sync_orders("int_1")
            result = await shop.org.sync("int_1", ORDERS, poll=STEADY, on_conflict=OnConflict.REJECT)
        assert result[ORDERS].state is Outcome.REJECTED


class TestOrderOfEvents:
    async def test_baseline_then_posts_then_reads(self):
        async with open_shop() as shop:
            moving(shop, (1.5, None))
            await shop.org.sync("int_1", ORDERS, poll=STEADY)
        assert [(sent.method, sent.path) for sent in shop.transport.sent[:3]] == [
            ("GET", "org_1/integrations/int_1"),
            ("POST", "org_1/integrations/int_1/orders/sync"),
            ("GET", "org_1/integrations/int_1"),
        ]

    async def test_without_a_baseline_nothing_is_posted(self):
        async with open_shop() as shop:
            with pytest.raises(NotFound):
                await shop.org.sync("int_99", ORDERS, poll=STEADY)
        assert shop.transport.count("POST") == 0

    async def test_several_kinds_are_several_posts_and_one_shared_read(self):
        async with open_shop() as shop:
            for kind in (ORDERS, PRODUCTS):
                moving(shop, (1.5, None), kind=kind)
            result = await shop.org.sync("int_1", ORDERS, PRODUCTS, poll=STEADY)
        assert {outcome.state for outcome in result.kinds.values()} == {Outcome.ADVANCED}
        assert shop.transport.count("POST") == 2
        assert shop.transport.times("GET") == pytest.approx([0, 1, 2])

    async def test_one_kind_that_moves_does_not_end_the_other(self):
        async with open_shop() as shop:
            moving(shop, (1.5, None))
            finding_nothing(shop, PRODUCTS)
            result = await shop.org.sync("int_1", ORDERS, PRODUCTS, poll=STEADY)
        assert [result[kind].state for kind in (ORDERS, PRODUCTS)] == [Outcome.ADVANCED, Outcome.QUIET]
        assert result[ORDERS].seen_at == pytest.approx(2)

    async def test_settle_keeps_every_step(self):
        async with open_shop() as shop:
            moving(shop, (1.5, None), (3.5, None), (6.0, None))
            poll = attrs.evolve(STEADY, settle=5)
            result = await shop.org.sync("int_1", ORDERS, poll=poll)
        outcome = result[ORDERS]
        assert outcome.state is Outcome.ADVANCED
        assert len(outcome.steps) == 3
        assert outcome.after == outcome.steps[-1].after
        assert result.elapsed == pytest.approx(outcome.steps[-1].seen_at + 5)

    async def test_going_back_to_an_old_value_is_no_news(self):
        async with open_shop() as shop:
            old = (await shop.org.integrations.get("int_2")).order_sync_updated_at
            moving(shop, (1.5, "2026-03-01T10:00:00Z"), (2.5, old), integration="int_2")
            outcome = (await shop.org.sync("int_2", ORDERS, poll=attrs.evolve(STEADY, settle=10)))[ORDERS]
        assert len(outcome.steps) == 1

    async def test_a_change_of_format_is_no_news(self):
        async with open_shop() as shop:
            finding_nothing(shop, integration="int_2")
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(shop.org.sync("int_2", ORDERS, poll=STEADY))
                await asyncio.sleep(0.5)
                shop.emulator.set_faults(FaultPlan(watermark_format="offset"))
            assert syncing.result()[ORDERS].state is Outcome.QUIET

    async def test_events_drive_the_job_and_come_in_order(self):
        async with open_shop() as shop:
            moving(shop, (1.5, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            events = [event async for event in job.events()]
            result = await job
        kinds = [BaselineRead, Fired, ReadMade, ReadMade, Advanced, Finished]
        assert [type(event) for event in events] == kinds
        assert [event.at for event in events] == pytest.approx([0, 0, 1, 2, 2, 2])
        assert events[-1].result is result

    async def test_events_are_told_as_they_happen_while_another_task_drives(self):
        told = []

        async def listen(job):
            async for event in job.events():
                told.append((type(event), asyncio.get_running_loop().time()))

        async with open_shop() as shop, asyncio.TaskGroup() as group:
            moving(shop, (1.5, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            group.create_task(listen(job))
            group.create_task(_await(job))
        assert [at for _, at in told] == pytest.approx([0, 0, 1, 2, 2, 2])

    async def test_a_retried_post_is_an_event(self):
        async with open_shop(faults=FaultPlan(routes={"sync_orders"}, script=[429], retry_after=3)) as shop:
            moving(shop, (1.5, None))
            events = [event async for event in shop.org.sync_job("int_1", ORDERS, poll=STEADY).events()]
        retries = [event for event in events if isinstance(event, Retrying)]
        assert [(event.kind, event.details.attempt, event.details.wait) for event in retries] == [(ORDERS, 1, 3)]

    async def test_a_retried_read_is_an_event_too(self):
        script = [503, *[None] * 12, 500]
        async with open_shop(faults=FaultPlan(routes={"integration"}, script=script)) as shop:
            finding_nothing(shop)
            events = [event async for event in shop.org.sync_job("int_1", ORDERS, poll=STEADY).events()]
        retries = [(event.kind, event.details.error.status) for event in events if isinstance(event, Retrying)]
        # The baseline and the last look are repeated; a read in between is not.
        assert retries == [(None, 503), (None, 500)]
        assert events[-1].result[ORDERS].state is Outcome.QUIET

    async def test_events_alone_do_not_hammer_a_server_that_fails(self):
        async def fail_after_the_post(request, send):
            if request.method == "GET" and shop.transport.count("POST"):
                await asyncio.sleep(0.01)
                return Response(500)
            return await send(request)

        async with open_shop(step_in=fail_after_the_post) as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=attrs.evolve(STEADY, deadline=10))
            async with asyncio.timeout(200):
                events = [event async for event in job.events()]
        assert events[-1].result[ORDERS].state is Outcome.UNREAD
        # The last look is tried four times; every read before it once.
        assert sum(isinstance(event, Retrying) for event in events) == 3
        assert shop.transport.count("GET") <= 11

    async def test_a_rotating_credential_sends_the_post_once_more_and_is_recorded_right(self):
        class Rotating:
            key = "old"

            async def headers(self, *, refused):
                self.key = shop.emulator.token if refused else self.key
                return {"Authorization": f"Bearer {self.key}"}

        async with open_shop() as shop:
            baseline = await shop.org.integrations.get("int_1")
            async with PackCloudClient(auth=Rotating(), transport=shop.emulator.transport()) as client:
                job = AsyncSyncJob(client, "org_1", "int_1", kinds={ORDERS}, poll=STEADY, baseline=baseline)
                assert (await job)[ORDERS].state is Outcome.ADVANCED
            assert len(shop.emulator.books.runs) == 1

    async def test_leaving_the_events_early_leaves_nothing_behind(self):
        async with open_shop() as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            async for event in job.events():
                if isinstance(event, ReadMade):
                    break
            sent = len(shop.transport.sent)
            await asyncio.sleep(1000)
            assert len(shop.transport.sent) == sent
            assert (await job)[ORDERS].state is Outcome.ADVANCED

    async def test_the_timeline_holds_baseline_and_every_read(self):
        async with open_shop(faults=FaultPlan(routes={"integration"}, script=[None, 500])) as shop:
            moving(shop, (1.5, "2026-03-01T10:00:00Z"))
            result = await shop.org.sync("int_1", ORDERS, poll=STEADY)
        assert [sighting.at for sighting in result.timeline] == pytest.approx([0, 1, 2])
        assert [type(sighting.error) for sighting in result.timeline] == [type(None), ServerError, type(None)]
        assert result.timeline[-1].watermarks[ORDERS] == "2026-03-01T10:00:00Z"


async def _await(job):
    return await job


def earlier(token, *, seconds):
    """The same token, written so many seconds of the wall clock ago, which does not jump with the loop's."""
    record = json.loads(token)
    for name in ("started", "watched"):
        record[name] = (datetime.fromisoformat(record[name]) - timedelta(seconds=seconds)).isoformat()
    return json.dumps(record)


class TestUse:
    async def test_awaiting_again_gives_the_same_result(self):
        async with open_shop() as shop:
            job = shop.org.sync_job("int_1", STOCKS)
            assert await job is await job
            assert shop.transport.count("POST") == 1

    async def test_two_tasks_that_await_one_job_get_one_result(self):
        async with open_shop() as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_await(job)) for _ in range(3)]
            assert len({id(task.result()) for task in tasks}) == 1
            assert shop.transport.count("POST") == 1

    async def test_wait_before_fire_is_refused(self):
        async with open_shop() as shop:
            with pytest.raises(SyncError, match="fire"):
                await shop.org.sync_job("int_1", ORDERS).wait()

    @pytest.mark.parametrize("poll", [5, "fast", PollPolicy], ids=repr)
    async def test_an_unusable_policy_is_refused_before_anything_is_sent(self, poll):
        async with open_shop() as shop:
            with pytest.raises(ConfigurationError, match="poll must be a PollPolicy"):
                shop.org.sync_job("int_1", ORDERS, poll=poll)
            with pytest.raises(ConfigurationError, match="poll must be a PollPolicy"):
                shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=poll)
            with pytest.raises(ConfigurationError, match="poll must be a PollPolicy"):
                AsyncSyncJob.resume(shop.client, shop.org.sync_job("int_1", ORDERS).token, poll=poll)

    @pytest.mark.parametrize(
        ("kinds", "told"), [((), "at least one"), (("order",), "order"), ((None,), "None")], ids=repr
    )
    async def test_unusable_kinds_are_named(self, kinds, told):
        async with open_shop() as shop:
            with pytest.raises(ConfigurationError, match=told):
                shop.org.sync_job("int_1", *kinds)

    async def test_kinds_may_be_texts(self):
        async with open_shop() as shop:
            assert list(await shop.org.sync("int_1", "stocks")) == [STOCKS]

    async def test_an_infinite_deadline_waits_for_the_change(self):
        async with open_shop() as shop:
            moving(shop, (100_000.0, None))
            outcome = (await shop.org.sync("int_1", ORDERS, poll=attrs.evolve(STEADY, deadline=None)))[ORDERS]
        assert outcome.seen_at == pytest.approx(100_000, abs=STEADY.ceiling)

    async def test_two_jobs_on_one_integration_share_their_reads(self):
        async with open_shop() as shop:
            for kind in (ORDERS, PRODUCTS):
                moving(shop, (5.0, None), kind=kind)
            async with asyncio.TaskGroup() as group:
                for kind in (ORDERS, PRODUCTS):
                    group.create_task(shop.org.sync("int_1", kind, poll=STEADY))
        # Two baselines, then one read at each of the ages 1, 2, 3, 4.5 and 6.75.
        assert shop.transport.times("GET") == pytest.approx([0, 0, 1, 2, 3, 4.5, 6.75])


class TestCancelAndResume:
    @pytest.mark.parametrize("latency", [0.0, 0.4], ids=["instant", "slow"])
    @pytest.mark.parametrize("tenths", range(0, 60, 2))
    async def test_cancelled_at_any_time_a_job_leaves_nothing_and_resumes_without_a_second_post(self, tenths, latency):
        async with open_shop(faults=FaultPlan(latency=latency)) as shop:
            moving(shop, (3.0, None))
            moving(shop, (3.0, None), kind=PRODUCTS)
            job = shop.org.sync_job("int_1", ORDERS, PRODUCTS, poll=STEADY)
            try:
                async with asyncio.timeout(tenths / 10):
                    await job
            except TimeoutError:
                pass
            token = job.token
            sent = len(shop.transport.sent)
            await asyncio.sleep(100)
            assert len(shop.transport.sent) == sent
            async with shop.connect() as other:
                result = await AsyncSyncJob.resume(other, token)
        assert {outcome.state for outcome in result.kinds.values()} == {Outcome.ADVANCED}
        assert shop.emulator.counters.duplicate_posts == 0
        assert len(shop.emulator.books.runs) == 2

    async def test_a_cancelled_job_can_be_awaited_again(self):
        async with open_shop() as shop:
            moving(shop, (5.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2.5):
                    await job
            assert (await job)[ORDERS].state is Outcome.ADVANCED
            assert shop.transport.count("POST") == 1

    async def test_awaited_again_after_its_window_the_last_look_is_repeated_if_it_fails(self):
        async with open_shop(client={"retry": RetryPolicy(first=0.5)}) as shop:
            finding_nothing(shop)
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2.5):
                    await job
            await asyncio.sleep(100)
            shop.emulator.set_faults(FaultPlan(routes={"integration"}, script=[500, 500]))
            assert (await job)[ORDERS].state is Outcome.QUIET

    async def test_settling_keeps_every_step_also_across_a_resume(self):
        poll = PollPolicy(first=1, growth=1.5, ceiling=60, deadline=600, jitter=0, settle=20)
        async with open_shop() as shop:
            moving(shop, (100.0, None), (118.0, None), (126.0, None), (130.0, None))
            async with shop.connect() as before:
                job = AsyncSyncJob(before, "org_1", "int_1", kinds={ORDERS}, poll=poll)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(116.5):
                        await job
            assert len(json.loads(job.token)["kinds"]["orders"]["steps"]) == 1
            result = await AsyncSyncJob.resume(shop.client, earlier(job.token, seconds=116.5))
            seen = shop.emulator.books.of("org_1", "int_1", ORDERS)[0].moves
        assert [step.after for step in result[ORDERS].steps] == [value for _, value in seen]
        assert result.elapsed == pytest.approx(result[ORDERS].steps[-1].seen_at + 20, abs=0.1)

    async def test_a_waiting_task_takes_over_from_a_cancelled_driver(self):
        async with open_shop() as shop:
            moving(shop, (5.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            driver = asyncio.create_task(_await(job))
            await asyncio.sleep(0.5)
            async with asyncio.TaskGroup() as group:
                waiter = group.create_task(_await(job))
                await asyncio.sleep(1)
                driver.cancel()
            assert waiter.result()[ORDERS].state is Outcome.ADVANCED
            assert driver.cancelled()

    async def test_a_post_cut_off_by_cancelling_is_recorded_as_sent(self):
        async with open_shop(faults=FaultPlan(routes={"sync_orders"}, latency=1)) as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await job.fire()
            assert json.loads(job.token)["kinds"]["orders"]["phase"] == "sent"

    async def test_a_post_that_waits_to_be_sent_again_is_not_recorded_as_sent(self):
        async with open_shop(faults=FaultPlan(routes={"sync_orders"}, script=[429], retry_after=10)) as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    await job.fire()
            assert json.loads(job.token)["kinds"]["orders"]["phase"] == "planned"
            assert (await job)[ORDERS].state is Outcome.ADVANCED

    async def test_fire_save_and_resume_in_another_process(self):
        async with open_shop() as shop:
            moving(shop, (5.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            resumed = AsyncSyncJob.resume(shop.client, job.token)
            result = await resumed
        assert result[ORDERS].state is Outcome.ADVANCED
        assert shop.transport.count("POST") == 1
        # One baseline; then the resumed job looks at once.
        assert shop.transport.times("GET")[:2] == [0, 0]

    async def test_a_token_from_before_firing_starts_from_the_beginning(self):
        async with open_shop() as shop:
            token = shop.org.sync_job("int_1", STOCKS).token
            assert (await AsyncSyncJob.resume(shop.client, token))[STOCKS].state is Outcome.UNOBSERVABLE

    @pytest.mark.parametrize(("moved", "state"), [(True, Outcome.ADVANCED), (False, Outcome.QUIET)])
    async def test_resumed_long_after_its_window_one_read_decides(self, moved, state):
        async with open_shop() as shop:
            moving(shop, *([(5.0, None)] if moved else []))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            await asyncio.sleep(3600)
            record = json.loads(job.token)
            for name in ("started", "watched"):
                record[name] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
            sent = len(shop.transport.sent)
            result = await AsyncSyncJob.resume(shop.client, json.dumps(record))
        assert result[ORDERS].state is state
        assert len(shop.transport.sent) == sent + 1
        assert result.elapsed == pytest.approx(3600, abs=5)

    async def test_a_finished_job_resumes_to_the_same_outcomes_without_a_request(self):
        async with open_shop(faults=FaultPlan(routes={"sync_stocks"}, script=[422])) as shop:
            job = shop.org.sync_job("int_1", ORDERS, STOCKS, poll=STEADY)
            first = await job
            sent = len(shop.transport.sent)
            again = await AsyncSyncJob.resume(shop.client, job.token)
        assert len(shop.transport.sent) == sent
        assert again[ORDERS] == first[ORDERS]
        assert again[STOCKS].state is Outcome.REJECTED
        assert "ValidationFailed 422" in str(again[STOCKS].error)

    async def test_a_wall_clock_that_went_back_does_not_lengthen_the_window(self):
        async with open_shop() as shop:
            finding_nothing(shop)
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            record = json.loads(job.token)
            for name in ("started", "watched"):
                record[name] = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            began = asyncio.get_running_loop().time()
            await AsyncSyncJob.resume(shop.client, json.dumps(record))
            assert asyncio.get_running_loop().time() - began == pytest.approx(60)

    async def test_resume_can_replace_the_policy(self):
        async with open_shop() as shop:
            finding_nothing(shop)
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            result = await AsyncSyncJob.resume(shop.client, job.token, poll=attrs.evolve(STEADY, deadline=5))
        assert result.elapsed == pytest.approx(5, abs=1)

    async def test_closing_the_client_ends_the_wait_with_a_clear_error_and_the_token_resumes(self):
        async with open_shop() as shop:
            moving(shop, (5.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            waiting = asyncio.create_task(_await(job))
            await asyncio.sleep(2.5)
            await shop.client.aclose()
            with pytest.raises(ClientStateError, match="token resumes"):
                await waiting
            with pytest.raises(ClientStateError, match="closed"):
                await job
            async with shop.connect() as other:
                assert (await AsyncSyncJob.resume(other, job.token))[ORDERS].state is Outcome.ADVANCED

    async def test_closing_the_client_during_the_post_keeps_it_recorded_as_sent(self):
        async with open_shop(faults=FaultPlan(routes={"sync_orders"}, latency=1)) as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            firing = asyncio.create_task(job.fire())
            await asyncio.sleep(0.5)
            await shop.client.aclose()
            with pytest.raises(ClientStateError, match="closed during POST"):
                await firing
            assert json.loads(job.token)["kinds"]["orders"]["phase"] == "sent"

    async def test_the_token_is_saved_before_each_post_leaves(self):
        saved = []

        async def save(token):
            sent = {kind for kind, state in json.loads(token)["kinds"].items() if state["phase"] == "sent"}
            await asyncio.sleep(0.5)
            arrived = {run.kind for run in shop.emulator.books.runs}
            saved.append((sent, arrived))

        async with open_shop() as shop:
            job = AsyncSyncJob(shop.client, "org_1", "int_1", kinds={ORDERS, STOCKS}, poll=STEADY, save=save)
            await job.fire()
            assert {run.kind for run in shop.emulator.books.runs} == {ORDERS, STOCKS}
            await AsyncSyncJob.resume(shop.connect(), job.token, save=save)
        (first, arrived_first), (second, arrived_second) = saved
        assert len(first) == 1
        assert second == {ORDERS, STOCKS}
        # None had arrived while its own token was being saved.
        assert not arrived_first & first
        assert not arrived_second - first

    async def test_the_token_is_saved_again_before_a_post_is_sent_again(self):
        saved = []

        async def save(token):
            saved.append(json.loads(token)["kinds"]["orders"]["phase"])

        async with open_shop(faults=FaultPlan(script=[None, 429, None])) as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY, save=save)
            await job.fire()
            assert saved == ["sent", "sent"]
            assert json.loads(job.token)["kinds"]["orders"]["phase"] == "accepted"
            await job
        # Neither with the answer nor with the result.
        assert len(saved) == 2

    async def test_what_cannot_be_saved_is_not_sent(self):
        async def save(token):
            raise OSError("no room")

        async with open_shop() as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY, save=save)
            with pytest.raises(OSError, match="no room"):
                await job
            assert shop.emulator.books.runs == []
            # As if nothing had happened: it may be tried again, and by another process too.
            result = await AsyncSyncJob.resume(shop.client, job.token)
            assert len(shop.emulator.books.runs) == 1
        assert result[ORDERS].state in {Outcome.ADVANCED, Outcome.QUIET}

    async def test_the_token_holds_no_secret(self):
        async with open_shop(token="canary-token") as shop:
            job = shop.org.sync_job("int_1", ORDERS, STOCKS, poll=STEADY)
            await job
            settings = await shop.org.integrations.settings("int_1")
        assert "canary" not in job.token
        for value in settings.values():
            assert not isinstance(value, str) or value not in job.token

    async def test_a_job_fired_long_after_it_was_made_keeps_its_whole_window(self):
        async with open_shop() as shop:
            moving(shop, (5.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            made = json.loads(job.token)["started"]
            time.sleep(0.05)  # noqa: ASYNC251 - the wall clock is to go on, the loop is not
            await job.fire()
            record = json.loads(job.token)
            assert record["started"] > made
            assert record["watched"] >= record["started"]
            resumed = AsyncSyncJob.resume(shop.client, job.token)
            assert (await resumed)[ORDERS].state is Outcome.ADVANCED

    async def test_waiting_while_another_task_fires_waits_for_both(self):
        async with open_shop(faults=FaultPlan(latency=0.5)) as shop:
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            async with asyncio.TaskGroup() as group:
                group.create_task(job.fire())
                await asyncio.sleep(0.2)
                waiting = group.create_task(job.wait())
            assert waiting.result()[ORDERS].state is Outcome.ADVANCED

    async def test_detaching_from_elsewhere_ends_the_wait_with_a_clear_error(self):
        async with open_shop() as shop:
            moving(shop, (5.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
            waiting = asyncio.create_task(_await(job))
            await asyncio.sleep(1.5)
            await job.detach()
            with pytest.raises(SyncError, match="detached"):
                await waiting
            assert (await job)[ORDERS].state is Outcome.ADVANCED

    async def test_a_foreign_fault_in_a_post_comes_out_as_it_is(self):
        async def break_down(request, send):
            if request.method == "POST":
                raise ZeroDivisionError
            return await send(request)

        async with open_shop(step_in=break_down) as shop:
            with pytest.raises(ZeroDivisionError):
                await shop.org.sync("int_1", ORDERS, poll=STEADY)

    async def test_closing_cancelled_in_the_middle_still_closes(self):
        async with open_shop(step_in=slow_to_cancel, faults=FaultPlan(latency=0.7)) as shop:
            waiting = asyncio.create_task(_await(shop.org.sync_job("int_1", ORDERS, poll=STEADY)))
            await asyncio.sleep(2.6)
            closing = asyncio.create_task(shop.client.aclose())
            await asyncio.sleep(0.5)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            with pytest.raises(ClientStateError):
                await waiting
            assert asyncio.all_tasks() == {asyncio.current_task()}


class TestPacing:
    async def test_jitter_spreads_jobs_from_the_first_read(self):
        random.seed(1)
        poll = PollPolicy(first=10, jitter=0.2)
        async with open_shop(organizations=50, integrations=1) as shop, asyncio.TaskGroup() as group:
            for number in range(1, 51):
                organization = shop.client.organization(f"org_{number}")
                group.create_task(organization.sync("int_1", ORDERS, poll=poll))
        first_reads = {}
        for sent in shop.transport.sent:
            if sent.method == "GET" and sent.at > 0:
                first_reads.setdefault(sent.path, sent.at)
        assert len(set(first_reads.values())) == 50
        assert 8 <= min(first_reads.values()) < 9
        assert 11 < max(first_reads.values()) <= 12

    async def test_the_last_look_is_retried(self):
        async def fail_at_the_deadline(request, send):
            if request.method == "GET" and asyncio.get_running_loop().time() == 60.0:
                raise TransportError("dropped", maybe_sent=True)
            return await send(request)

        async with open_shop(step_in=fail_at_the_deadline, client={"retry": RetryPolicy(first=0.5)}) as shop:
            finding_nothing(shop)
            assert (await shop.org.sync("int_1", ORDERS, poll=STEADY))[ORDERS].state is Outcome.QUIET

    async def test_a_late_answer_does_not_speak_for_the_whole_window(self):
        async def slow_before_the_deadline(request, send):
            response = await send(request)
            if request.method == "GET" and 50 < asyncio.get_running_loop().time() < 60:
                await asyncio.sleep(15)
            return response

        async with open_shop(step_in=slow_before_the_deadline) as shop:
            moving(shop, (58.0, None))
            result = await shop.org.sync("int_1", ORDERS, poll=STEADY)
        assert result[ORDERS].state is Outcome.ADVANCED
