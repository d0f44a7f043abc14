"""What every status means: the rows of the table that need no name of their own."""

from collections.abc import Mapping

from attrs import evolve, field, frozen

from packcloud_async import (
    ApiError,
    BadRequest,
    Conflict,
    EndpointGone,
    Forbidden,
    NotFound,
    PackCloudError,
    RateLimited,
    ServerError,
    Unauthorized,
    ValidationFailed,
)

from ..support.misbehaving_server import answer
from .body_faults import whole
from .calls import CallClass
from .expectations import ADVANCED, AMBIGUOUS, QUIET, REJECTED, UNREAD, Conclusion, Expected, raises
from .faults import Fault, Play, Subject, closing, replying


@frozen
class Statuses:
    """Statuses that mean the same."""

    name: str
    members: frozenset[int] = field(converter=frozenset[int])
    conclusion: Conclusion
    error: type[PackCloudError] | None = None
    but: Mapping[str, Expected] = field(factory=dict[str, Expected])


def _job(error: type[PackCloudError], outcome: object) -> dict[str, Expected]:
    return {CallClass.JOB: raises(error, requests=1, outcome=outcome)}


def _refused(status: int, error: type[PackCloudError], but: Mapping[str, Expected] | None = None) -> Statuses:
    return Statuses(str(status), {status}, Conclusion.REFUSED, error, but or {})


NO_ACCESS = raises(Unauthorized, requests=1, outcome=UNREAD)
FORBIDDEN = raises(Forbidden, requests=1, outcome=UNREAD)
# What a single read says is gone is looked up in the list before it counts.
GONE = {
    "poll read": Expected(requests=2, outcome=ADVANCED),
    CallClass.LAST: raises(EndpointGone, requests=2, outcome=UNREAD),
}

STATUSES = (
    Statuses("100 to 199 but 101, and then nothing", {100, *range(102, 200)}, Conclusion.LOST),
    Statuses("101", {101}, Conclusion.STRANGE),
    Statuses("200 to 299 but 204, with the body that is due", {*range(200, 300)} - {204}, Conclusion.UNDERSTOOD),
    Statuses("204", {204}, Conclusion.UNUSABLE),
    Statuses("307 and 308", {307, 308}, Conclusion.REDIRECTED, ApiError, _job(ApiError, REJECTED)),
    Statuses("300 to 399 but those", {*range(300, 400)} - {307, 308}, Conclusion.REDIRECTED),
    _refused(400, BadRequest),
    _refused(401, Unauthorized, {CallClass.WATCH: NO_ACCESS}),
    _refused(403, Forbidden, {"poll read": FORBIDDEN}),
    _refused(404, NotFound),
    Statuses("408", {408}, Conclusion.FAILED, ApiError),
    _refused(409, Conflict, _job(Conflict, QUIET)),
    _refused(410, EndpointGone, GONE),
    _refused(422, ValidationFailed),
    Statuses("425", {425}, Conclusion.FAILED, ApiError, _job(ApiError, REJECTED)),
    Statuses("429", {429}, Conclusion.TURNED_AWAY, RateLimited),
    Statuses(
        "400 to 499 but those",
        {*range(400, 500)} - {400, 401, 403, 404, 408, 409, 410, 422, 425, 429},
        Conclusion.REFUSED,
        ApiError,
    ),
    Statuses("500, 502, 503 and 504", {500, 502, 503, 504}, Conclusion.FAILED, ServerError),
    Statuses("501", {501}, Conclusion.REFUSED, ServerError),
    Statuses(
        "500 to 599 but those",
        {*range(500, 600)} - {500, 501, 502, 503, 504},
        Conclusion.REFUSED,
        ServerError,
        _job(ServerError, AMBIGUOUS),
    ),
)


def fault_of(status: int) -> Fault:
    """Return the fault that answers with a status."""
    (same,) = (one for one in STATUSES if status in one.members)
    return Fault(
        name=str(status),
        subject=Subject.REFUSALS,
        conclusion=same.conclusion,
        error=same.error,
        but=same.but,
        play=_saying(status),
    )


def _saying(status: int) -> Play:
    if status < 200 and status != 101:
        return closing(lambda _: f"HTTP/1.1 {status} Wait\r\n\r\n".encode())
    if status in {101, 204, 304}:
        return replying(lambda _: f"HTTP/1.1 {status} Empty\r\n\r\n".encode())
    if status < 300:
        return replying(lambda good: whole(evolve(good, status=status)))
    return replying(lambda _: answer(status, {"message": "So it is."}))
