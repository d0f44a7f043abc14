"""Many time limits with one timer: who is late is told, at its instant, once, and nobody else."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._io.deadlines import Deadlines

from ..support.jumping_loop import JumpingLoop


def now():
    return asyncio.get_running_loop().time()


class Told:
    """Deadlines that note who was late, and when."""

    def __init__(self, seconds):
        self.late = []
        self.deadlines = Deadlines(seconds, lambda item: self.late.append((item, now())))


async def test_who_is_late_is_told_at_its_instant():
    told, began = Told(10.0), now()
    told.deadlines.begin("first", began)
    await asyncio.sleep(4)
    told.deadlines.begin("second", now())
    await asyncio.sleep(20)
    assert [(item, at - began) for item, at in told.late] == [("first", 10.0), ("second", 14.0)]
    assert len(told.deadlines) == 0


async def test_who_ended_or_began_anew_is_not():
    told, began = Told(10.0), now()
    for item in ("ended", "anew"):
        told.deadlines.begin(item, began)
    await asyncio.sleep(5)
    told.deadlines.end("ended")
    told.deadlines.end("ended")
    told.deadlines.begin("anew", now())
    await asyncio.sleep(9)
    assert told.late == []
    await asyncio.sleep(2)
    assert [(item, at - began) for item, at in told.late] == [("anew", 15.0)]


async def test_none_is_no_limit_and_sets_no_timer():
    told = Told(None)
    told.deadlines.begin("first", now())
    told.deadlines.end("first")
    assert len(told.deadlines) == 0
    await asyncio.sleep(1e6)
    assert told.late == []


async def test_what_is_closed_tells_nobody():
    told = Told(1.0)
    told.deadlines.begin("first", now())
    told.deadlines.close()
    told.deadlines.close()
    await asyncio.sleep(5)
    assert (told.late, len(told.deadlines)) == ([], 0)


async def test_a_thousand_have_one_timer():
    loop, timers = asyncio.get_running_loop(), []
    set_timer = loop.call_at

    def counted(*args, **options):
        timers.append(args)
        return set_timer(*args, **options)

    told = Told(60.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "call_at", counted)
        for number in range(1000):
            told.deadlines.begin(number, now())
            told.deadlines.end(number)
    assert len(timers) == 1
    told.deadlines.close()


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["begin", "end"]), st.sampled_from([0.0, 0.5, 1.0, 2.5])),
        max_size=20,
    )
)
def test_it_is_the_same_as_a_timer_for_each(moves):
    async def play():
        told, timers, expected = Told(2.0), {}, []
        for item, move, wait in moves:
            if item in timers:
                timers.pop(item).cancel()
            if move == "begin":
                told.deadlines.begin(item, now())

                def late(item=item):
                    timers.pop(item)
                    expected.append((item, now()))

                timers[item] = asyncio.get_running_loop().call_later(2.0, late)
            else:
                told.deadlines.end(item)
            await asyncio.sleep(wait)
        await asyncio.sleep(10)
        assert sorted(told.late, key=lambda one: one[::-1]) == sorted(expected, key=lambda one: one[::-1])

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(play())


@pytest.mark.sockets
@pytest.mark.parametrize("seconds", [0.0704, 0.0025, 0.05])
def test_they_hold_on_uvloop_whose_timers_are_whole_milliseconds(seconds):
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed here")

    async def play():
        late, all_late = [], asyncio.Event()

        def note(number):
            late.append(number)
            if len(late) == 20:
                all_late.set()

        deadlines = Deadlines(seconds, note)
        for number in range(20):
            deadlines.begin(number, now())
            await asyncio.sleep(0.0013)
        async with asyncio.timeout(10):
            await all_late.wait()
        return late

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(play()) == list(range(20))
