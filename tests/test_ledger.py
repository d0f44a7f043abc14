"""What every ledger promises, whatever it is made of: ``make_ledger`` opens the same one again and again."""

import asyncio
import inspect
from contextlib import asynccontextmanager

import pytest
from attrs import evolve

from packcloud_async import (
    ConfigurationError,
    LedgerBusy,
    LedgerError,
    NewJob,
    SqliteLedger,
    TargetRecord,
    TargetState,
    UnfinishedJob,
    UnfinishedTarget,
)

from .support.ledgers import INT_1, INT_2, ORG_1, ORG_2, RUN


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.sockets)])
def make_ledger(request, tmp_path):
    """Make another object for the one ledger of the test."""
    if request.param == "sqlite":
        return lambda: SqliteLedger(tmp_path / "run.sqlite")
    fleet = pytest.importorskip("packcloud_async.fleet", reason="the extra fleet")
    dsn = request.getfixturevalue("fleet_database")
    return lambda: fleet.PostgresLedger(dsn, "run_1")


@pytest.fixture
def opened(make_ledger):
    """Open the ledger, and close it at the end of the block; ``run`` begins one if there is none."""

    @asynccontextmanager
    async def block(run=None):
        ledger = make_ledger()
        found = await ledger.open()
        try:
            if run is not None and found is None:
                ledger.begin(run)
            yield ledger
        finally:
            await ledger.aclose()

    return block


async def answer_to(ask):
    """Call a method, and await it if it is one of those."""
    answer = ask()
    return await answer if inspect.isawaitable(answer) else answer


async def test_a_new_ledger_holds_no_run(make_ledger):
    ledger = make_ledger()
    assert await ledger.open() is None
    assert await ledger.unfinished() == ()
    await ledger.aclose()


async def test_the_run_it_holds_is_returned_when_it_is_opened(opened, make_ledger):
    async with opened(RUN):
        pass
    again = make_ledger()
    assert await again.open() == RUN
    await again.aclose()


async def test_targets_and_jobs_are_found_again_in_order(opened):
    async with opened(RUN) as ledger:
        first, second = ledger.add_targets([ORG_1, ORG_2])
        assert list(ledger.add_jobs(second, [INT_1, INT_2])) == [1, 2]
    async with opened() as ledger:
        assert await ledger.unfinished() == (
            UnfinishedTarget(first, ORG_1, TargetState.WAITING),
            UnfinishedTarget(
                second,
                ORG_2,
                TargetState.LISTED,
                (UnfinishedJob(1, "int_1", "planned 1"), UnfinishedJob(2, "int_2", "planned 2")),
            ),
        )


async def test_what_is_told_is_seen_before_it_is_flushed(opened):
    async with opened(RUN) as ledger:
        (target,) = ledger.add_targets([ORG_1])
        (job,) = ledger.add_jobs(target, [INT_1])
        ledger.record(job, "sent")
        (found,) = await ledger.unfinished()
    assert found.jobs == (UnfinishedJob(job, "int_1", "sent"),)


async def test_a_record_replaces_what_was_recorded_of_the_job(opened):
    async with opened(RUN) as ledger:
        (target,) = ledger.add_targets([ORG_1])
        one, two = ledger.add_jobs(target, [INT_1, INT_2])
        await ledger.flush()
        for token in ("sent", "accepted"):
            ledger.record(one, token)
        await ledger.flush()
        ledger.record(two, "done", finished=True, error="ServerError 503")
    async with opened() as ledger:
        ((found),) = await ledger.unfinished()
    assert found.jobs == (UnfinishedJob(one, "int_1", "accepted"),)


async def test_a_target_is_done_with_its_last_job_or_without_any(opened):
    async with opened(RUN) as ledger:
        numbers = ledger.add_targets([ORG_1] * 4)
        (job,) = ledger.add_jobs(numbers[0], [INT_1])
        ledger.add_jobs(numbers[1], [])
        ledger.target_failed(numbers[2], "NotFound 404")
        ledger.record(job, "done", finished=True)
        assert [target.number for target in await ledger.unfinished()] == [numbers[3]]


async def test_the_unfinished_come_in_pages(opened):
    async with opened(RUN) as ledger:
        ledger.add_targets([TargetRecord(f"org_{number}") for number in range(1, 8)])
        pages, after = [], 0
        while page := await ledger.unfinished(after=after, limit=3):
            pages.append([target.number for target in page])
            after = page[-1].number
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]


async def test_numbers_go_on_in_the_next_process(opened):
    async with opened(RUN) as ledger:
        (target,) = ledger.add_targets([ORG_1])
        ledger.add_jobs(target, [INT_1, INT_2])
    async with opened() as ledger:
        assert list(ledger.add_targets([ORG_2])) == [2]
        assert list(ledger.add_jobs(2, [INT_1])) == [3]
        ledger.record(1, "sent")
        assert [[job.number for job in target.jobs] for target in await ledger.unfinished()] == [[1, 2], [3]]


