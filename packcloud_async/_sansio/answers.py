"""What each answer means: the value of the call or an error, and what to do after an error."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, NoReturn, TypeVar

from packcloud_async._sansio.endpoints import Call, Repeat, name_of
from packcloud_async._sansio.redaction import credentials_in, excerpt_of, field_errors_of, quotable
from packcloud_async._sansio.secret import Secret, secret, without_frames
from packcloud_async._sansio.wire import Response
from packcloud_async.errors import (
    ApiError,
    Conflict,
    EndpointGone,
    Forbidden,
    InvalidResponse,
    NotFound,
    PackCloudError,
    ServerError,
    TransportError,
    Unauthorized,
    ValidationFailed,
)
from packcloud_async.policies import UNCONFIRMED_ROUTES

T = TypeVar("T")


class Answer(Enum):
    """What a failed sync POST tells about the sync."""

    REFUSED = "the server did not start it"
    RUNNING = "the server says one is already running"
    IN_DOUBT = "the server may have started it"


class ReadFailure(Enum):
    """What a failed read of one integration tells."""

    PASSING = "nothing; the next one may succeed"
    UNFOUND = "it is not there, or not there yet"
    REMOVED = "it was removed for good"
    NO_ACCESS = "no later read can succeed"


def read_answer(
    call: Call[T],
    response: Response,
    *,
    now: datetime | None,
    credential: Mapping[str, str] | Secret[Mapping[str, str]],
) -> T:
    """Turn an answer into the value of the call, or raise the error it means.

    ``now`` is the wall clock, used for a Retry-After date only when the answer has no Date of its own.
    None will do for a 2xx, in which no date counts.
    """
    try:
        # Here and not in a function of its own: it is on the way of every answer.
        if 200 <= response.status < 300 or call.reads_refusals:
            return call.read(response)
        _refuse(call, response, now, secret(credential))
    except Exception as error:  # noqa: BLE001 - every error goes on
        credential = secret(credential)
        if isinstance(error, InvalidResponse):
            error.call = name_of(call)
        # The frames that took the answer apart hold its pieces, which may be settings or an echo of the credential.
        raise without_frames(error)  # noqa: B904 - it is the same one


def _refuse(
    call: Call[Any], response: Response, now: datetime | None, credential: Secret[Mapping[str, str]]
) -> NoReturn:
    assert now is not None
    raise _api_error(call, response, now=now, secrets=(*_shown_by(credential), *call.secrets))


def may_repeat(call: Call[Any], error: PackCloudError) -> bool:
    """Whether the same request may be sent again after this error."""
    if isinstance(error, TransportError):
        return error.repeatable and (call.repeat is Repeat.SAFE or not error.maybe_sent)
    if not isinstance(error, ApiError):
        return False
    if call.repeat is Repeat.SAFE:
        return error.status in {408, 425, 429, 500, 502, 503, 504}
    return error.status == 429 or _turned_away(error)


def may_have_acted(error: PackCloudError) -> bool:
    """Whether the server may have done what was asked although it did not say so."""
    if isinstance(error, TransportError):
        return error.maybe_sent
    if not isinstance(error, ApiError):
        return isinstance(error, InvalidResponse)
    if isinstance(error, ServerError):
        return error.status != 501 and not _turned_away(error)
    # 307 and 308 ask to repeat the request elsewhere; the other redirects may follow an act.
    return error.status == 408 or (error.status < 400 and error.status not in {307, 308})


def answer_of(error: PackCloudError) -> Answer:
    """Read a failed sync POST."""
    if isinstance(error, Conflict):
        return Answer.RUNNING
    return Answer.IN_DOUBT if may_have_acted(error) else Answer.REFUSED


def read_failure(error: PackCloudError) -> ReadFailure:
    """Say what a failed read of one integration tells about the integration."""
    if isinstance(error, NotFound):
        return ReadFailure.UNFOUND
    if isinstance(error, EndpointGone):
        return ReadFailure.REMOVED
    return ReadFailure.NO_ACCESS if isinstance(error, Unauthorized | Forbidden) else ReadFailure.PASSING


def list_failure(error: PackCloudError) -> ReadFailure:
    """Say what a failed read of the list tells about the integrations in it: less than one of their own would."""
    return ReadFailure.NO_ACCESS if isinstance(error, Unauthorized) else ReadFailure.PASSING


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read Retry-After as seconds from now, 0 when it is past; None when it is missing or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WISH)
    until = http_date(text)
    if until is None:
        return None
    # The server's own Date makes its wish independent of the difference between two clocks.
    sent = http_date(headers.get("date", "")) or now
    return max(0.0, (until - sent).total_seconds())


_LONGEST_WISH = 1e9


def _turned_away(error: ApiError) -> bool:
    return error.status == 503 and error.retry_after is not None


def http_date(text: str) -> datetime | None:
    """Read an instant as HTTP headers write it; None when it cannot be read."""
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _api_error(call: Call[Any], response: Response, *, now: datetime, secrets: tuple[str, ...]) -> ApiError:
    error = ApiError.kind_for(response.status)(
        status=response.status,
        method=call.method,
        path=call.path,
        excerpt=excerpt_of(response.body, secrets) if call.quotable else "",
        request_id=_request_id(response.headers, secrets),
        retry_after=retry_after(response.headers, now),
        hint=_hint(call, response.status),
    )
    if isinstance(error, ValidationFailed) and call.quotable:
        return error.with_field_errors(field_errors_of(response.body, secrets))
    return error


def _request_id(headers: Mapping[str, str], secrets: tuple[str, ...]) -> str | None:
    for name in ("x-request-id", "request-id", "x-correlation-id"):
        if value := quotable(headers.get(name, ""), secrets):
            return value[:100]
    return None


def _hint(call: Call[Any], status: int) -> str | None:
    # The path of an item follows every other "by id" page: there a 404 rather means the id.
    maybe_the_id = status == 404 and call.route == "integration"
    if status in {404, 405, 410} and call.route in UNCONFIRMED_ROUTES and not maybe_the_id:
        return f"no public page confirms this path; if it is wrong, override Routes.{call.route}"
    if 300 <= status < 400:
        return "redirects are not followed; check the base URL"
    return None


def _shown_by(credential: Secret[Mapping[str, str]]) -> tuple[str, ...]:
    return tuple(part for value in credential.reveal().values() for part in credentials_in(value))
