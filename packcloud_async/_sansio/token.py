"""The token of a job: plain JSON that another process can go on from, without any secret in it.

Version 1::

    {"version": 1, "organization_id": "org_1", "integration_id": "int_1", "on_conflict": "watch",
     "started": "2026-01-01T10:00:00+00:00", "watched": "2026-01-01T10:00:01+00:00" or null,
     "poll": {"first": 1.0, ...},
     "kinds": {"orders": {"phase": "sent", "seen": ["2026-..."], "steps": [...], "error": null,
               "probed": false, "outcome": null, "outcome_error": null}}}

Times are wall-clock times, because loop clocks mean nothing to another process. Errors are kept as a class name
and a status, never as text the server sent.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeGuard, cast

import attrs
from attrs import evolve, frozen

from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.outcomes import Outcome, Step
from packcloud_async._sansio.progress import KindState, Phase, SyncProgress
from packcloud_async._sansio.timestamps import Direction
from packcloud_async.errors import ApiError, ConfigurationError, Conflict, PackCloudError, SyncError
from packcloud_async.models import UNSET, SyncKind
from packcloud_async.policies import PollPolicy, path_segment

VERSION = 1


@frozen(kw_only=True)
class JobRecord:
    """Everything a token says. ``watched`` is when the watch began, None if it has not."""

    organization_id: str
    integration_id: str
    poll: PollPolicy
    on_conflict: OnConflict
    started: datetime
    watched: datetime | None
    kinds: Mapping[SyncKind, KindState]

    @property
    def has_baseline(self) -> bool:
        """Whether the integration was read: without that, nothing was sent either."""
        return any(state != KindState() for state in self.kinds.values())

    def progress(self, policy: PollPolicy, *, spread: float, now: float, wall_clock: datetime) -> SyncProgress:
        """Build the machine that goes on from here; ``now`` is the loop's clock and ``wall_clock`` the same instant."""
        since_start = _seconds(self.started, wall_clock) if self.has_baseline else 0.0
        progress = SyncProgress(
            policy=policy,
            # A resumed job counts from its first start, so that durations keep their meaning.
            started_at=now - since_start,
            kinds=self.kinds,
            spread=spread,
            watched_from=None if self.watched is None else now - _seconds(self.watched, wall_clock),
        )
        # What was answered in another process began at an instant this one did not see.
        progress.is_measured = all(state.phase is Phase.PLANNED for state in self.kinds.values())
        return progress

    def at(self, progress: SyncProgress) -> "JobRecord":
        """Return the record of the same job as far as its machine has come."""
        watched = self.watched
        if progress.watched_from is not None:
            watched = _later(self.started, progress.watched_from - progress.started_at)
        return evolve(self, watched=watched, kinds=dict(progress.kinds))


def _seconds(since: datetime, until: datetime) -> float:
    # A wall clock that went backwards must not lengthen the window.
    return max(0.0, (until - since).total_seconds())


def _later(instant: datetime, seconds: float) -> datetime:
    try:
        return instant + timedelta(seconds=seconds)
    except OverflowError:
        # The wall clock of whoever started it stood at the end of time.
        return instant


def write_token(record: JobRecord) -> str:
    """Write a token of the current version."""
    return json.dumps(
        {
            "version": VERSION,
            "organization_id": record.organization_id,
            "integration_id": record.integration_id,
            "on_conflict": record.on_conflict.value,
            "started": record.started.isoformat(),
            "watched": None if record.watched is None else record.watched.isoformat(),
            "poll": attrs.asdict(record.poll),
            "kinds": {kind.value: _kind_to_json(state) for kind, state in record.kinds.items()},
        }
    )


def read_token(token: str) -> JobRecord:
    """Read a token; raise :class:`SyncError` that says what is wrong and what to do."""
    try:
        document = json.loads(token)
    except (ValueError, TypeError, RecursionError):
        raise SyncError("this is not a job token: it is not JSON; pass the text of AsyncSyncJob.token") from None
    if not isinstance(document, dict) or "version" not in document:
        raise SyncError("this is not a job token: it has no version; pass the text of AsyncSyncJob.token")
    fields = cast("dict[str, Any]", document)
    # To Python true is 1, and so is 1.0.
    if type(fields["version"]) is not int or fields["version"] != VERSION:
        raise SyncError(
            f"job token of version {fields['version']!r:.20}; this release reads version {VERSION}: "
            "resume it with the release of packcloud_async that wrote it"
        )
    try:
        return _record(fields)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SyncError(f"damaged job token ({type(error).__name__}): use the text exactly as it was saved") from None


