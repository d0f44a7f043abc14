"""Which reads are due, and whether one walk of the list or single reads are fewer requests."""

from collections.abc import Collection

from attrs import frozen

SLACK = 0.25
"""The share of its wait by which a read may come early to travel with others."""


@frozen
class Singles:
    """Read each of these on its own."""

    integration_ids: tuple[str, ...]


@frozen
class Walk:
    """Read the list page by page until all of these were seen; those it did not show are read on their own."""

    integration_ids: tuple[str, ...]


ReadPlan = Singles | Walk


def due_by(scheduled_at: float, due_at: float) -> float:
    """Return the earliest instant at which a read that was scheduled for ``due_at`` may be made."""
    return due_at - SLACK * max(0.0, due_at - scheduled_at)


def plan_reads(due: Collection[str], *, watched: int, pages: int | None) -> ReadPlan:
    """Choose the plan with fewer requests for the integrations that are due.

    ``watched`` is how many integrations are watched in all: where both plans cost the same, the walk also brings
    news of those that are not due. ``pages`` is how many pages the whole list had when it was last walked, None if
    it never was: a walk of unknown length is not begun.
    """
    distinct = tuple(dict.fromkeys(due))
    if pages is None or pages > len(distinct):
        return Singles(distinct)
    if pages == len(distinct) and watched <= len(distinct):
        return Singles(distinct)
    return Walk(distinct)
