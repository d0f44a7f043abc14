"""What a bulk run is asked to sync: organizations, in any iterable."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from attrs import define, field, frozen

from packcloud_async._sansio.fairness import GREATEST_WEIGHT, LEAST_WEIGHT
from packcloud_async.errors import ConfigurationError
from packcloud_async.models import SyncKind
from packcloud_async.sync_job import check_kinds

T = TypeVar("T")


def _distinct(ids: Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(ids, str):
        raise ConfigurationError(f"integration_ids must be an iterable of ids, such as [{ids!r}]")
    return None if ids is None else tuple(dict.fromkeys(ids))


def _kinds_or_none(kinds: Iterable[SyncKind | str] | None) -> tuple[SyncKind, ...] | None:
    return None if kinds is None else check_kinds(kinds)


def _weight(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not LEAST_WEIGHT <= value <= GREATEST_WEIGHT:
        wanted = f"a number from {LEAST_WEIGHT:g} to {GREATEST_WEIGHT:g}"
        raise ConfigurationError(f"SyncTarget.{attribute.name} must be {wanted}, not {value!r}")


@frozen
class SyncTarget:
    """What to sync in one organization.

    ``integration_ids`` None means every integration, whose listing is also the baseline. ``kinds`` None means
    the kinds given to ``sync_many``. ``weight`` is its share of the requests where organizations have to wait for each
    other: one of weight 2 gets two turns where others get one.
    """

    organization_id: str
    integration_ids: tuple[str, ...] | None = field(default=None, converter=_distinct)
    kinds: tuple[SyncKind, ...] | None = field(default=None, converter=_kinds_or_none)
    weight: float = field(default=1.0, validator=_weight)


Targets = Iterable[str | SyncTarget] | AsyncIterable[str | SyncTarget]


@asynccontextmanager
async def iterating(targets: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[AsyncIterator[T]]:
    """Iterate over targets of either kind, and close a generator instead of leaving it to the collector."""
    if not isinstance(targets, AsyncIterable):
        steps = iter(targets)
        try:
            yield _Steps(steps)
        finally:
            if isinstance(steps, Generator):
                steps.close()
        return
    iterator = aiter(targets)
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


@define
class _Steps(AsyncIterator[T]):
    """A plain iterator as an async one."""

    _steps: Iterator[T]

    async def __anext__(self) -> T:
        for step in self._steps:
            return step
        raise StopAsyncIteration
