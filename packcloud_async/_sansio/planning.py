"""Which reads are due, and whether one walk of the list, the beginning of one, or single reads are fewer requests.

1. A walk that goes on to a page costs one request for each page up to there, and saves a single read for each due
   integration that is on one of them. It is begun, and goes on, while some page ahead is worth going to; what it
   did not show is read alone.
2. Where it makes no difference the walk is chosen if it may bring news of others too.
3. What is expected on a page and is not there is expected nowhere: it is read alone, and no page is read for its
   sake. So a walk costs at most as much as the cheaper of "all alone" and "a walk to the furthest", and one more
   request for each due integration that is not where it was seen last: further back in the list, or gone.

Pages are counted from 1. The caller keeps one small whole number for each integration it watches: the page on which
a walk showed it last.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable

from attrs import frozen

from packcloud_async._sansio.values import equal, hashed, shown

SLACK = 0.25
"""The share of its wait by which a read may come early to travel with others."""


@frozen
class Singles:
    """Read each of these on its own."""

    integration_ids: tuple[str, ...]

    __repr__, __eq__, __hash__ = shown, equal, hashed


@frozen
class Walk:
    """Read the list page by page, as long as :func:`goes_on` says so; those it did not show are read on their own."""

    integration_ids: tuple[str, ...]

    __repr__, __eq__, __hash__ = shown, equal, hashed


ReadPlan = Singles | Walk


def due_by(scheduled_at: float, due_at: float) -> float:
    """Return the earliest instant at which a read that was scheduled for ``due_at`` may be made."""
    return due_at - SLACK * max(0.0, due_at - scheduled_at)


def _unknown(_: str) -> None:
    return None


def plan_reads(
    due: Collection[str], *, watched: int, pages: int | None, page_of: Callable[[str], int | None] = _unknown
) -> ReadPlan:
    """Choose the plan with fewer requests for the integrations that are due.

    ``watched`` is how many integrations are watched in all: where both plans cost the same, the walk also brings
    news of those that are not due. ``pages`` is how many pages the whole list had when it was last walked, None if
    it never was: a walk of unknown length is not begun. ``page_of`` gives the page on which an integration was seen
    last, None if unknown: it may then be on any page.
    """
    distinct = tuple(dict.fromkeys(due))
    others = watched > len(distinct)
    if pages is None:
        walks = False
    elif pages == 1:
        # It need not be asked where each is expected.
        walks = len(distinct) > 1 or (others and bool(distinct))
    else:
        walks = goes_on(map(page_of, distinct), read=0, pages=pages, others=others)
    return Walk(distinct) if walks else Singles(distinct)


def goes_on(missing: Iterable[int | None], *, read: int, pages: int | None, others: bool = False) -> bool:
    """Whether to read the next page of a walk, rather than what is still missing one by one.

    ``missing`` are the pages on which the integrations that are due and were not shown yet were seen last, None for
    unknown; ``read`` is the page just read, 0 for none. ``pages`` is the known length of the list, None if unknown.
    ``others`` says whether the walk may bring news of integrations that are not due.
    """
    expected = Counter(_expected_on(page, pages) for page in missing)
    seen = 0
    for page in sorted(page for page in expected if page > read):
        seen += expected[page]
        saved = seen - (page - read)
        if saved > 0 or (saved == 0 and others):
            return True
    return False


def shared_list_pays(*, singles: int, unconfirmed: int, pages: int | None) -> bool:
    """Whether a shared list that must be read to its end is fewer requests than ``singles``.

    ``pages`` is how many it has, None if unknown: it may then be short, which is worth a look. Of a list that has
    more than one page, what was not seen before must be confirmed, by ``unconfirmed`` requests or a second walk.
    """
    expected = 1 if pages is None else pages
    confirming = 0 if expected == 1 else min(unconfirmed, expected)
    return expected + confirming < singles


_NOWHERE = 0


def _expected_on(page: int | None, pages: int | None) -> int:
    """Return the page to read up to for one integration; the last one if it may be anywhere."""
    if pages is None:
        return _NOWHERE if page is None else page
    # What was seen further back than the list is long may be anywhere too.
    return pages if page is None else min(page, pages)
