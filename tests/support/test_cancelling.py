import asyncio
import contextlib

import pytest

from .cancelling import AtInstant, AtMoments, AtSteps, When, sweep_instants, sweep_moments, sweep_twice
from .moments import MomentLoop


def run(canceller, coroutine):
    with asyncio.Runner(loop_factory=MomentLoop) as runner:
        runner.run(canceller.carry_out(coroutine))


async def note(happened, *, waits=3, cleanup=0):
    """Wait so many times; when cancelled, wait as often as the cleanup does."""
    try:
        for number in range(1, waits + 1):
            await asyncio.sleep(1)
            happened.append(number)
    finally:
        for _ in range(cleanup):
            await asyncio.sleep(1)
            happened.append("cleaned")


@pytest.mark.parametrize("when", When)
def test_each_await_point_is_met_once(when):
    ends = []
    for canceller in sweep_twice(when):
        run(canceller, note(happened := []))
        ends.append(happened)
    # Without a cleanup there is nothing to be cancelled a second time; the last one ran to its end.
    assert ends == [[], [1], [1, 2], [1, 2, 3]]


def test_what_it_waited_for_is_there_when_it_is_cancelled_as_it_is_woken():
    async def wait_for(future):
        try:
            await future
        finally:
            ends.append((future.done(), future.cancelled()))

    async def play(canceller):
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(5, lambda: future.done() or future.set_result(None))
        await canceller.carry_out(wait_for(future))

    ends = []
    for when in When:
        with asyncio.Runner(loop_factory=MomentLoop) as runner:
            runner.run(play(AtSteps(frozenset({1}), when)))
    assert ends == [(True, True), (True, False)]


@pytest.mark.parametrize("when", When)
def test_it_is_cancelled_again_at_each_await_point_of_its_cleanup(when):
    ends = []
    for canceller in sweep_twice(when):
        run(canceller, note(happened := [], waits=1, cleanup=2))
        ends.append((sorted(canceller.steps), happened))
    assert ends[:3] == [([1, 2], []), ([1, 3], ["cleaned"]), ([1, 4], ["cleaned", "cleaned"])]
    assert ends[-1][1] == [1, "cleaned", "cleaned"]


def test_a_cancellation_that_is_swallowed_is_a_failure():
    async def swallow():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1)

    # Before its first callback there is nothing that could swallow it.
    for canceller in (AtSteps(frozenset({1})), AtMoments(frozenset({2})), AtInstant(0.5)):
        with pytest.raises(AssertionError, match="it went on although"):
            run(canceller, swallow())


def test_an_error_of_the_coroutine_is_raised():
    async def fail():
        await asyncio.sleep(0)
        raise LookupError("its own")

    for canceller in (AtSteps(), AtMoments(frozenset()), AtInstant(None)):
        with pytest.raises(LookupError, match="its own"):
            run(canceller, fail())


def test_code_that_ran_in_the_task_is_seen_and_other_code_is_not():
    async def elsewhere():
        await asyncio.sleep(0)

    async def here():
        async with asyncio.TaskGroup() as group:
            group.create_task(elsewhere())

    run(watching := AtSteps(watches=True), here())
    assert here.__code__ in watching.seen
    assert elsewhere.__code__ not in watching.seen


def test_it_is_cancelled_between_any_two_things_the_loop_does():
    async def tick():
        for _ in range(2):
            await asyncio.sleep(0)
            ticks.append(1)

    async def two():
        ticks.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(tick())
            group.create_task(tick())

    ends, ticks = [], []
    for canceller in sweep_moments():
        run(canceller, two())
        ends.append(len(ticks))
    assert ends == sorted(ends)
    assert set(ends) >= {0, 1, 2, 3, 4}


def test_a_timeout_expires_at_each_instant_at_which_something_happens():
    ends = []
    for canceller in sweep_instants():
        run(canceller, note([]))
        ends.append((canceller.instant, canceller.made))
    assert [instant for instant, _ in ends] == [None, 0, 1, 2, 3]
    # The last of them is its end.
    assert [made for _, made in ends[:-1]] == [0, 1, 1, 1]


def test_what_a_thread_does_is_done_although_nobody_waits_for_it_any_more():
    async def work():
        await asyncio.get_running_loop().run_in_executor(None, done.append, 1)

    done = []
    run(cancelled := AtSteps(frozenset({1})), work())
    assert (cancelled.made, done) == (1, [1])
