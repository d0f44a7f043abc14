"""Every exception of the package.

::

    PackCloudError
    ├── ConfigurationError      a value the caller gave is unusable (also a ValueError)
    ├── ClientStateError        the client is closed, or belongs to another event loop (also a RuntimeError)
    ├── TransportError          no usable answer; .maybe_sent says whether the server may have acted
    ├── ApiError                an answer that is not 2xx
    │   ├── BadRequest          400
    │   ├── Unauthorized        401
    │   ├── Forbidden           403
    │   ├── NotFound            404
    │   ├── Conflict            409
    │   ├── EndpointGone        410
    │   ├── ValidationFailed    422, with .field_errors
    │   ├── RateLimited         429
    │   └── ServerError         5xx
    ├── InvalidResponse         2xx, but not what the API promises; .path names the field
    ├── LedgerError             a ledger cannot be opened, read or written
    │   └── LedgerBusy          somebody else holds it; .pid .host .since say who
    └── SyncError               raised by raise_for_outcome() and for a token that cannot be resumed

:class:`ForeignError` is only ever the cause of one of them.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Self


class PackCloudError(Exception):
    """Root of everything this package raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        # Exception pickles by calling the class with .args, which keyword-only parameters do not survive.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[PackCloudError], args: tuple[object, ...], state: dict[str, object]) -> PackCloudError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(PackCloudError, ValueError):
    """A value the caller gave is unusable; the message names it and the way out."""


class ClientStateError(PackCloudError, RuntimeError):
    """The client is closed, or was first used on another event loop."""


class TransportError(PackCloudError):
    """No usable answer came back.

    ``maybe_sent`` is False only when the request certainly never left this process (connection
    refused, name not resolved, TLS handshake failed); True means the server may have acted on it.
    ``repeatable`` is False when trying again cannot help (an untrusted certificate).
    """

    def __init__(self, message: str, *, maybe_sent: bool, repeatable: bool = True) -> None:
        super().__init__(message)
        self.maybe_sent = maybe_sent
        self.repeatable = repeatable


class ApiError(PackCloudError):
    """The server answered with a status that is not 2xx.

    ``status`` is that status, ``method`` and ``path`` are what was asked. ``excerpt`` is at most 500 characters of the
    body with secrets taken out. ``request_id`` is the server's name for the request, None if it gave none.
    ``retry_after`` is the server's wish in seconds, None if it expressed none.
    """

    def __init__(
        self,
        *,
        status: int,
        method: str,
        path: str,
        excerpt: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        self.status = status
        self.method = method
        self.path = path
        self.excerpt = excerpt
        self.request_id = request_id
        self.retry_after = retry_after
        super().__init__(self._sentence(hint))

    def _sentence(self, hint: str | None) -> str:
        reason = _reason(self.status)
        sentence = f"{self.method} {self.path}: {self.status} {reason}".rstrip()
        if self.request_id is not None:
            sentence += f" (request {self.request_id})"
        # Some servers answer the reason and nothing else.
        if self.excerpt and self.excerpt != reason:
            sentence += f": {self.excerpt}"
        return f"{sentence} [{hint}]" if hint else sentence

    @classmethod
    def kind_for(cls, status: int) -> "type[ApiError]":
        """Return the most specific class for a status."""
        if status >= 500:
            return ServerError
        return _BY_STATUS.get(status, ApiError)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class BadRequest(ApiError):
    """400: the server could not read the request."""


class Unauthorized(ApiError):
    """401: the credential is missing, wrong or expired."""


class Forbidden(ApiError):
    """403: the credential is known but not allowed to do this."""


class NotFound(ApiError):
    """404: nothing at this path."""


class Conflict(ApiError):
    """409: the current state does not allow it; for a sync: one is already running."""


class EndpointGone(ApiError):
    """410: the resource or the endpoint was removed for good."""


class ValidationFailed(ApiError):
    """422: the server refused values; ``field_errors`` maps a field name to its complaints."""

    field_errors: Mapping[str, tuple[str, ...]] = {}

    def with_field_errors(self, field_errors: Mapping[str, tuple[str, ...]]) -> Self:
        """Attach the complaints by field and return self."""
        self.field_errors = field_errors
        return self


class RateLimited(ApiError):
    """429: too many requests; ``retry_after`` says when to come back, if the server said so."""


class ServerError(ApiError):
    """5xx: the server failed; it may have acted before it did."""


class InvalidResponse(PackCloudError):
    """A 2xx answer that is not what the API promises; ``path`` names the place (``$.data[3].id``).

    ``call`` is the method and path whose answer it was, None when it was no answer to one call.
    """

    call: str | None = None

    def __init__(self, message: str, *, path: str = "$") -> None:
        super().__init__(f"{message} @ {path}")
        self.path = path


class LedgerError(PackCloudError):
    """A ledger cannot be opened, read or written; the message names the file, what is wrong and the way out."""


class LedgerBusy(LedgerError):
    """Somebody else holds the ledger: another process, or this one already.

    ``pid``, ``host`` and ``since`` (a wall-clock time) name it; all None when it has not said who it is yet.
    """

    def __init__(
        self, message: str, *, pid: int | None = None, host: str | None = None, since: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.pid = pid
        self.host = host
        self.since = since


class ForeignError(Exception):
    """Stands as the cause for an error of a library below: its class and text, without the frames it came through.

    Those hold the headers and the body that were sent, which a traceback with locals would show.
    """


class SyncError(PackCloudError):
    """A sync did not end well and the caller asked to be told, or a token cannot be resumed."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: EndpointGone,
    422: ValidationFailed,
    429: RateLimited,
}
