"""Handlers and filters of the log, and hooks, that raise: nothing that is sent, and no result, depends on them."""

import asyncio
import io
import logging

import pytest

from packcloud_async import SqliteLedger, SyncKind
from packcloud_async.emulator import FaultPlan

from .support.shop import STEADY, open_shop
from .test_hooks import GOOD, Told, client_of, get

ORDERS, PRODUCTS, *_ = SyncKind
KINDS_OF_EVENT = ["RequestBegun", "RequestEnded", "JobBegun", "JobFired", "JobRead", "JobEnded", "RunBegun", "RunEnded"]


class Full(logging.Handler):
    """As one that writes to a disk that is full, or to a pipe that nobody reads."""

    def emit(self, record):
        raise OSError("no space left")


class Gone(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, text):
        raise BrokenPipeError


class Choosy(logging.Handler):
    """Any handler, with a filter that does not know its records."""

    def filter(self, record):
        raise AttributeError("no such field")


@pytest.fixture(params=[Full, Choosy])
def failing_log(request):
    logger, handler = logging.getLogger("packcloud_async"), request.param()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


async def run(hook=None, **options):
    async with open_shop(integrations=3, client={"hooks": [hook]} if hook else {}) as opened:
        async with opened.client.sync_many(["org_1"], kinds=[ORDERS], poll=STEADY, **options) as run:
            results = [result async for result in run]
    assert opened.emulator.counters.calls["POST", "sync_orders"] == 3
    return results, run.report


class TestALogThatCannotBeWritten:
    async def test_no_result_of_a_run_is_lost(self, failing_log, capfd):
        results, report = await run()
        assert sorted(result.integration_id for result in results) == ["int_1", "int_2", "int_3"]
        assert (report.integrations, report.in_flight, report.finished) == (3, 0, True)
        # Said where the handlers of the standard library say it.
        assert "Logging error" in capfd.readouterr().err

    async def test_nor_by_the_command_line_when_nobody_reads_what_it_says(self, monkeypatch):
        from packcloud_async.cli.failures import log_on_stderr

        monkeypatch.setattr("sys.stderr", Gone())
        with log_on_stderr(is_wanted=True):
            results, _ = await run()
        assert len(results) == 3

    async def test_nor_with_a_ledger_that_was_not_closed_before(self, failing_log, tmp_path):
        async with open_shop(integrations=3) as opened:
            ledger = SqliteLedger(tmp_path / "run.sqlite")
            async with opened.client.sync_many(["org_1"], kinds=[ORDERS], poll=STEADY, ledger=ledger) as first:
                await anext(first)
            (tmp_path / "run.sqlite").chmod(0o644)
            async with opened.client.resume_many(SqliteLedger(tmp_path / "run.sqlite")) as second:
                results = [result async for result in second]
        assert results
        assert second.report.finished

    async def test_a_job_and_a_retry_do_as_without_it(self, failing_log):
        async with open_shop() as opened:
            result = await opened.org.sync("int_1", ORDERS, poll=STEADY)
        assert result.kinds.keys() == {ORDERS}
        assert (await get(client_of(500, GOOD))).id == "int_1"

    async def test_a_hook_that_fails_too_changes_nothing(self, failing_log):
        def broken(event):
            raise ValueError

        assert (await get(client_of(500, GOOD, hooks=[broken]))).id == "int_1"


@pytest.mark.parametrize("kind", KINDS_OF_EVENT)
@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, asyncio.InvalidStateError, StopAsyncIteration])
async def test_whatever_a_hook_raises_of_its_own_no_result_is_lost(kind, error, caplog):
    def broken(event):
        if type(event).__name__ == kind:
            raise error

    async with asyncio.timeout(1000):
        results, report = await run(broken)
    assert (len(results), report.finished) == (3, True)
    assert not any(result.failed for result in results)
    assert [record.exc_info[0] for record in caplog.records if record.levelname == "ERROR"] == [error]


async def test_a_job_tells_its_reader_the_same_with_hooks_as_without():
    async def events(hooks):
        async with open_shop(client={"hooks": hooks}) as opened:
            opened.emulator.set_faults([FaultPlan(routes={"integration", "sync_orders"}, script=[503, None, 429])])
            job = opened.org.sync_job("int_1", ORDERS, poll=STEADY)
            return [type(event).__name__ async for event in job.events()]

    without, told = await events([]), await events([Told()])
    assert "Retrying" in without
    assert told == without
