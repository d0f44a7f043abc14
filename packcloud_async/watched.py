"""Watched: a job as its watch knows it, and all of them by integration."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

from attrs import define, field

from packcloud_async._sansio.due import NOWHERE, QUEUED
from packcloud_async._sansio.outcomes import Sighting
from packcloud_async._sansio.planning import due_by
from packcloud_async._sansio.progress import SyncProgress, Wait
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.calls import Caller
from packcloud_async.models import SyncKind


class Watcher(Protocol):
    """Who is told what a watch does for its jobs; ``sees_all`` when also what showed nothing new."""

    @property
    def sees_all(self) -> bool: ...

    @property
    def caller(self) -> Caller:
        """Through whom their reads go."""
        ...

    def seen(self, watched: "Watched", sighting: Sighting) -> None:
        """A read told a job something."""
        ...

    def retried(self, watched: "Watched", details: RetryDetails) -> None:
        """A read of a job is repeated."""
        ...

    def ended(self, watched: "Watched", failure: BaseException | None) -> None:
        """Told once for each job: None when its machine is done, the error when the watch cannot go on."""
        ...


@define(eq=False, weakref_slot=False)
class Watched:
    """One job in a watch, or the part of it that one probe reads: a record without a task of its own.

    ``kinds`` are those its reads speak for, ``probe`` the kind whose probe makes them, None for reads of the
    integration. ``tag`` is the watcher's own. ``page`` is where the last walk saw the integration, counted from 1, 0
    if none did. ``scheduled_at`` is when ``due_at`` was decided, ``looked_at`` when the last read that told it anything
    was asked, ``read_with`` what the read under way is for. ``hinted`` says that it is to be read again at once,
    ``not_later_than`` when it would have been read without a hint, infinite if that is no sooner than ``due_at``.
    """

    integration_id: str
    progress: SyncProgress
    watcher: Watcher
    kinds: tuple[SyncKind, ...]
    probe: SyncKind | None
    tag: int
    due_at: float
    decides: bool
    scheduled_at: float = math.inf
    place: int = NOWHERE
    page: int = 0
    looked_at: float = -math.inf
    read_with: "list[Watched] | None" = None
    hinted: bool = False
    not_later_than: float = math.inf
    following: "Watched | None" = None

    @property
    def early_at(self) -> float:
        """From when on the next read may come, to travel with others."""
        due_at = self.due_at
        return due_at if self.decides else due_by(self.scheduled_at, due_at)

    @property
    def is_queued(self) -> bool:
        """Whether it waits for its next read; False while one is under way."""
        return self.place == QUEUED

    def where_it_left(self, now: float) -> Wait:
        """Return the next read of a job that joins, perhaps long after it was due."""
        if now <= self.due_at:
            return Wait(self.due_at, self.decides)
        # Nobody looked when it was due, so what is seen now does not tell how long the sync took.
        self.progress.is_measured = False
        wait = self.progress.next_read(now, kinds=self.kinds, resumed=True)
        assert isinstance(wait, Wait)
        return wait

    def brought_forward(self, until: float, now: float) -> Wait:
        """Return a read now in place of a later one; the read after it is not to be later than that one."""
        self.not_later_than = min(self.not_later_than, until)
        return Wait(now, decides=False)

    def as_hinted(self, wait: Wait, now: float) -> Wait:
        """Return what hints make of the next read."""
        hinted, self.hinted = self.hinted, False
        if wait.until <= now:
            return wait
        if hinted:
            return self.brought_forward(wait.until, now)
        if self.not_later_than < wait.until:
            return Wait(max(now, self.not_later_than), decides=False)
        return wait


Group = Mapping[str, list[Watched]]
"""Jobs by the integration they watch."""


@define(eq=False)
class WatchedJobs:
    """Jobs by integration. Those of one integration form a chain, so that the usual single one costs no list."""

    _first: dict[str, Watched] = field(factory=dict[str, Watched], init=False)

    def __len__(self) -> int:
        """How many integrations are watched."""
        return len(self._first)

    def __contains__(self, watched: Watched) -> bool:
        one = self._first.get(watched.integration_id)
        while one is not None and one is not watched:
            one = one.following
        return one is not None

    def __iter__(self) -> Iterator[Watched]:
        for integration_id in list(self._first):
            yield from self.of(integration_id)

    @property
    def first_of(self) -> Callable[[str], Watched | None]:
        """Gives the job of an integration that came last, the only one as a rule; None if nobody watches it."""
        return self._first.get

    def of(self, integration_id: str) -> Iterator[Watched]:
        """Iterate over the jobs of one integration; they may be removed meanwhile."""
        watched = self._first.get(integration_id)
        while watched is not None:
            following = watched.following
            yield watched
            watched = following

    def add(self, watched: Watched) -> None:
        """Add a job that is not there yet."""
        watched.following = self._first.get(watched.integration_id)
        self._first[watched.integration_id] = watched

    def remove(self, watched: Watched) -> None:
        """Remove a job; one that is not there is ignored."""
        first = self._first.get(watched.integration_id)
        if first is watched:
            if watched.following is None:
                del self._first[watched.integration_id]
            else:
                self._first[watched.integration_id] = watched.following
            return
        while first is not None:
            if first.following is watched:
                first.following = watched.following
                return
            first = first.following


def parts_of(progress: SyncProgress) -> Sequence[tuple[SyncKind | None, tuple[SyncKind, ...]]]:
    """Split the open kinds of a job into what its integration shows and what each probe reads."""
    carried, probed = progress.open_kinds, progress.probed_kinds
    if probed:
        carried = tuple([kind for kind in carried if kind not in probed])
    parts: list[tuple[SyncKind | None, tuple[SyncKind, ...]]] = []
    if carried:
        parts.append((None, _SHARED.setdefault(carried, carried)))
    parts += [(kind, _SHARED.setdefault((kind,), (kind,))) for kind in probed]
    return parts


_SHARED: dict[tuple[SyncKind, ...], tuple[SyncKind, ...]] = {}
"""One tuple for each combination of kinds."""


def by_probe(due: Iterable[Watched]) -> Iterable[list[Watched]]:
    """Split what is due by what reads it."""
    parts: dict[SyncKind | None, list[Watched]] = {}
    for watched in due:
        parts.setdefault(watched.probe, []).append(watched)
    return parts.values()


def by_integration(due: Iterable[Watched]) -> dict[str, list[Watched]]:
    """Group jobs by their integration."""
    grouped: dict[str, list[Watched]] = {}
    for watched in due:
        grouped.setdefault(watched.integration_id, []).append(watched)
    return grouped


def all_of(group: Group) -> list[Watched]:
    """Return every job of a group."""
    return list(chain.from_iterable(group.values()))


def any_decides(same: Iterable[Watched]) -> bool:
    """Whether the next read of one of them ends a window, and so is worth repeating if it fails."""
    return any(watched.decides for watched in same)
