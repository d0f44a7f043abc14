"""When the jobs of one target are looked at next, and what else its next look has to know.

A token says how far a job has come; this is what a watch in one process keeps beside it. Without it nothing is wrong:
every job is then looked at at once. Instants are seconds of the database's clock, because loop clocks mean nothing to
another process, and the wall clock of another machine little.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from attrs import field, frozen

from packcloud_async.models import SyncKind

VERSION = 1

_LATEST = 250_000_000_000.0
"""The year 9892: what is later no calendar knows."""


@frozen
class NextRead:
    """The next read of one part of a job: by the probe of a kind, or of its integration when ``probe`` is None.

    ``scheduled_at`` is when ``due_at`` was decided, ``decides`` whether it ends a window.
    """

    probe: SyncKind | None
    due_at: float
    decides: bool
    scheduled_at: float


@frozen
class Plan:
    """What is planned for one job.

    ``page`` is where the list showed its integration last, 0 for nowhere; ``unfound_from`` when the first of the reads
    was asked that did not find it, None if the last did.
    """

    reads: tuple[NextRead, ...]
    page: int = 0
    unfound_from: float | None = None


@frozen
class Schedule:
    """The plans of a target's jobs by their numbers, and what is known of the list of its integrations.

    ``pages`` is the length of the list, None if it is not known or not to be relied upon; ``singles_mislead`` as in
    :class:`~packcloud_async._sansio.list_knowledge.ListKnowledge`.
    """

    plans: Mapping[int, Plan] = field(factory=dict[int, Plan])
    pages: int | None = None
    singles_mislead: bool = False

    @property
    def next_due(self) -> float | None:
        """When the first of them is due, None when nothing is planned."""
        due = min((read.due_at for plan in self.plans.values() for read in plan.reads), default=math.inf)
        return None if due == math.inf else due


def write_schedule(schedule: Schedule) -> str:
    """Write it as JSON."""
    return json.dumps(
        {
            "version": VERSION,
            "pages": schedule.pages,
            "singles_mislead": schedule.singles_mislead,
            "plans": [
                [
                    number,
                    plan.page,
                    plan.unfound_from,
                    [[read.probe, read.due_at, read.decides, read.scheduled_at] for read in plan.reads],
                ]
                for number, plan in schedule.plans.items()
            ],
        },
        separators=(",", ":"),
    )


def read_schedule(text: str | None) -> Schedule:
    """Read what :func:`write_schedule` wrote; what cannot be read is an empty one: everything is due at once."""
    if text is None:
        return Schedule()
    try:
        fields = json.loads(text)
        if fields["version"] != VERSION:
            return Schedule()
        plans = {int(number): _plan(values) for number, *values in _list(fields["plans"])}
        pages = fields["pages"]
        return Schedule(plans, None if pages is None else max(1, int(pages)), bool(fields["singles_mislead"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Schedule()


def _plan(values: Sequence[Any]) -> Plan:
    page, unfound_from, reads = values
    return Plan(
        tuple(_read(read) for read in _list(reads)),
        max(0, int(page)),
        None if unfound_from is None else _instant(unfound_from),
    )


def _read(values: Any) -> NextRead:
    probe, due_at, decides, scheduled_at = _list(values)
    return NextRead(None if probe is None else SyncKind(probe), _instant(due_at), bool(decides), _instant(scheduled_at))


def _instant(value: Any) -> float:
    instant = float(value)
    if not 0 <= instant <= _LATEST:
        raise ValueError("instant")
    return instant


def _list(value: Any) -> Any:
    # A text can be iterated over too.
    if type(value) is not list:
        raise TypeError("no list")
    return cast("Any", value)
