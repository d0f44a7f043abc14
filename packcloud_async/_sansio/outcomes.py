"""What a sync did, as far as it can be known, as values."""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from enum import StrEnum
from typing import Self

from attrs import field, frozen

from packcloud_async._sansio.counting import counted
from packcloud_async._sansio.timestamps import Direction
from packcloud_async.errors import PackCloudError, SyncError
from packcloud_async.models import SyncKind


class Outcome(StrEnum):
    """How the sync of one kind ended. "Changed" is the only proof; "not changed" proves nothing."""

    ADVANCED = "advanced"
    """Started, and the watermark differs from every value seen before."""
    QUIET = "quiet"
    """Accepted and watched for the whole window, and nothing changed. Not a failure, not a proof."""
    UNOBSERVABLE = "unobservable"
    """Accepted; this kind has no watermark that could be watched, and no probe confirms it."""
    REJECTED = "rejected"
    """Not started: the server refused the POST, or it certainly never left; ``error`` says why."""
    AMBIGUOUS = "ambiguous"
    """The POST may or may not have arrived, and nothing changed in the window."""
    GONE = "gone"
    """The integration disappeared while it was watched."""
    UNREAD = "unread"
    """Accepted, but the last look failed, so nothing is known; ``error`` is why."""

    @property
    def is_failure(self) -> bool:
        """Whether somebody should look: rejected, ambiguous, gone or unread."""
        return self in _FAILURES


_FAILURES = frozenset({Outcome.REJECTED, Outcome.AMBIGUOUS, Outcome.GONE, Outcome.UNREAD})


@frozen(weakref_slot=False)
class Step:
    """One move of a watermark, as received (None is null); ``seen_at`` is seconds since the job started."""

    before: str | None
    after: str | None
    seen_at: float
    direction: Direction


@frozen(kw_only=True, weakref_slot=False)
class KindOutcome:
    """How one kind ended.

    ``before`` is the baseline and ``after`` the last value seen, as received; both None for a kind without a
    watermark. ``steps`` are the moves observed since the POST, by whoever caused them: without a job id nobody
    can tell. ``error`` is None unless something went wrong; beside ``QUIET``, ``ADVANCED`` or ``UNOBSERVABLE``
    a :class:`~packcloud_async.Conflict` says that a sync was already running and was joined.
    """

    state: Outcome
    before: str | None = None
    after: str | None = None
    steps: tuple[Step, ...] = ()
    error: PackCloudError | None = None

    @property
    def seen_at(self) -> float | None:
        """When the first change was seen, in seconds since the job started; None if none was."""
        return self.steps[0].seen_at if self.steps else None


class KindOutcomes(Mapping[SyncKind, KindOutcome]):
    """Outcomes by kind, in half the memory of a dict: ``kinds`` is to be one tuple for all results that have the same.

    It equals every mapping of the same outcomes.
    """

    __slots__ = ("_kinds", "_outcomes")

    def __init__(self, kinds: tuple[SyncKind, ...], outcomes: tuple[KindOutcome, ...]) -> None:
        self._kinds = kinds
        self._outcomes = outcomes

    def __getitem__(self, kind: SyncKind, /) -> KindOutcome:
        # There are at most four, and a text that equals a kind is found as it is in a dict.
        for known, outcome in zip(self._kinds, self._outcomes, strict=True):
            if known == kind:
                return outcome
        raise KeyError(kind)

    def __iter__(self) -> Iterator[SyncKind]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def items(self) -> ItemsView[SyncKind, KindOutcome]:
        """Return kinds with their outcomes."""
        return dict(zip(self._kinds, self._outcomes, strict=True)).items()

    def values(self) -> ValuesView[KindOutcome]:
        """Return the outcomes."""
        return dict(zip(self._kinds, self._outcomes, strict=True)).values()

    def __repr__(self) -> str:
        return repr(dict(self))


@frozen(kw_only=True, weakref_slot=False)
class Sighting:
    """One read of an integration: when (seconds since the job started), what it showed, or why it failed.

    ``watermarks`` are as received; None is null. ``shared`` is True when the read was a list that served other
    integrations as well. ``error`` is None when the read succeeded.
    """

    at: float
    watermarks: Mapping[SyncKind, str | None] = field(factory=dict[SyncKind, str | None])
    shared: bool = False
    error: PackCloudError | None = None


@frozen(kw_only=True, weakref_slot=False)
class SyncResult:
    """What happened to one integration; ``result[SyncKind.ORDERS]`` is the outcome of one kind.

    ``integration_id`` is None, ``kinds`` empty and ``error`` set when the target could not be started at all.
    ``elapsed`` is seconds from the start of the job, for a resumed one that of the first process, to its result.
    ``timeline`` holds every read of this process, beginning with the baseline if it read it.
    """

    organization_id: str
    integration_id: str | None
    kinds: Mapping[SyncKind, KindOutcome] = field(factory=dict[SyncKind, KindOutcome])
    elapsed: float = 0.0
    timeline: tuple[Sighting, ...] = field(default=(), repr=lambda reads: f"<{counted(len(reads), 'read')}>")
    error: PackCloudError | None = None

    def __getitem__(self, kind: SyncKind) -> KindOutcome:
        return self.kinds[kind]

    def __iter__(self) -> Iterator[SyncKind]:
        return iter(self.kinds)

    @property
    def failed(self) -> bool:
        """Whether the target could not be started, or any kind ended in a failure."""
        return self.error is not None or any(kind.state.is_failure for kind in self.kinds.values())

    def raise_for_outcome(self) -> Self:
        """Return self, or raise :class:`~packcloud_async.SyncError` naming every kind that failed."""
        if not self.failed:
            return self
        place = self.organization_id if self.integration_id is None else f"{self.organization_id}/{self.integration_id}"
        told = [] if self.error is None else [str(self.error)]
        told += [
            f"{kind.value} {outcome.state.value}" + (f" ({outcome.error})" if outcome.error else "")
            for kind, outcome in self.kinds.items()
            if outcome.state.is_failure
        ]
        raise SyncError(f"sync of {place}: {'; '.join(told)}") from self.error
