"""What must become of every call: a table of conclusions and classes of calls, written down and not computed.

A conclusion is all that can be known once a fault happened. It decides, with the class of the call, which error is
raised, whether the request is sent a second time, and what a job makes of it.
"""

from collections.abc import Mapping
from enum import Enum

from attrs import evolve

from packcloud_async import (
    ApiError,
    BadRequest,
    InvalidResponse,
    Outcome,
    PackCloudError,
    RateLimited,
    ServerError,
    TransportError,
)

from .calls import CallClass, Ending, KindOfCall

Expected = Ending


class Conclusion(Enum):
    """What is known; the value says it in the documentation."""

    NOT_SENT = "The request certainly did not leave."
    UNTRUSTED = "The request certainly did not leave, and trying again cannot help."
    LOST = "The request may have arrived, and no whole head of an answer came."
    DAMAGED = "The server accepted the request, and the body of its answer is not whole."
    UNUSABLE = "The server accepted the request, and its answer is not what the API promises."
    UNDERSTOOD = "The answer is odd, and means what it says."
    FAILED = "The server failed in a way that may pass (500, 502, 503, 504); it may have acted before."
    TURNED_AWAY = "The server did nothing and asks to come back (429; 503 with Retry-After)."
    TOO_LONG = "The server did nothing and asks to come back after longer than `retry_after_ceiling`."
    REFUSED = "The server did nothing and would not if asked again (400, for example)."
    REDIRECTED = "The server points elsewhere (302, for example), where nobody goes."

    STRANGE = "A status that is no answer (101), or that HTTP does not have; the server may have acted."


ADVANCED, QUIET = Outcome.ADVANCED, Outcome.QUIET
AMBIGUOUS, REJECTED, UNREAD = Outcome.AMBIGUOUS, Outcome.REJECTED, Outcome.UNREAD

FINE = Expected()
STARTED = Expected(outcome=QUIET)
SEEN = Expected(outcome=ADVANCED)
TWICE, ONCE = 2, 1


def raises(
    error: type[PackCloudError], maybe_sent: bool | None = None, *, requests: int, outcome: Outcome | None = None
) -> Expected:
    return Expected(error=error, maybe_sent=maybe_sent, requests=requests, outcome=outcome)


def row(
    *,
    reads: Expected,
    put: Expected,
    delete: Expected,
    create: Expected,
    sync: Expected,
    job: Expected,
    watch: Expected,
    last: Expected | None = None,
) -> Mapping[str, Expected]:
    # Whoever reads last is told why nothing is known, and otherwise reads as everybody does.
    unread = evolve(reads, outcome=UNREAD if reads.error else ADVANCED)
    return {
        CallClass.LAST: last or unread,
        CallClass.READ: reads,
        CallClass.PUT: put,
        CallClass.DELETE: delete,
        CallClass.CREATE: create,
        CallClass.SYNC: sync,
        CallClass.JOB: job,
        CallClass.WATCH: watch,
    }


def goes_on(error: type[PackCloudError], maybe_sent: bool | None = None) -> Expected:
    """A read of a watch fails, is not repeated by itself, and the next one shows the change."""
    return raises(error, maybe_sent, requests=TWICE, outcome=ADVANCED)


def _same(expected: Expected, *, job: Outcome, watch: Expected) -> Mapping[str, Expected]:
    plain = dict.fromkeys(("reads", "put", "delete", "create", "sync"), expected)
    return row(**plain, job=evolve(expected, outcome=job), watch=watch)


def _repeated_if_safe(
    error: type[PackCloudError], maybe_sent: bool | None = None, *, job: Outcome
) -> Mapping[str, Expected]:
    safe, once = (raises(error, maybe_sent, requests=times) for times in (TWICE, ONCE))
    return row(
        reads=safe,
        put=safe,
        delete=safe,
        create=once,
        sync=once,
        job=evolve(once, outcome=job),
        watch=goes_on(error, maybe_sent),
    )


RULE: Mapping[Conclusion, Mapping[str, Expected]] = {
    Conclusion.NOT_SENT: _same(
        raises(TransportError, False, requests=TWICE), job=REJECTED, watch=goes_on(TransportError, False)
    ),
    Conclusion.UNTRUSTED: _same(
        raises(TransportError, False, requests=ONCE), job=REJECTED, watch=goes_on(TransportError, False)
    ),
    Conclusion.LOST: _repeated_if_safe(TransportError, True, job=AMBIGUOUS),
    Conclusion.DAMAGED: row(
        reads=raises(TransportError, True, requests=TWICE),
        put=raises(TransportError, True, requests=TWICE),
        delete=FINE,
        create=raises(TransportError, True, requests=ONCE),
        sync=FINE,
        job=STARTED,
        watch=goes_on(TransportError, True),
    ),
    Conclusion.UNUSABLE: row(
        reads=raises(InvalidResponse, requests=ONCE),
        put=raises(InvalidResponse, requests=ONCE),
        delete=FINE,
        create=raises(InvalidResponse, requests=ONCE),
        sync=FINE,
        job=STARTED,
        watch=goes_on(InvalidResponse),
    ),
    Conclusion.UNDERSTOOD: _same(FINE, job=QUIET, watch=SEEN),
    Conclusion.FAILED: _repeated_if_safe(ServerError, job=AMBIGUOUS),
    Conclusion.TURNED_AWAY: _same(raises(RateLimited, requests=TWICE), job=REJECTED, watch=goes_on(RateLimited)),
    Conclusion.TOO_LONG: _same(raises(RateLimited, requests=ONCE), job=REJECTED, watch=goes_on(RateLimited)),
    Conclusion.REFUSED: _same(raises(BadRequest, requests=ONCE), job=REJECTED, watch=goes_on(BadRequest)),
    Conclusion.REDIRECTED: _same(raises(ApiError, requests=ONCE), job=AMBIGUOUS, watch=goes_on(ApiError)),
    Conclusion.STRANGE: _same(raises(ApiError, requests=ONCE), job=AMBIGUOUS, watch=goes_on(ApiError)),
}

KEPT_AFTERWARDS: Mapping[Conclusion, bool | None] = {
    Conclusion.NOT_SENT: None,
    Conclusion.UNTRUSTED: None,
    Conclusion.LOST: False,
    Conclusion.DAMAGED: False,
    Conclusion.UNUSABLE: True,
    Conclusion.UNDERSTOOD: True,
    Conclusion.FAILED: True,
    Conclusion.TURNED_AWAY: True,
    Conclusion.TOO_LONG: True,
    Conclusion.REFUSED: True,
    Conclusion.REDIRECTED: True,
    Conclusion.STRANGE: True,
}
"""Whether the next request goes over the same connection; None when there was none."""


def expected(conclusion: Conclusion, call: KindOfCall, but: Mapping[str, Expected]) -> Expected:
    """Look a cell up: an exception for the call comes before one for its class, and that before the rule."""
    for name, exceptions in ((call.name, but), (call.belongs_to, but), (call.belongs_to, RULE[conclusion])):
        if name in exceptions:
            return _with_what_a_probe_adds(exceptions[name], call)
    raise LookupError(f"{conclusion} says nothing of {call.name}")


def _with_what_a_probe_adds(ending: Expected, call: KindOfCall) -> Expected:
    # News that a probe shows is believed once the integration itself was read.
    return (
        evolve(ending, requests=ending.requests + 1)
        if call.name == "probe read" and ending.outcome is ADVANCED
        else ending
    )
