"""How an adaptive rate finds what a server takes; on the pure core, so without a clock.

From the repository's root:

python -m benchmarks.adapting
"""

from collections import Counter, deque

from packcloud_async import RateLimit
from packcloud_async._sansio.budget import Budget

QUICK = ()
TAKES = 20
"""The server refuses what goes beyond this in any second."""
ANSWERS_AFTER = 0.05
RETRY_AFTER = 1.0
SPAN = 5.0
UNTIL = 90.0


def main() -> None:
    limit = RateLimit(100, adaptive=True)
    budget, accepted, refusals = Budget(limit), deque[float](), deque[tuple[float, float]]()
    sent, refused, now = Counter[int](), Counter[int](), 0.0
    while now < UNTIL:
        ready_at = budget.ready_at(now)
        if refusals and refusals[0][1] <= max(now, ready_at):
            began, now = refusals.popleft()
            budget.refused(began=began, now=now, until=now + RETRY_AFTER)
            continue
        if ready_at > now:
            now = ready_at
            continue
        budget.begin(now)
        sent[int(now // SPAN)] += 1
        while accepted and accepted[0] <= now - 1:
            accepted.popleft()
        if len(accepted) < TAKES:
            accepted.append(now)
        else:
            refused[int(now // SPAN)] += 1
            refusals.append((now, now + ANSWERS_AFTER))
    print(f"{limit.requests:g} requests per second wanted, {TAKES} taken; one line for {SPAN:g} seconds")
    print("  from   accepted/s  refused")
    for span in range(int(UNTIL / SPAN)):
        rate = (sent[span] - refused[span]) / SPAN
        print(f"{span * SPAN:4.0f} s  {rate:10.1f}  {refused[span]:7}  {'#' * round(rate * 2)}{'x' * refused[span]}")
    total = sum(sent.values())
    print(f"{total} sent, {sum(refused.values())} refused; lowest rate {budget.lowest_rate:g} per second")


if __name__ == "__main__":
    main()
