"""Statuses and headers that ask for something: redirects, credentials, pauses."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from attrs import define

from packcloud_async import ApiError, ServerError, Unauthorized

from ..support.misbehaving_server import answer
from .calls import CallClass
from .expectations import QUIET, REJECTED, SEEN, UNREAD, Conclusion, Expected, raises, row
from .faults import Fault, Good, Reply, Subject, replying

NOW = datetime(2016, 11, 1, 12, tzinfo=UTC)
YEAR = 365 * 86_400


def _row(name: str, reply: Reply, conclusion: Conclusion, **options: Any) -> Fault:
    return Fault(name=name, subject=Subject.REFUSALS, play=replying(reply), conclusion=conclusion, **options)


def _redirect(name: str, location: Any, status: int = 302, **options: Any) -> Fault:
    return _row(name, lambda good: answer(status, location=location(good)), Conclusion.REDIRECTED, **options)


def _elsewhere(good: Good) -> str:
    """The same server under another name: who goes there is seen."""
    return f"http://localhost:{good.request.headers['host'].rpartition(':')[2]}/v1/elsewhere"


def _pause(name: str, text: str, wish: float | None = None, conclusion: Conclusion = Conclusion.TURNED_AWAY) -> Fault:
    # The server's Date is far from the clock of this machine, so that a wish compared with that is another one.
    return _row(name, lambda _: answer(429, retry_after=text, date=_date(0)), conclusion, wish=wish)


def _date(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@define
class _Renewing:
    """An auth object that has another credential when the first one is refused."""

    token: str = "stale"

    async def headers(self, *, refused: bool) -> dict[str, str]:
        self.token = "fresh" if refused else self.token
        return {"Authorization": f"Bearer {self.token}"}


def _only_for_the_fresh(good: Good) -> bytes:
    return good.whole() if good.request.headers["authorization"] == "Bearer fresh" else answer(401)


AT_THE_SECOND = Expected(requests=2)
NO_ACCESS = raises(Unauthorized, requests=1, outcome=UNREAD)
NOT_DONE = {CallClass.JOB: raises(ApiError, requests=1, outcome=REJECTED)}

REFUSALS = (
    _redirect("302 to another host", _elsewhere),
    _redirect("301 to another path", lambda _: "/v1/elsewhere", 301),
    _redirect("302 to itself", lambda good: good.request.target),
    _redirect("302 to nowhere", lambda _: ""),
    _redirect("303 to another host", _elsewhere, 303),
    _redirect("307 to another host", _elsewhere, 307, but=NOT_DONE),
    _redirect("308 to another host", _elsewhere, 308, but=NOT_DONE),
    _row(
        "401, and no other credential",
        lambda _: answer(401),
        Conclusion.REFUSED,
        error=Unauthorized,
        but={CallClass.WATCH: NO_ACCESS},
    ),
    _row(
        "401, and another credential that is right",
        _only_for_the_fresh,
        Conclusion.UNDERSTOOD,
        options=lambda: {"token": None, "auth": _Renewing()},
        but=row(
            **dict.fromkeys(("reads", "put", "delete", "create", "sync"), AT_THE_SECOND),
            job=Expected(requests=2, outcome=QUIET),
            watch=Expected(requests=2, outcome=SEEN.outcome),
        ),
    ),
    _row(
        "101 to another protocol, and speaking it",
        lambda _: b"HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\nother",
        Conclusion.STRANGE,
        reused=False,
    ),
    _row("429 without Retry-After", lambda _: answer(429), Conclusion.TURNED_AWAY),
    _pause("429, Retry-After: 1", "1", 1),
    _pause("429, Retry-After: a date in a second", _date(1), 1),
    _pause("429, Retry-After: a past date", _date(-YEAR), 0),
    _pause("429, Retry-After: -5", "-5"),
    _pause("429, Retry-After: 1.5", "1.5"),
    _pause("429, Retry-After: a year in seconds", str(YEAR), YEAR, Conclusion.TOO_LONG),
    _pause("429, Retry-After: a date in a year", _date(YEAR), YEAR, Conclusion.TOO_LONG),
    _pause("429, Retry-After: a number of 5,000 digits", "9" * 5000, 1e9, Conclusion.TOO_LONG),
    _pause("429, Retry-After: soon", "soon"),
    _pause("429, Retry-After: 1e999", "1e999"),
    _pause("429, Retry-After: NaN", "NaN"),
    _pause("429, Retry-After: a day that does not exist", "Wed, 99 Feb 2026 25:61:61 GMT"),
    _row("503 without Retry-After", lambda _: answer(503), Conclusion.FAILED),
    _row(
        "503, Retry-After: 0", lambda _: answer(503, retry_after="0"), Conclusion.TURNED_AWAY, error=ServerError, wish=0
    ),
)
