"""The page of an emulator that is served: which files it has, and what a browser may do with them.

It is for this machine only: a name that leads here from elsewhere (DNS rebinding) gets nothing.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit

from packcloud_async._sansio import json_text
from packcloud_async._sansio.wire import Response
from packcloud_async.emulator.page_files import HTML, SCRIPT, STYLE
from packcloud_async.emulator.state import State
from packcloud_async.emulator.watching import moment

NOW: Final = "/_emulator/now.json"
"""Where the page asks what there is."""
_FILES: Mapping[str, tuple[str, str]] = {
    "/": ("text/html", HTML),
    "/_emulator/page.css": ("text/css", STYLE),
    "/_emulator/page.js": ("text/javascript", SCRIPT),
}
_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page_answer(method: str, url: str, state: State, now: float) -> Response | None:
    """Answer a request that belongs to the page; None when it does not."""
    parts = urlsplit(url)
    if method not in {"GET", "HEAD"} or (parts.path not in _FILES and parts.path != NOW):
        return None
    if not is_loopback(parts.hostname or ""):
        return _response(403, "text/plain", b"This page is for the machine it runs on: ask for it by 127.0.0.1.\n")
    if parts.path == NOW:
        asked = [name for name in parse_qs(parts.query).get("organization", []) if name]
        return _response(200, "application/json", json_text.dump(moment(state, now, organization=_first(asked))))
    kind, text = _FILES[parts.path]
    return _response(200, kind, text.encode())


def is_loopback(host: str) -> bool:
    """Whether a host's name or address can only mean the machine itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _first(names: list[str]) -> str | None:
    return names[0] if names else None


def _response(status: int, kind: str, body: bytes) -> Response:
    return Response(status, {"content-type": f"{kind}; charset=utf-8", **_HEADERS}, body)
