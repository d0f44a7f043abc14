"""What a ledger holds, as values: the run, its targets, their jobs, and who holds it.

A job is kept as the token that resumes it. The run and the targets are kept as JSON, all of it ASCII, so that
whatever text a caller takes for an id can be kept. Of an error only the class and the status are kept: a text that a
server sent might hold a secret.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

import attrs
from attrs import field, frozen

from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.outcomes import Outcome
from packcloud_async._sansio.progress import Phase
from packcloud_async._sansio.token import RecordedError, read_token
from packcloud_async.errors import ApiError, ConfigurationError
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy

T = TypeVar("T")

_ERROR_TEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}( [0-9]{3})?")


class DamagedRecord(ValueError):
    """A record of a ledger cannot be read; the message says which and holds nothing of it."""


class TargetState(StrEnum):
    """How far a target of a run came."""

    WAITING = "waiting"
    """Its jobs are not known yet."""
    LISTED = "listed"
    """Its jobs are in the ledger, all of them."""
    FAILED = "failed"
    """It could not be started, and will not be tried again."""


def _aware(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ConfigurationError(f"RunRecord.{attribute.name} must have a time zone, not {value!r}")


@frozen
class RunRecord:
    """What a bulk run was asked to do.

    ``kinds`` None means that every target names its own. ``started`` and ``finished`` are wall-clock times;
    ``finished`` is None until every target is done. ``base_url`` is the server it was begun on, None if that was not
    told: what is resumed on another one would be started there.
    """

    kinds: tuple[SyncKind, ...] | None
    poll: PollPolicy
    on_conflict: OnConflict
    started: datetime = field(validator=_aware)
    finished: datetime | None = field(default=None, validator=_aware)
    base_url: str | None = None


@frozen
class TargetRecord:
    """One target as the caller gave it; None means every integration, and the kinds of the run."""

    organization_id: str
    integration_ids: tuple[str, ...] | None = None
    kinds: tuple[SyncKind, ...] | None = None
    weight: float = 1.0


@frozen
class NewJob:
    """A job as it is first recorded; ``token`` is what resumes it."""

    integration_id: str
    token: str


@frozen
class UnfinishedJob:
    """A job that somebody has to go on with, from its token."""

    number: int
    integration_id: str
    token: str


@frozen
class UnfinishedTarget:
    """A target that somebody has to go on with: list it when it is ``WAITING``, else go on with its ``jobs``."""

    number: int
    target: TargetRecord
    state: TargetState
    jobs: tuple[UnfinishedJob, ...] = ()


@frozen
class LedgerKind:
    """How far one kind of a job came: the phase of its POST, or its outcome; ``error`` is None if it had none."""

    state: Phase | Outcome
    error: str | None = None


@frozen
class LedgerJob:
    """A job as a reader sees it. ``error`` is why it could not be done, None if it could or is not finished."""

    number: int
    integration_id: str
    token: str
    finished: bool
    error: str | None = None

    @property
    def kinds(self) -> Mapping[SyncKind, LedgerKind]:
        """How far each kind came; raises :class:`SyncError` when the token cannot be read."""
        found: dict[SyncKind, LedgerKind] = {}
        for kind, state in read_token(self.token).kinds.items():
            outcome = state.outcome
            error = state.error if outcome is None else outcome.error
            found[kind] = LedgerKind(
                state.phase if outcome is None else outcome.state, None if error is None else error_text(error)
            )
        return found


@frozen
class LedgerTarget:
    """A target as a reader sees it, with all its jobs. ``error`` is why it failed, None if it did not."""

    number: int
    target: TargetRecord
    state: TargetState
    error: str | None = None
    jobs: tuple[LedgerJob, ...] = ()


@frozen
class Holder:
    """Who holds a ledger, or held it last; ``since`` is a wall-clock time."""

    pid: int
    host: str
    since: datetime

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S %Z}"


@frozen(kw_only=True)
class LedgerCounts:
    """A ledger in numbers: targets by state, jobs by whether they are done."""

    waiting: int = 0
    listed: int = 0
    failed: int = 0
    finished: int = 0
    unfinished: int = 0


def error_text(error: BaseException) -> str:
    """Return the class of an error, and its status if a server gave one: all that a ledger keeps of it."""
    if isinstance(error, RecordedError) and _ERROR_TEXT.fullmatch(error.recorded):
        return error.recorded
    name = type(error).__name__
    return f"{name} {error.status}" if isinstance(error, ApiError) else name


def check_error_text(text: str | None) -> str | None:
    """Refuse a text that is not of the form of :func:`error_text`, without quoting it."""
    if text is not None and not _ERROR_TEXT.fullmatch(text):
        raise ConfigurationError(
            "a ledger keeps the class and the status of an error, such as 'ServerError 503', and no other text"
        )
    return text


def write_run(run: RunRecord) -> str:
    """Write a run as JSON, but for when it finished, which is told later."""
    return json.dumps(
        {
            "kinds": run.kinds,
            "poll": attrs.asdict(run.poll),
            "on_conflict": run.on_conflict,
            "started": run.started.isoformat(),
            "base_url": run.base_url,
        }
    )


def read_run(document: object, finished: object) -> RunRecord:
    """Read a run; raise :class:`DamagedRecord`."""

    def build() -> RunRecord:
        fields = json.loads(_text(document))
        return RunRecord(
            _kinds(fields["kinds"]),
            PollPolicy(**fields["poll"]),
            OnConflict(fields["on_conflict"]),
            datetime.fromisoformat(fields["started"]),
            None if finished is None else datetime.fromisoformat(_text(finished)),
            _text_or_none(fields["base_url"]),
        )

    return _read("the record of the run", build)


def write_target(target: TargetRecord) -> str:
    """Write a target as JSON."""
    return json.dumps(attrs.asdict(target))


def read_target(document: object) -> TargetRecord:
    """Read a target; raise :class:`DamagedRecord`."""

    def build() -> TargetRecord:
        fields = json.loads(_text(document))
        ids = fields["integration_ids"]
        return TargetRecord(
            _text(fields["organization_id"]),
            None if ids is None else tuple(_text(id_) for id_ in _list(ids)),
            _kinds(fields["kinds"]),
            _weight(fields["weight"]),
        )

    return _read("the record of a target", build)


def read_target_state(state: object) -> TargetState:
    """Read how far a target came; raise :class:`DamagedRecord`."""
    return _read("the record of a target", lambda: TargetState(_text(state)))


def read_error(error: object) -> str | None:
    """Read what is kept of an error; raise :class:`DamagedRecord`."""
    return _read("the record of an error", lambda: check_error_text(_text_or_none(error)))


def read_unfinished_job(number: int, integration_id: object, token: object) -> UnfinishedJob:
    """Read a job that somebody has to go on with; raise :class:`DamagedRecord`."""
    return _read("the record of a job", lambda: UnfinishedJob(number, _text(integration_id), _text(token)))


def read_job(number: int, integration_id: object, token: object, finished: object, error: object) -> LedgerJob:
    """Read a job; raise :class:`DamagedRecord`."""
    why = read_error(error)
    return _read(
        "the record of a job",
        lambda: LedgerJob(number, _text(integration_id), _text(token), finished=_flag(finished), error=why),
    )


def read_holder(pid: object, host: object, since: object) -> Holder:
    """Read who holds a ledger; raise :class:`DamagedRecord`."""
    return _read(
        "the record of the holder", lambda: Holder(_whole(pid), _text(host), datetime.fromisoformat(_text(since)))
    )


def _read(what: str, build: Callable[[], T]) -> T:
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise DamagedRecord(f"{what} is damaged ({type(error).__name__})") from None


def _kinds(values: Any) -> tuple[SyncKind, ...] | None:
    if values is None:
        return None
    if not (kinds := tuple(SyncKind(value) for value in _list(values))):
        raise ValueError("no kinds")
    return kinds


def _weight(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= sys.float_info.max:
        raise ValueError("weight")
    return float(value)


def _list(value: Any) -> Any:
    # A text can be iterated over too.
    if type(value) is not list:
        raise TypeError(value)
    return cast("Any", value)


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _flag(value: object) -> bool:
    if _whole(value) not in {0, 1}:
        raise ValueError(value)
    return value == 1


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(value)


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)
