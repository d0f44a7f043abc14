"""The fewest requests there can be for a plan: without a thought for the delay, and for news that is in time."""

from collections import Counter
from collections.abc import Iterator

from attrs import frozen

from benchmarks.lean_server import Key
from benchmarks.whole.least import Least, Page, knowing_the_distribution, knowing_the_draws, log_normal
from benchmarks.whole.server import Plan
from benchmarks.whole.ways import KINDS


@frozen
class Requests:
    """So many GETs and POSTs."""

    reads: int
    posts: int


def floor(plan: Plan) -> Requests:
    """Return the fewest requests: the POSTs, and each page once before and once after."""
    return Requests(reads=2 * len(list(_pages(plan))), posts=len(plan.integration_ids) * len(KINDS))


def for_whom_knows_the_distribution(plan: Plan, *, tolerated: float) -> Least:
    """Return the fewest reads, one listing before among them, with 95 in a hundred news no later than ``tolerated``."""
    survival = log_normal(median=plan.median, spread=plan.spread)
    bound = enough = 0.0
    for syncs, pages in Counter(len(page) for page in _pages(plan)).items():
        one = knowing_the_distribution(Page(syncs=syncs, survival=survival), tolerated=tolerated)
        bound += pages * (1 + one.bound)
        enough += pages * (1 + one.enough)
    return Least(bound=bound, enough=enough)


def for_whom_knows_the_draws(plan: Plan, *, tolerated: float) -> int:
    """Return the same for somebody who knows how long each sync of this plan takes."""
    pages = [[takes for key in page if (takes := plan.takes(key)) is not None] for page in _pages(plan)]
    return len(pages) + knowing_the_draws(pages, tolerated=tolerated)


def _pages(plan: Plan) -> Iterator[list[Key]]:
    for organization in plan.organization_ids:
        count = plan.integrations_of(organization)
        for first in range(1, count + 1, plan.per_page):
            shown = range(first, min(first + plan.per_page, count + 1))
            yield [(organization, f"int_{number}", kind) for number in shown for kind in KINDS]