async def test_a_finished_run_says_so_and_takes_nothing_more(opened, make_ledger):
    async with opened(RUN) as ledger:
        ledger.finish()
        with pytest.raises(RuntimeError, match="finished"):
            ledger.add_targets([ORG_1])
    again = make_ledger()
    found = await again.open()
    assert found.finished is not None
    assert evolve(found, finished=None) == RUN
    for tell in (lambda: again.begin(RUN), lambda: again.add_targets([ORG_1]), again.finish):
        with pytest.raises(RuntimeError):
            tell()
    await again.aclose()


@pytest.mark.parametrize("left", ["a target", "a job"])
async def test_a_run_with_something_left_cannot_be_finished(opened, make_ledger, left):
    ledger = make_ledger()
    await ledger.open()
    ledger.begin(RUN)
    (target,) = ledger.add_targets([ORG_1])
    if left == "a job":
        ledger.add_jobs(target, [INT_1])
    ledger.finish()
    with pytest.raises(LedgerError, match="it is not"):
        await ledger.aclose()
    async with opened() as ledger:
        # Nothing of the batch that could not be written was written.
        assert await ledger.unfinished() == ()


@pytest.mark.parametrize("again", ["listed", "failed"])
async def test_a_target_that_was_settled_in_an_earlier_process_breaks_the_ledger(opened, make_ledger, again):
    async with opened(RUN) as ledger:
        ledger.add_targets([ORG_1])
        ledger.add_jobs(1, [INT_1])
    ledger = make_ledger()
    await ledger.open()
    if again == "listed":
        ledger.add_jobs(1, [INT_2])
    else:
        ledger.target_failed(1, "NotFound 404")
    with pytest.raises(LedgerError, match="not waiting"):
        await ledger.aclose()
    async with opened() as ledger:
        (found,) = await ledger.unfinished()
    assert [job.number for job in found.jobs] == [1]


async def test_a_broken_ledger_says_the_same_every_time_and_writes_nothing_more(opened, make_ledger):
    async with opened(RUN) as ledger:
        (target,) = ledger.add_targets([ORG_1])
        ledger.add_jobs(target, [INT_1])
    ledger = make_ledger()
    await ledger.open()
    ledger.add_jobs(1, [INT_2])
    told = []
    for ask in (
        ledger.flush,
        ledger.flush,
        lambda: ledger.record(1, "sent"),
        lambda: ledger.add_targets([ORG_2]),
        ledger.finish,
        ledger.unfinished,
        ledger.aclose,
    ):
        with pytest.raises(LedgerError) as caught:
            await answer_to(ask)
        told.append(str(caught.value))
    assert len(set(told)) == 1
    async with opened() as ledger:
        (found,) = await ledger.unfinished()
    assert found.jobs == (UnfinishedJob(1, "int_1", "planned 1"),)


async def test_everybody_who_waits_for_a_commit_that_fails_is_told(opened, make_ledger):
    async with opened(RUN) as ledger:
        ledger.add_jobs(ledger.add_targets([ORG_1])[0], [INT_1])
    ledger = make_ledger()
    await ledger.open()
    ledger.add_jobs(1, [])
    answers = await asyncio.gather(*(ledger.flush() for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LedgerError] * 5
    assert len({id(answer) for answer in answers}) == 5
    with pytest.raises(LedgerError):
        await ledger.aclose()


@pytest.mark.parametrize("text", ["404 Not Found: hush!", ""])
async def test_what_a_server_said_cannot_be_recorded(opened, text):
    async with opened(RUN) as ledger:
        (target,) = ledger.add_targets([ORG_1])
        (job,) = ledger.add_jobs(target, [INT_1])
        with pytest.raises(ConfigurationError):
            ledger.record(job, "done", finished=True, error=text)
        with pytest.raises(ConfigurationError):
            ledger.target_failed(target, text)


async def test_one_at_a_time_holds_it(opened, make_ledger):
    async with opened(RUN):
        with pytest.raises(LedgerBusy):
            await make_ledger().open()
    async with opened():
        pass


async def test_a_ledger_that_is_not_open_takes_nothing(make_ledger):
    ledger = make_ledger()
    for _ in range(2):
        for ask in (lambda: ledger.begin(RUN), lambda: ledger.record(1, "sent"), ledger.flush, ledger.unfinished):
            with pytest.raises(LedgerError, match="not open"):
                await answer_to(ask)
        await ledger.open()
        await ledger.aclose()
        await ledger.aclose()


async def test_closing_writes_what_was_told_a_moment_before(opened):
    async with opened(RUN) as ledger:
        ledger.add_targets([ORG_1])
    async with opened() as ledger:
        assert len(await ledger.unfinished()) == 1


async def test_whoever_waits_while_it_is_closed_is_answered(make_ledger):
    ledger = make_ledger()
    await ledger.open()
    ledger.begin(RUN)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(ledger.flush())
        await asyncio.sleep(0)
        await ledger.aclose()
    assert waiting.result() is None


async def test_an_id_of_any_text_is_kept(opened):
    odd = TargetRecord("\ud800 \0 'org'; --", ("", "ü", "\udfff"))
    async with opened(RUN) as ledger:
        ledger.add_targets([odd])
        ledger.add_jobs(*ledger.add_targets([ORG_1]), [NewJob("ü'\"", "{}")])
    async with opened() as ledger:
        waiting, listed = await ledger.unfinished()
    assert (waiting.target, listed.jobs[0].integration_id) == (odd, "ü'\"")
