"""The table: every fault, every kind of call, and what must become of each."""

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from packcloud_async import EndpointGone

from .body_faults import BODY, CONTENT
from .calls import CALLS, CallClass, Ending, KindOfCall
from .connection_faults import ANSWERING, CONNECTING, TLS
from .expectations import KEPT_AFTERWARDS, Conclusion, expected
from .faults import Door, Fault
from .kept_faults import KEPT
from .refusal_faults import REFUSALS
from .stage import Seen

FAULTS: Sequence[Fault] = (*CONNECTING, *TLS, *ANSWERING, *BODY, *CONTENT, *REFUSALS, *KEPT)


def must_be(fault: Fault, call: KindOfCall) -> Seen:
    ending = expected(fault.conclusion, call, fault.but)
    if fault.error is not None and ending.error is not None:
        ending = evolve(ending, error=fault.error)
    wish = None if ending.error is None else fault.wish
    ending = evolve(ending, value=_value(fault, call, ending), retry_after=wish)
    met = 1 if call.is_once else ending.requests
    read = met if fault.reads and fault.door is Door.OPEN and fault.between is None else 0
    # Where the server reads nothing while the fault is on, it reads what comes afterwards.
    arrived = ending.requests if read or fault.between is not None else ending.requests - met
    kept = KEPT_AFTERWARDS[fault.conclusion] if fault.reused is None else fault.reused
    return Seen(
        ending=ending,
        read=read,
        arrived=arrived,
        reused=kept,
        waits=_waits(fault, call, ending),
        paused=fault.wish is not None and fault.conclusion is Conclusion.TURNED_AWAY,
    )


def _waits(fault: Fault, call: KindOfCall, ending: Ending) -> list[float]:
    # A read of a watch is not retried by itself, a request with another credential is no retry, and neither is the look
    # into the list for what a single read says is gone.
    if call.is_once or ending.error in {None, EndpointGone}:
        return []
    return [fault.wish or 0] * (ending.requests - 1)


def _value(fault: Fault, call: KindOfCall, ending: Ending) -> Any:
    if ending.outcome is not None:
        return None if ending.outcome.is_failure else call.means(fault.planted)
    if ending.error is None and fault.conclusion is Conclusion.UNDERSTOOD:
        return call.means(fault.planted)
    return fault.shown if call.belongs_to is CallClass.SYNC and ending.error is None else None


STATUSES = range(100, 600)
CELLS = (len(FAULTS) + len(STATUSES)) * len(CALLS)
