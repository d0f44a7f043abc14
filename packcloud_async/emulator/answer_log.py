"""What the answers told: every sync POST that arrived, and every value that a whole answer showed."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from attrs import Factory, define, frozen

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.models import SyncKind

Key: TypeAlias = tuple[str, str, SyncKind]
"""Organization, integration and kind."""
Shown: TypeAlias = str | frozenset[tuple[str, str]] | None
"""A watermark as sent; for shipping services the (id, ``updated_at``) of each one on the page."""


@frozen
class Showing:
    """A value that a whole answer carried.

    ``at`` is when its request arrived, ``answered_at`` when the last byte was due, both emulator seconds. ``number`` is
    that of the answer's ``x-request-id``. ``value`` None is a null. ``stale`` when it was answered as by a lagging
    replica.
    """

    number: int
    at: float
    answered_at: float
    value: Shown
    stale: bool


@frozen
class PostSeen:
    """A sync POST that arrived at second ``at``.

    ``status`` is what was answered, None when no whole answer was sent. ``comes_back`` when the answer said when to try
    again. ``accepted`` when a sync was started, whatever was answered.
    """

    number: int
    at: float
    status: int | None
    comes_back: bool
    accepted: bool


@define
class AnswerLog:
    """What a client could have learned, and in which order; it grows with every answer.

    ``refused`` are the (second, status) of the reads of one integration that were refused.
    """

    posts: dict[Key, list[PostSeen]] = Factory(dict[Key, list[PostSeen]])
    showings: dict[Key, list[Showing]] = Factory(dict[Key, list[Showing]])
    refused: dict[tuple[str, str], list[tuple[float, int]]] = Factory(dict[tuple[str, str], list[tuple[float, int]]])

    def post(self, organization_id: str, integration_id: str, kind: SyncKind, seen: PostSeen) -> None:
        """Write down a sync POST."""
        self.posts.setdefault((organization_id, integration_id, kind), []).append(seen)

    def read_refused(self, organization_id: str, integration_id: str, at: float, status: int) -> None:
        """Write down that a read of an integration was refused."""
        self.refused.setdefault((organization_id, integration_id), []).append((at, status))

    def shown(
        self, organization_id: str, value: JsonValue, *, number: int, at: float, answered_at: float, stale: bool
    ) -> None:
        """Write down what a list or a single object showed: integrations, or shipping services.

        ``at`` and ``answered_at`` are emulator seconds. A value of None is one that was null.
        """
        items = cast("Sequence[Mapping[str, Any]]", value if isinstance(value, list) else [value])
        services: dict[str, set[tuple[str, str]]] = {}
        found: dict[Key, Shown] = {}
        for item in items:
            if "integration_id" in item:
                services.setdefault(item["integration_id"], set()).add((item["id"], item["updated_at"]))
            for kind in SyncKind:
                if kind.watermark_field in item:
                    found[organization_id, item["id"], kind] = item[kind.watermark_field]
        for integration_id, pairs in services.items():
            found[organization_id, integration_id, SyncKind.SHIPPING_SERVICES] = frozenset(pairs)
        for key, shown in found.items():
            self.showings.setdefault(key, []).append(Showing(number, at, answered_at, shown, stale))
