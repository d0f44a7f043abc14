"""A few dicts that know what must be true of an emulated Pack.cloud: written from the design, fed by the wire.

The model sees every request as it reaches the server and predicts the answer. Nothing of it is read from the emulator
but what stood there at the beginning.
"""

import json
from bisect import bisect_right
from collections import Counter, deque
from urllib.parse import unquote, urlsplit

from attrs import define, field, frozen

from packcloud_async import SyncKind

SYNC_PATHS = {
    "orders/sync": SyncKind.ORDERS,
    "products/sync": SyncKind.PRODUCTS,
    "stocks/sync": SyncKind.STOCKS,
    "shipping-services/sync": SyncKind.SHIPPING_SERVICES,
}
FIELDS = {SyncKind.ORDERS: "order_sync_updated_at", SyncKind.PRODUCTS: "product_sync_updated_at"}


@define
class Watermark:
    """One value over time: a list of (since, value), in order."""

    steps: list

    def at(self, now):
        return self.steps[bisect_right([since for since, _ in self.steps], now) - 1][1]

    def add(self, since, value):
        where = bisect_right([at for at, _ in self.steps], since)
        self.steps.insert(where, (since, value))

    def since(self, value):
        return next((since for since, known in self.steps if known == value), None)


@define
class Place:
    """One integration; ``born`` and ``gone`` are instants, None while it is there."""

    name: str
    watermarks: dict
    settings: dict | None = None
    born: float = -1.0
    gone: float | None = None


@frozen
class Read:
    """What one answered read of the watch showed of one integration."""

    process: int
    asked: float
    answered: float
    place: tuple
    shown: dict


@define
class ShopModel:
    """``places`` by (organization, integration); ``posts`` counts what was accepted, ``sent`` what may have been."""

    places: dict = field(factory=dict)
    posts: Counter = field(factory=Counter)
    sent: Counter = field(factory=Counter)
    doubts: set = field(factory=set)
    delivered: set = field(factory=set)
    refusals: set = field(factory=set)
    interrupted: set = field(factory=set)
    running: dict = field(factory=dict)
    created: Counter = field(factory=Counter)
    reads: list = field(factory=list)
    plans: deque = field(factory=deque)
    conflicts: bool = False
    values: int = 0

    def begins_with(self, organization, listed):
        for item in listed:
            marks = {kind: Watermark([(-1.0, item[name])]) for kind, name in FIELDS.items()}
            self.places[organization, item["id"]] = Place(item["name"], marks)
        self.created[organization] = len(listed)

    def new_value(self):
        """A text no watermark ever had."""
        self.values += 1
        return f"2026-02-01T{self.values // 3600:02}:{self.values // 60 % 60:02}:{self.values % 60:02}Z"

    def there(self, organization):
        return [id_ for (owner, id_), place in self.places.items() if owner == organization and place.gone is None]

    def shown(self, place, now):
        """What a read of an integration shows of the watermarks."""
        return {FIELDS[kind]: mark.at(now) for kind, mark in self.places[place].watermarks.items()}

    def plan(self, place, kind, now):
        """Choose what the next accepted sync does: (moves after seconds, how long it takes)."""
        offsets, takes = self.plans[0] if self.plans else ((2.0,), 2.0)
        self.plans.rotate(-1)
        return [(after, self.new_value()) for after in offsets] if kind in FIELDS else [], takes

    def is_running(self, place, kind, now):
        return self.conflicts and self.running.get((place, kind), -1.0) > now

    def arrives(self, request, now, plan):
        """Take note of a request that reaches the server; return the status it must be answered with."""
        where = _Target.of(request)
        if where.kind is not None:
            return self._sync(where, now, plan)
        place = self.places.get(where.place)
        is_there = place is not None and place.gone is None
        if where.integration is not None and not is_there:
            return 404
        if request.method == "POST" and where.integration is None:
            return self._create(where, json.loads(request.body), now)
        if request.method == "PUT":
            place.name = json.loads(request.body).get("name", place.name)
        elif request.method == "DELETE":
            place.gone = now
            return 204
        return 200

    def _create(self, where, form, now):
        self.created[where.organization] += 1
        marks = {kind: Watermark([(-1.0, None)]) for kind in FIELDS}
        place = Place(form["name"], marks, form.get("settings", {}), born=now)
        self.places[where.organization, f"int_{self.created[where.organization]}"] = place
        return 201

    def _sync(self, where, now, plan):
        place = self.places.get(where.place)
        if place is None or place.gone is not None:
            return 404
        if self.is_running(where.place, where.kind, now):
            return 409
        moves, takes = plan
        self.posts[where.place, where.kind] += 1
        self.running[where.place, where.kind] = now + takes
        for after, value in moves:
            place.watermarks[where.kind].add(now + after, value)
        return 202


@frozen
class _Target:
    organization: str
    integration: str | None
    kind: SyncKind | None

    @classmethod
    def of(cls, request):
        segments = [unquote(segment) for segment in urlsplit(request.url).path.split("/")[3:]]
        integration = segments[2] if len(segments) > 2 and segments[1] == "integrations" else None
        kind = SYNC_PATHS.get("/".join(segments[3:])) if request.method == "POST" else None
        return cls(segments[0], integration, kind)

    @property
    def place(self):
        return self.organization, self.integration


target_of = _Target.of


def check_outcome(model, who, place, kind, outcome, *, process, ended, own):
    """Hold one outcome against the model; ``own`` says that nobody else synced this kind of this integration."""
    state, key = outcome.state.value, (who, place, kind)
    mark = model.places[place].watermarks.get(kind)
    told = f"{who} {place} {kind.value}: {outcome}"
    if mark is None:
        assert state in {"unobservable", "rejected", "ambiguous"}, told
        assert (outcome.before, outcome.after, outcome.steps) == (None, None, ()), told
    if state == "advanced":
        values = [outcome.before, *(step.after for step in outcome.steps)]
        since = [mark.since(value) for value in values]
        assert None not in since, told
        assert max(since) <= ended, told
        assert len(set(values)) == len(values) >= 2, told
        # What is news came about later than what was there, by the server's own account.
        assert since == sorted(since), told
        assert outcome.after == values[-1], told
    if state == "quiet":
        assert outcome.after == outcome.before, told
        seen = [
            read for read in model.reads if (read.process, read.place) == (process, place) and read.answered <= ended
        ]
        assert seen, told
        assert seen[-1].shown[FIELDS[kind]] == outcome.before, told
    if state in {"quiet", "unobservable", "unread"}:
        assert model.posts[place, kind] >= 1, told
    if state == "rejected":
        assert outcome.error is not None, told
        assert not model.sent[key], told
        assert key in model.refusals or not own, told
    if state == "ambiguous":
        # Whoever is interrupted may not have come to write down what was answered.
        was_cut_off = who in model.interrupted
        assert key in model.doubts or was_cut_off or not own, told
        assert key not in model.delivered or was_cut_off, told
    if state == "gone":
        assert model.places[place].gone is not None, told
    if own and state in {"advanced", "quiet", "unobservable", "unread"} and outcome.error is None:
        assert model.sent[key] == 1, told