def _record(fields: Mapping[str, Any]) -> JobRecord:
    watched = fields["watched"]
    kinds = {SyncKind(name): _kind_from_json(state) for name, state in fields["kinds"].items()}
    if not kinds:
        raise ValueError("no kinds")
    return JobRecord(
        organization_id=_id(fields["organization_id"]),
        integration_id=_id(fields["integration_id"]),
        poll=_policy(fields["poll"]),
        on_conflict=OnConflict(fields["on_conflict"]),
        started=_instant(fields["started"]),
        watched=None if watched is None else _instant(watched),
        kinds=kinds,
    )


def _policy(fields: Mapping[str, Any]) -> PollPolicy:
    try:
        return PollPolicy(**fields)
    except ConfigurationError as error:
        raise ValueError("policy") from error


def _kind_to_json(state: KindState) -> dict[str, object]:
    return {
        "phase": state.phase.value,
        "seen": list(state.seen),
        "steps": [[s.before, s.after, s.seen_at, s.direction.value] for s in state.steps],
        "error": _error_to_json(state.error),
        "probed": state.probed,
        "outcome": None if state.outcome is None else state.outcome.state.value,
        "outcome_error": None if state.outcome is None else _error_to_json(state.outcome.error),
    }


def _kind_from_json(fields: Mapping[str, Any]) -> KindState:
    seen = tuple(_text_or_none(value) for value in _list(fields["seen"]))
    state = KindState(
        phase=Phase(fields["phase"]),
        baseline=seen[0] if seen else UNSET,
        steps=tuple(_step(values) for values in _list(fields["steps"])),
        error=_error_from_json(fields["error"]),
        probed=_flag(fields.get("probed", False)),
    )
    outcome = None if fields["outcome"] is None else Outcome(fields["outcome"])
    # A machine could not have written these, and could not go on from them.
    if state.seen != seen or (state.steps and not seen) or (outcome is Outcome.ADVANCED and not state.steps):
        raise ValueError("steps")
    if outcome is not None:
        ended = state.ended(outcome, _error_from_json(fields["outcome_error"]))
        # News that was seen is never called anything but that.
        if ended.steps and outcome is not Outcome.ADVANCED:
            raise ValueError("outcome")
        return ended
    if state.phase in (Phase.ACCEPTED, Phase.IN_DOUBT) and not state.seen:
        raise ValueError("seen")
    return state


def _step(values: Any) -> Step:
    before, after, seen_at, direction = _list(values)
    if isinstance(seen_at, bool) or not math.isfinite(seen_at):
        raise ValueError(seen_at)
    return Step(_text_or_none(before), _text_or_none(after), float(seen_at), Direction(direction))


def _error_to_json(error: PackCloudError | None) -> str | None:
    if error is None:
        return None
    if isinstance(error, RecordedError):
        return error.recorded
    name = type(error).__name__
    return f"{name} {error.status}" if isinstance(error, ApiError) else name


def _error_from_json(text: Any) -> PackCloudError | None:
    return None if text is None else RecordedError(_text(text))


class RecordedError(SyncError):
    """An error of another process, of which only the class and the status were kept; ``when`` is for its message."""

    def __init__(self, recorded: str, when: str = "before the job was resumed") -> None:
        super().__init__(f"recorded {when}: {recorded}")
        self.recorded = recorded


def is_conflict(error: PackCloudError | None) -> TypeGuard[PackCloudError]:
    """Whether a POST was answered 409, also when that is only known from a token."""
    return isinstance(error, Conflict) or (isinstance(error, RecordedError) and error.recorded == _CONFLICT)


_CONFLICT = "Conflict 409"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError(value)


def _list(value: Any) -> Any:
    # A text can be iterated over too.
    if type(value) is not list:
        raise TypeError(value)
    return cast("Any", value)


def _id(value: Any) -> str:
    path_segment("id", value)
    return _text(value)


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(_text(value))
    if instant.tzinfo is None:
        raise ValueError("no zone")
    return instant
