"""Jobs that nobody drives to their end: hooks, spans, metrics and the log are told of it, once."""

import asyncio
import logging

import pytest

from packcloud_async import NotFound, SyncError, SyncKind, SyncTarget
from packcloud_async.hooks import JobBegun, JobEnded, JobFired, RunEnded

from .support.shop import STEADY, open_shop
from .test_hooks import Told

ORDERS, PRODUCTS, *_ = SyncKind
NAMED = SyncTarget("org_2", integration_ids=[f"int_{number}" for number in range(1, 9)])


async def left_after(seconds, hooks, *, stopped=False):
    """A run over listed and named integrations, left after some seconds; each request takes one."""

    async def slow(request, send):
        await asyncio.sleep(1)
        return await send(request)

    async with open_shop(step_in=slow, organizations=2, integrations=8, client={"hooks": hooks}) as opened:
        for number in range(1, 9):
            opened.emulator.plan_sync("org_1", f"int_{number}", ORDERS, moves=[(4.0 * number, None)])
        run = opened.client.sync_many(["org_1", NAMED], kinds=[ORDERS], poll=STEADY, max_in_flight=5)
        async with run:
            await asyncio.sleep(seconds)
            if stopped:
                await run.stop(patience=0.5)
    return run


class TestJobsOfARun:
    @pytest.mark.parametrize("stopped", [False, True], ids=["left", "stopped"])
    @pytest.mark.parametrize("seconds", [0, 1.5, 2.5, 3.5, 7.5, 15.5])
    async def test_every_one_that_begins_ends_once(self, seconds, stopped):
        told = Told()
        await left_after(seconds, [told], stopped=stopped)
        begun, ended = told.of(JobBegun), told.of(JobEnded)
        assert len(begun) == len(ended)
        assert {one.job for one in ended} == set(begun)
        assert len(begun) > 0 or seconds < 2
        for one in ended:
            assert one.result is not None or isinstance(one.error, asyncio.CancelledError)
        assert isinstance(told[-1], RunEnded)

    async def test_some_are_left_and_some_are_done(self):
        told = Told()
        await left_after(15.5, [told])
        assert {one.result is None for one in told.of(JobEnded)} == {True, False}

    async def test_each_is_told_of_its_posts(self):
        told = Told()
        await left_after(100, [told])
        assert {one.job for one in told.of(JobFired)} == set(told.of(JobBegun))
        assert len(told.of(JobFired)) == 16

    @pytest.mark.parametrize("seconds", [2.5, 15.5])
    async def test_no_span_loses_its_parent_and_nothing_is_counted_as_under_way(self, seconds):
        pytest.importorskip("opentelemetry.sdk", reason="the SDK of the extra otel")
        from packcloud_async._sansio import conventions

        from .test_otel import Recorded

        recorded = Recorded()
        await left_after(seconds, [recorded.hook])
        known = {span.context.span_id for span in recorded.spans}
        assert {span.parent.span_id for span in recorded.spans if span.parent is not None} <= known
        assert "left" in {span.attributes["packcloud.sync.end"] for span in recorded.named("packcloud.sync")}
        assert list(recorded.values(conventions.ACTIVE_JOBS).values()) == [0]


async def test_news_of_a_job_that_is_gone_on_with_are_counted_once():
    pytest.importorskip("opentelemetry.sdk", reason="the SDK of the extra otel")
    from packcloud_async._sansio import conventions

    from .test_otel import Recorded

    recorded = Recorded()
    async with open_shop(client={"hooks": [recorded.hook]}) as opened:
        opened.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(2.0, None)])
        opened.emulator.plan_sync("org_1", "int_1", PRODUCTS, moves=[(30.0, None)])
        job = opened.org.sync_job("int_1", ORDERS, PRODUCTS, poll=STEADY)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await job
        await job
    assert [point.count for point in recorded.points(conventions.NEWS_DELAY).values()] == [1, 1]


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "packcloud_async")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("hooks", [[], [Told()]], ids=["no hooks", "hooks"])
class TestTheLog:
    async def test_a_job_that_is_cancelled_is_told_of_and_again_when_it_is_done(self, log, hooks):
        async with open_shop(client={"hooks": hooks}) as opened:
            job = opened.org.sync_job("int_1", ORDERS, poll=STEADY)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await job
            assert log() == ["sync of org_1/int_1: no result: CancelledError"]
            await job
            await job.detach()
        assert log()[1:] == [f"sync of org_1/int_1: orders {job.result[ORDERS].state}"]

    async def test_a_job_that_is_detached_is_told_of_once(self, log, hooks):
        async with open_shop(client={"hooks": hooks}) as opened:
            job = opened.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            waiting = asyncio.ensure_future(job.wait())
            await asyncio.sleep(0.5)
            await job.detach()
            with pytest.raises(SyncError):
                await waiting
            await job.detach()
        assert log() == ["sync of org_1/int_1: no result: SyncError"]

    async def test_a_job_that_could_not_begin_says_why(self, log, hooks):
        async with open_shop(client={"hooks": hooks}) as opened:
            with pytest.raises(NotFound):
                await opened.org.sync("int_99", ORDERS)
        assert log() == ["sync of org_1/int_99: no result: NotFound"]

    async def test_of_a_run_that_is_left_its_own_record_says_enough(self, log, hooks):
        await left_after(3.5, hooks)
        begins, *results, ends = log()
        assert begins == "bulk run begins"
        assert not any("CancelledError" in result for result in results)
        assert ends.startswith("bulk run: 2 organizations, ")
        assert ends.endswith(" not finished: ClientStateError")
