"""Writes the page of the documentation from the table."""

from collections.abc import Iterable, Mapping, Sequence

from .calls import CALLS, CallClass
from .expectations import KEPT_AFTERWARDS, RULE, Conclusion, Ending
from .faults import Fault, Subject
from .statuses import STATUSES, fault_of
from .table import CELLS, FAULTS, must_be

HEAD = """\
# What happens when

<!-- Written by `python -m tests.faults`; a test holds this page equal to the table it is made from. -->

Each row of this page is a fault of the network or of the server. A server that misbehaves so, byte by byte, plays it to
every kind of call in the tests: {cells} cells, each with its error or its value, the number of requests the server saw,
the waits before a retry, and the connection used afterwards. `python -m tests.faults` writes the page from the same
table, so the page is what was tested.

How to read a cell:

- `TransportError`, `InvalidResponse`, ... is what the call raises, when the fault does not pass. **done** means that
  nothing is raised.
- **again**: the request is sent again, as `RetryPolicy` says. **once**: it is not. No POST is sent again unless the
  first one certainly did nothing.
- **not sent** and **maybe sent** are `error.maybe_sent`, False and True.
- *POST of a job* is what a sync job makes of it, when nothing changes at the shop afterwards. `QUIET` means accepted.
- *Reads of a watch* are the reads of a job and of its probe. A failed one is not repeated by itself: **goes on** means
  that the next read comes as planned, and shows the change.
- *Last read* is the one that ends the window of a job. It is repeated like any read, and when it fails all the same the
  outcome is `UNREAD`, with the error.
- *Connection* says whether the next request may use the same one.

## The rule

What can be known once a fault happened decides, together with the kind of call, everything else.

{rule}

## The statuses

{statuses}
"""

NOTES = {
    Subject.CONNECTING: "An untrusted certificate is not tried again: it does not get better by that.",
    Subject.ANSWERING: """\
A server that sends a byte now and then is not silent, so `Timeouts.read` does not end it; `Timeouts.total` does.
Interim answers (100 to 199) are such bytes: each begins the time anew. Where aiohttp's session sends a request, that
is one with a body or on a session of yours, it ends that time with them, and after one only `Timeouts.total` counts.
At most 128 headers of at most 8,190 bytes are read.""",
    Subject.BODY: """\
Once status and headers have arrived they count, whatever becomes of the body: a 202 is acceptance and a 409 is a
refusal, also when the body is cut off or too late. Where the fault came in the same packet as the head, the whole
answer counts as lost, which is the careful reading. `body_limit` is in bytes after decompression, and not much more
than it is ever held in memory.""",
    Subject.CONTENT: """\
JSON is UTF-8 (RFC 8259), whatever charset a header names: other bytes are refused and never guessed at. Of the same
key twice the last one counts. NaN, fractions and powers that no float can hold, whole numbers of more than 4,300
characters, half of a surrogate pair and what is nested deeper than 500 levels are refused. The reader of the standard
library and that of the extra `speed` do the same. Reads of a watch look at paging, ids and watermarks alone: any JSON
may stand beside them, numbers that no float can hold included.""",
    Subject.REFUSALS: """\
A redirect is never followed, so the credential never goes elsewhere. Another credential is asked for once after a 401,
for a POST too: the server did not act. Retry-After is read as whole seconds or as a date, compared with the server's
own Date; what cannot be read counts as not sent. A wish beyond `retry_after_ceiling` is raised at once.""",
    Subject.KEPT: """\
A kept connection is looked at before a request is written to it, also where the application used it before, on the
session it shares with the client. Where the end of the connection, or bytes that nobody asked for, already lie there,
it is closed unused and the request goes over another one. Nothing was written, so this holds for a POST and counts as
no retry. An end that is still on its way cannot be seen: a request that crosses it may have been read, so a POST is
then left in doubt and not sent again. From outside the two look the same, and a sync started twice is worse than one
watched in doubt.""",
}

COLUMNS = {
    "Reads and PUT": (CallClass.READ, CallClass.PUT),
    "DELETE": (CallClass.DELETE,),
    "Create POST": (CallClass.CREATE,),
    "Sync POST": (CallClass.SYNC,),
    "POST of a job": (CallClass.JOB,),
    "Reads of a watch": (CallClass.WATCH,),
    "Last read": (CallClass.LAST,),
}


def page() -> str:
    """Return the page as it must be."""
    sections = "\n".join(_section(subject) for subject in Subject)
    return HEAD.format(cells=f"{CELLS:,}", rule=_rule(), statuses=_statuses()) + "\n" + sections.rstrip("\n") + "\n"


def _rule() -> str:
    rows = []
    for conclusion in Conclusion:
        told = ({name.value: _cell(RULE[conclusion][name], name) for name in classes} for classes in COLUMNS.values())
        rows.append([conclusion.value, *map(_one_or_each, told), _kept(KEPT_AFTERWARDS[conclusion])])
    return _table("What is known", rows)


def _statuses() -> str:
    return _table("Status", ([same.name, *_cells(fault_of(min(same.members)))] for same in STATUSES))


def _section(subject: Subject) -> str:
    rows = [[fault.name, *_cells(fault)] for fault in FAULTS if fault.subject is subject]
    if not rows:
        return ""
    return f"## {subject.value}\n\n{NOTES[subject]}\n\n{_table('What happens', rows)}\n"


def _cells(fault: Fault) -> Sequence[str]:
    seen = {call: must_be(fault, call) for call in CALLS}
    told = (
        {call.name: _cell(seen[call].ending, call.belongs_to) for call in CALLS if call.belongs_to in classes}
        for classes in COLUMNS.values()
    )
    return [*map(_one_or_each, told), _kept(next(iter(seen.values())).reused)]


def _one_or_each(told: Mapping[str, str]) -> str:
    first, *others = told.values()
    return first if set(others) <= {first} else "; ".join(f"{name}: {text}" for name, text in told.items())


def _cell(ending: Ending, column: CallClass) -> str:
    error = None if ending.error is None else f"`{ending.error.__name__}`"
    outcome = None if ending.outcome is None else f"`{ending.outcome.name}`"
    if column == CallClass.JOB:
        return outcome or ""
    if column == CallClass.LAST:
        return ", ".join(filter(None, (outcome, "again" if ending.requests > 1 else None)))
    if column == CallClass.WATCH:
        ends = "goes on" if ending.outcome is not None and not ending.outcome.is_failure else f"ends {outcome}"
        return ends if error is None else f"{error}, {ends}"
    if error is None:
        return "done" if ending.requests == 1 else "done, again"
    sent = {None: (), False: ("not sent",), True: ("maybe sent",)}[ending.maybe_sent]
    return ", ".join((error, *sent, "again" if ending.requests > 1 else "once"))


def _kept(reused: bool | None) -> str:
    return {None: "none", False: "closed", True: "kept"}[reused]


def _table(first: str, rows: Iterable[Sequence[str]]) -> str:
    header = [first, *COLUMNS, "Connection"]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
