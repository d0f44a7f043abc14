"""What a turn costs: uncontended, with many waiting, and shared by many clients.

Run from the repository's root:

python -m benchmarks.limiter
python -m benchmarks.limiter --waiting 10000 --rounds 5
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.arguments import counting, positive
from benchmarks.measuring.rounds import Spread, noise, spread
from benchmarks.results import FOLDER, Table, save
from packcloud_async import Limiter, RateLimit, RetryPolicy
from packcloud_async._io.gate import Gate
from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.rate_headers import allowances
from packcloud_async._sansio.retry_budget import RetryBudget

QUICK = ("--waiting", "100", "--count", "500", "--rounds", "1", "--seconds", "0.1")
FAST = RateLimit(1_000_000, burst=1_000_000)
MICROSECONDS = 1e6
REFERENCE = "asyncio.Semaphore, uncontended, for comparison"
PLAIN = {f"x-header-{number}": "value" for number in range(8)}
LIMITS = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59", "x-ratelimit-reset": "30"}


async def semaphore_alone(count: int) -> float:
    """The least a bound on slots costs."""
    free = asyncio.Semaphore(1)
    start = time.process_time()
    for _ in range(count):
        async with free:
            pass
    return (time.process_time() - start) / count


async def uncontended(count: int, limit: RateLimit | None) -> float:
    """One request after the other: nobody waits."""
    gate = Gate(1, Limiter(limit))
    start = time.process_time()
    for _ in range(count):
        async with gate.slot(Urgency.READ):
            pass
    return (time.process_time() - start) / count


async def waiting(count: int, limit: RateLimit | None, *, clients: int = 1, slots: int = 10) -> float:
    """So many tasks wait at once, of all urgencies; each passes the slot on at once."""
    limiter = Limiter(limit)
    gates = [Gate(slots, limiter) for _ in range(clients)]
    for gate in gates:
        for _ in range(slots):
            await gate.enter(Urgency.READ)

    async def visit(number: int) -> None:
        async with gates[number % clients].slot(Urgency(number % 3)):
            pass

    tasks = [asyncio.create_task(visit(number)) for number in range(count)]
    await asyncio.sleep(0)
    start = time.process_time()
    for gate in gates:
        for _ in range(slots):
            gate.leave()
    await asyncio.wait(tasks)
    return (time.process_time() - start) / count


async def tasks_alone(count: int) -> float:
    """The same number of tasks on one semaphore, first come, first served."""
    free = asyncio.Semaphore(0)

    async def visit() -> None:
        async with free:
            pass

    tasks = [asyncio.create_task(visit()) for _ in range(count)]
    await asyncio.sleep(0)
    start = time.process_time()
    for _ in range(10):
        free.release()
    await asyncio.wait(tasks)
    return (time.process_time() - start) / count


async def headers_read(count: int, headers: dict[str, str]) -> float:
    """What looking for the server's limits in an answer costs."""
    now = datetime.now(UTC)
    start = time.process_time()
    for _ in range(count):
        allowances(headers, now)
    return (time.process_time() - start) / count


async def retries_counted(count: int) -> float:
    """What counting a request for the retry budget costs."""
    budget = RetryBudget(RetryPolicy())
    start = time.process_time()
    for number in range(count):
        budget.sent(number / 1000)
    return (time.process_time() - start) / count


async def paced(limit: RateLimit, seconds: float) -> float:
    """What share of the rate is reached on a real clock by tasks that always want to go."""
    assert limit.rate is not None
    gate, begun = Gate(100, Limiter(limit)), 0

    async def visit() -> None:
        nonlocal begun
        while True:
            async with gate.slot(Urgency.READ):
                begun += 1

    tasks = [asyncio.create_task(visit()) for _ in range(10)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return (begun - limit.burst) / (limit.rate * seconds)


def spread_of(measure: Callable[[], Awaitable[float]], rounds: int) -> Spread:
    """Measure in a fresh loop each time."""

    async def once() -> float:
        return await measure()

    return spread(asyncio.run(once()) for _ in range(rounds))


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=counting, default=10_000, help="tasks that wait at once")
    parser.add_argument("--count", type=counting, default=50_000, help="uncontended turns")
    parser.add_argument("--rounds", type=counting, default=5, help="the median of so many is written")
    parser.add_argument("--seconds", type=positive, default=2.0, help="how long a rate is held on the real clock")
    options = parser.parse_args(arguments)
    count, many, rounds = options.count, options.waiting, options.rounds
    rows: list[tuple[str, Callable[[], Awaitable[float]]]] = [
        (REFERENCE, lambda: semaphore_alone(count)),
        ("a turn, uncontended, no limit", lambda: uncontended(count, None)),
        ("a turn, uncontended, with a limit (no task switch, no timer)", lambda: uncontended(count, FAST)),
        ("looking for limits in the headers of an answer: none there", lambda: headers_read(count, PLAIN)),
        ("the same, one there", lambda: headers_read(count, {**PLAIN, **LIMITS})),
        ("counting a request for the retry budget", lambda: retries_counted(count)),
        (f"asyncio.Semaphore, {many:,} waiting, for comparison", lambda: tasks_alone(many)),
        (f"a turn, {many // 10:,} waiting, with a limit", lambda: waiting(many // 10, FAST)),
        (f"a turn, {many:,} waiting, no limit", lambda: waiting(many, None)),
        (f"a turn, {many:,} waiting, with a limit", lambda: waiting(many, FAST)),
        (f"a turn, {many:,} waiting, 10 clients on one limiter", lambda: waiting(many, FAST, clients=10)),
        (f"a turn, {many:,} waiting, 100 clients on one limiter", lambda: waiting(many, FAST, clients=100)),
    ]
    spreads = {name: spread_of(measure, rounds) for name, measure in rows}
    turns = tuple((name, MICROSECONDS * found.median) for name, found in spreads.items())
    noisy = noise(spreads[REFERENCE], REFERENCE)
    note = " ".join(filter(None, [f"Processor time, medians of {rounds} rounds.", noisy]))
    limits = (RateLimit(50), RateLimit(500), RateLimit(500, burst=1), RateLimit(5000))
    reached = tuple(
        (f"`RateLimit({limit.requests:g}, burst={limit.burst})`", 100 * asyncio.run(paced(limit, options.seconds)))
        for limit in limits
    )
    save(
        "limiter",
        [
            Table("What a turn costs", ("what", "µs each"), turns, note),
            Table(
                "How near a rate comes to itself",
                ("limit", "share reached, %"),
                reached,
                f"On the real clock, {options.seconds:g} s each, by tasks that always want to go.",
            ),
        ],
        folder=folder,
        rounds=rounds,
        seconds=options.seconds,
    )


if __name__ == "__main__":
    main()
