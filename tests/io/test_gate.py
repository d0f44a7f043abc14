"""The gate and the limiter on virtual time."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async import ClientStateError, ConfigurationError, Limiter, RateLimit
from packcloud_async._io.gate import Gate
from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.line import PATIENCE
from packcloud_async._sansio.rate_headers import Allowance

from ..support.jumping_loop import JumpingLoop

ACT, READ, LISTING = Urgency


async def through(gate, log, name, seconds=1.0, urgency=READ):
    async with gate.slot(urgency):
        log.append((name, asyncio.get_running_loop().time()))
        await asyncio.sleep(seconds)


async def all_through(*visits):
    """Start ``(gate, log, name, ...)`` in this order and wait for all."""
    async with asyncio.TaskGroup() as group:
        for visit in visits:
            group.create_task(through(*visit))


def names(log):
    return [name for name, _ in log]


class TestSlots:
    async def test_so_many_at_once_and_first_come_first_served(self):
        gate, log = Gate(2), []
        await all_through(*((gate, log, name) for name in "abcde"))
        assert log == [("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 2)]

    async def test_the_most_urgent_takes_the_next_one(self):
        gate, log = Gate(1), []
        visits = [("first", LISTING), ("l", LISTING), ("r", READ), ("a1", ACT), ("a2", ACT)]
        await all_through(*((gate, log, name, 1.0, urgency) for name, urgency in visits))
        assert log == [("first", 0), ("a1", 1), ("a2", 2), ("r", 3), ("l", 4)]

    async def test_nobody_starves(self):
        gate, log = Gate(1), []
        urgent = [(gate, log, number, 1.0, ACT) for number in range(PATIENCE * 2)]
        await all_through((gate, log, "first"), (gate, log, "old", 1.0, LISTING), *urgent)
        assert names(log).index("old") == 1 + PATIENCE

    async def test_a_cancelled_waiter_takes_none(self):
        gate, log = Gate(1), []
        inside = asyncio.create_task(through(gate, log, "a", 10))
        waiting = asyncio.create_task(through(gate, log, "b"))
        last = asyncio.create_task(through(gate, log, "c"))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait([inside, waiting, last])
        assert log == [("a", 0), ("c", 10)]

    async def test_who_is_cancelled_at_the_moment_it_may_go_gives_its_slot_to_the_next(self):
        gate, log = Gate(1), []
        await gate.enter(READ)
        waiting = asyncio.create_task(through(gate, log, "a"))
        following = asyncio.create_task(through(gate, log, "b"))
        await asyncio.sleep(1)
        gate.leave()
        waiting.cancel()
        await asyncio.wait([waiting, following])
        assert log == [("b", 1)]
        assert waiting.cancelled()

    @pytest.mark.parametrize("error", [GeneratorExit, KeyboardInterrupt, SystemExit])
    @pytest.mark.parametrize("let_go_before", [False, True], ids=["in line", "let go"])
    async def test_whatever_ends_the_wait_gives_up_the_place(self, error, let_go_before):
        gate = Gate(1)
        await gate.enter(READ)
        waiting = gate.enter(READ)
        waiting.send(None)
        if let_go_before:
            gate.leave()
        with pytest.raises(error):
            waiting.throw(error)
        if not let_go_before:
            gate.leave()
        assert gate.door.is_empty
        assert gate.enter_at_once() is not None

    def test_who_waited_when_its_loop_ended_leaves_no_place_behind(self):
        gate = Gate(1)
        loop = JumpingLoop()

        async def begin():
            await gate.enter(READ)
            waiting = gate.enter(READ)
            waiting.send(None)
            return waiting

        waiting = loop.run_until_complete(begin())
        loop.close()
        waiting.close()
        assert gate.door.is_empty

    async def test_who_was_cancelled_and_has_not_noticed_yet_is_passed_over(self):
        gate, log = Gate(1), []
        await gate.enter(READ)
        waiting = asyncio.create_task(through(gate, log, "a"))
        following = asyncio.create_task(through(gate, log, "b"))
        await asyncio.sleep(1)
        waiting.cancel()
        gate.leave()
        await asyncio.wait([waiting, following])
        assert log == [("b", 1)]

    async def test_an_error_inside_gives_the_slot_back(self):
        gate, log = Gate(1), []
        with pytest.raises(LookupError):
            async with gate.slot():
                raise LookupError
        await through(gate, log, "next")
        assert log == [("next", 0)]

    async def test_the_seconds_waited_are_added_up(self):
        gate = Gate(1)
        await all_through(*((gate, [], name) for name in "abc"))
        assert gate.waited == 1 + 2

    async def test_who_need_not_wait_goes_on_without_a_turn_of_the_loop(self):
        gate = Gate(1, Limiter(RateLimit(5)))
        entering = gate.enter(READ)
        with pytest.raises(StopIteration) as entered:
            entering.send(None)
        assert entered.value.value.began == 0
        assert asyncio.get_running_loop()._scheduled == []


class TestPauses:
    async def test_nobody_enters_while_it_is_closed_and_all_do_afterwards(self):
        gate, log = Gate(3), []
        gate.close_for(7)
        await all_through(*((gate, log, name) for name in "abc"))
        assert log == [("a", 7), ("b", 7), ("c", 7)]

    async def test_who_is_inside_may_stay(self):
        gate, log = Gate(1), []
        async with gate.slot():
            gate.close_for(5)
        await through(gate, log, "next")
        assert log == [("next", 5)]

    @pytest.mark.parametrize(
        ("wishes", "opens"),
        [([10, 3], 10), ([3, 10], 10), ([0], 0), ([10, 0], 10)],
        ids=["shorter later", "longer later", "none", "none later"],
    )
    async def test_a_shorter_wish_never_shortens_a_longer_one(self, wishes, opens):
        gate, log = Gate(1), []
        for wish in wishes:
            gate.close_for(wish)
        await through(gate, log, "a")
        assert log == [("a", opens)]

    async def test_a_wish_made_while_others_wait_holds_for_them_too(self):
        gate, log = Gate(2), []
        gate.close_for(5)
        async with asyncio.TaskGroup() as group:
            group.create_task(through(gate, log, "a"))
            await asyncio.sleep(4)
            gate.close_for(6)
        assert log == [("a", 10)]

    async def test_a_waiter_cancelled_before_the_closed_gate_holds_nothing(self):
        gate, log = Gate(1), []
        gate.close_for(10)
        waiting = asyncio.create_task(through(gate, log, "a"))
        await asyncio.sleep(1)
        waiting.cancel()
        await through(gate, log, "b")
        assert log == [("b", 10)]

    async def test_it_holds_for_those_who_were_let_go_at_the_same_moment(self):
        gate, log = Gate(4), []
        for _ in range(4):
            await gate.enter(READ)
        waiting = [asyncio.create_task(through(gate, log, name)) for name in "abcd"]
        await asyncio.sleep(1)
        for _ in range(4):
            gate.leave()
        # Answers come in batches: this one was refused.
        gate.close_for(7)
        gate.close_for(0)
        await asyncio.wait(waiting)
        assert log == [("a", 8), ("b", 8), ("c", 8), ("d", 8)]

    @pytest.mark.parametrize("turns_of_the_loop", [0, 1, 2])
    async def test_who_is_cancelled_when_called_back_holds_nothing(self, turns_of_the_loop):
        gate, log = Gate(1, Limiter(RateLimit(1, burst=2))), []
        await gate.enter(READ)
        waiting = [asyncio.create_task(through(gate, log, name)) for name in "ab"]
        await asyncio.sleep(5)
        gate.leave()
        gate.close_for(7)
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait(waiting)
        assert (log, waiting[0].cancelled()) == ([("b", 12)], True)

    async def test_of_no_length_calls_nobody_back(self):
        gate, log = Gate(1), []
        await gate.enter(READ)
        waiting = asyncio.create_task(through(gate, log, "a"))
        await asyncio.sleep(1)
        gate.leave()
        gate.close_for(0)
        await waiting
        assert log == [("a", 1)]

    async def test_with_a_limit_what_waited_does_not_go_all_at_once(self):
        gate, log = Gate(10, Limiter(RateLimit(2, burst=5))), []
        gate.close_for(7)
        await all_through(*((gate, log, name) for name in "abcd"))
        assert log == [("a", 7), ("b", 7.5), ("c", 8), ("d", 8.5)]

    async def test_the_most_urgent_goes_first_when_it_ends(self):
        gate, log = Gate(1), []
        gate.close_for(7)
        await all_through((gate, log, "l", 1, LISTING), (gate, log, "a", 1, ACT))
        assert log == [("a", 7), ("l", 8)]


class TestALimit:
    async def test_lets_the_burst_go_and_then_so_many_per_second(self):
        gate, log = Gate(100, Limiter(RateLimit(4, burst=2))), []
        await all_through(*((gate, log, name) for name in "abcde"))
        assert log == [("a", 0), ("b", 0), ("c", 0.25), ("d", 0.5), ("e", 0.75)]

    async def test_who_waits_for_it_holds_no_slot(self):
        gate, log = Gate(2, Limiter(RateLimit(1))), []
        listings = [(gate, log, f"l{number}", 0.5, LISTING) for number in range(3)]
        await all_through(*listings, (gate, log, "a", 0.5, ACT))
        assert log == [("l0", 0), ("a", 1), ("l1", 2), ("l2", 3)]

    async def test_who_waits_for_a_slot_uses_none_of_it_up(self):
        limiter = Limiter(RateLimit(1, burst=2))
        narrow, wide, log = Gate(1, limiter), Gate(5, limiter), []
        await all_through((narrow, log, "n0", 10), (narrow, log, "n1"), (wide, log, "w0"), (wide, log, "w1"))
        assert log == [("n0", 0), ("w0", 0), ("w1", 1), ("n1", 10)]

    async def test_a_cancelled_waiter_loses_no_request_and_nobody_a_place(self):
        gate, log = Gate(9, Limiter(RateLimit(1))), []
        tasks = [asyncio.create_task(through(gate, log, name)) for name in "abcde"]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        tasks[3].cancel()
        await asyncio.wait(tasks)
        assert log == [("a", 0), ("c", 1), ("e", 2)]

    async def test_who_is_cancelled_at_the_moment_it_may_go_gives_its_request_to_the_next(self):
        gate, log = Gate(9, Limiter(RateLimit(1))), []
        await gate.enter(READ)
        waiting = asyncio.create_task(through(gate, log, "a"))
        following = asyncio.create_task(through(gate, log, "b"))
        await asyncio.sleep(0)
        # Runs right after the limiter's own timer.
        asyncio.get_running_loop().call_at(1.0, waiting.cancel)
        await asyncio.wait([waiting, following])
        assert (log, waiting.cancelled()) == ([("b", 1)], True)
        gate.leave()

    async def test_nobody_overtakes_who_is_about_to_be_let_go(self):
        limiter, loop, tried = Limiter(RateLimit(1)), asyncio.get_running_loop(), []
        gate, log = Gate(9, limiter), []
        # Runs before the limiter's own timer, which is set later for the same instant.
        loop.call_at(1.0, lambda: tried.append(limiter.turn_at_once(loop.time())))
        await gate.enter(READ)
        await through(gate, log, "a")
        assert (tried, log) == ([None], [("a", 1)])

    async def test_who_did_not_leave_after_all_is_not_thought_to_be_under_way(self):
        limiter = Limiter()
        gate, log = Gate(2, limiter), []
        turn, _ = await gate.enter(READ), await gate.enter(READ)
        waiting = asyncio.create_task(gate.enter(READ))
        await asyncio.sleep(1)
        gate.leave()
        waiting.cancel()
        await asyncio.wait([waiting])
        # Of two that are left the other one may be taken, but not a third.
        limiter.told(turn, [Allowance(remaining=2, limit=60, reset=30)])
        await through(gate, log, "a")
        assert log == [("a", 15.5)]

    async def test_one_timer_waits_however_many_requests_do(self):
        gate, log = Gate(1000, Limiter(RateLimit(1000, burst=1))), []
        tasks = [asyncio.create_task(through(gate, log, number, 0)) for number in range(500)]
        await asyncio.sleep(0)
        assert len(asyncio.get_running_loop()._scheduled) == 1
        await asyncio.wait(tasks)
        assert names(log) == list(range(500))

    async def test_no_timer_is_left_when_everybody_gave_up(self):
        gate = Gate(9, Limiter(RateLimit(1)))
        await gate.enter(READ)
        waiting = asyncio.create_task(gate.enter(READ))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert all(timer.cancelled() for timer in asyncio.get_running_loop()._scheduled)

    async def test_news_of_more_left_brings_forward_who_waits(self):
        limiter = Limiter()
        gate, log = Gate(9, limiter), []
        turn, _ = await gate.enter(READ), await gate.enter(READ)
        limiter.told(turn, [Allowance(remaining=0, limit=60, reset=30)])
        waiting = asyncio.create_task(through(gate, log, "a"))
        await asyncio.sleep(1)
        limiter.told(turn, [Allowance(remaining=2, limit=60, reset=29)])
        gate.leave()
        await waiting
        # One of the two that are left may be the other request, which is not answered yet.
        assert log == [("a", 15)]
        gate.leave()


class TestSharing:
    async def test_the_limit_holds_for_all_together(self):
        limiter, log = Limiter(RateLimit(1)), []
        one, other = Gate(9, limiter), Gate(9, limiter)
        await all_through((one, log, "a"), (other, log, "b"), (one, log, "c"), (other, log, "d"))
        assert log == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]

    async def test_a_pause_of_one_is_a_pause_of_all(self):
        limiter, log = Limiter(), []
        one, other = Gate(9, limiter), Gate(9, limiter)
        one.close_for(5)
        await through(other, log, "a")
        assert (log, limiter.paused_for) == ([("a", 5)], 0)

    async def test_the_most_urgent_goes_first_wherever_it_waits(self):
        limiter, log = Limiter(RateLimit(1)), []
        one, other = Gate(9, limiter), Gate(9, limiter)
        await all_through((one, log, "x"), (one, log, "l", 1, LISTING), (other, log, "a", 1, ACT))
        assert names(log) == ["x", "a", "l"]

    async def test_who_has_no_free_slot_does_not_stop_the_others(self):
        limiter, log = Limiter(RateLimit(1)), []
        full, free = Gate(1, limiter), Gate(9, limiter)
        await all_through((full, log, "x", 50), (full, log, "urgent", 1, ACT), (free, log, "l", 1, LISTING))
        assert log == [("x", 0), ("l", 1), ("urgent", 50)]

    async def test_waiting_is_counted_for_each(self):
        limiter = Limiter(RateLimit(1))
        one, other = Gate(9, limiter), Gate(9, limiter)
        await all_through((one, [], "a"), (other, [], "b"), (other, [], "c"))
        assert (one.waited, other.waited) == (0, 3)


class TestALimiter:
    def test_knows_its_limit(self):
        assert (Limiter().rate_limit, Limiter(RateLimit(5)).rate_limit) == (RateLimit(), RateLimit(5))
        assert repr(Limiter(RateLimit(5))) == f"Limiter({RateLimit(5)!r})"

    def test_can_be_asked_before_it_was_used(self):
        limiter = Limiter(RateLimit(5))
        assert (limiter.rate, limiter.lowest_rate, limiter.paused_for) == (5, 5, 0)

    @pytest.mark.parametrize("limit", [5, "5", RateLimit, Limiter()], ids=repr)
    def test_takes_a_rate_limit(self, limit):
        with pytest.raises(ConfigurationError, match="^rate_limit must be a RateLimit, not "):
            Limiter(limit)

    def test_belongs_to_the_loop_it_was_first_used_on(self):
        gate, log = Gate(1), []
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(through(gate, log, "a"))
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            with pytest.raises(ClientStateError, match="limiter belongs to the event loop it was first used on"):
                runner.run(through(gate, log, "b"))
        assert names(log) == ["a"]
        assert gate.limiter.paused_for == 0


visits = st.lists(
    st.tuples(
        st.floats(0, 3),  # seconds after the one before
        st.sampled_from(Urgency),
        st.floats(0, 2),  # seconds inside
        st.one_of(st.none(), st.floats(0, 3)),  # cancelled after so many seconds, if at all
        st.booleans(),  # through which of two gates
        st.one_of(st.just(0.0), st.floats(0, 5)),  # asks for a pause when it leaves
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(
    visits=visits,
    slots=st.integers(1, 4),
    requests=st.integers(1, 9),
    burst=st.integers(1, 5),
    per=st.sampled_from([1.0, 10.0]),
)
def test_whoever_comes_and_goes_no_window_holds_too_many_and_all_are_served(visits, slots, requests, burst, per):
    limiter = Limiter(RateLimit(requests, per=per, burst=burst))
    gates, begun, inside, paused_until, cancelled = [Gate(slots, limiter), Gate(slots, limiter)], [], {}, [0.0], []

    async def visit(gate, urgency, seconds, pause):
        async with gate.slot(urgency):
            now = asyncio.get_running_loop().time()
            assert now >= paused_until[0] - 1e-6
            begun.append(now)
            inside[gate] = inside.get(gate, 0) + 1
            assert inside[gate] <= slots
            try:
                await asyncio.sleep(seconds)
                if pause:
                    gate.close_for(pause)
                    paused_until[0] = max(paused_until[0], asyncio.get_running_loop().time() + pause)
            finally:
                inside[gate] -= 1

    async def scene():
        loop = asyncio.get_running_loop()
        tasks = []
        for after, urgency, seconds, given_up_after, which, pause in visits:
            await asyncio.sleep(after)
            tasks.append(asyncio.create_task(visit(gates[which], urgency, seconds, pause)))
            if given_up_after is not None:
                loop.call_later(given_up_after, tasks[-1].cancel)
        if tasks:
            await asyncio.wait(tasks)
        cancelled.extend(task for task in tasks if task.cancelled())
        assert all(task.cancelled() or task.exception() is None for task in tasks)
        # Nothing was lost: after a quiet time the whole burst goes at once.
        await asyncio.sleep(1000)
        wide = Gate(burst + 1, limiter)
        assert [(await wide.enter(READ)).began for _ in range(burst)] == [loop.time()] * burst

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(scene())
    window = per * (1 - 1e-6)
    assert all(sum(at <= other <= at + window for other in begun) <= requests + burst for at in begun)
    assert len(begun) >= len(visits) - len(cancelled)


@settings(max_examples=60)
@given(
    visits=st.lists(st.tuples(st.sampled_from(Urgency), st.booleans()), min_size=1, max_size=60),
    slots=st.integers(1, 5),
    rate=st.sampled_from([None, 3]),
)
def test_first_come_first_served_inside_a_priority(visits, slots, rate):
    gate, log = Gate(slots, Limiter(RateLimit(rate))), []

    async def scene():
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(through(gate, log, (urgency, number), 1.0, urgency))
                for number, (urgency, _) in enumerate(visits)
            ]
            await asyncio.sleep(0)
            for task, (_, gives_up) in zip(tasks, visits, strict=True):
                if gives_up:
                    task.cancel()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(scene())
    waited = names(log)
    for urgency in Urgency:
        numbers = [number for of, number in waited if of is urgency]
        # The oldest of all may go out of turn, but never before one of its own that came earlier.
        assert numbers == sorted(numbers)
