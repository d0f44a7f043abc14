"""The pictures of a report that count, as figures of plotly: outcomes, requests over time, the news delay; pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from packcloud_async.models import SyncKind
from packcloud_async.reporting.digest import Digest
from packcloud_async.reporting.figures import STATE_COLOURS, Json, axis, figure
from packcloud_async.reporting.story import State
from packcloud_async.reporting.traffic import Sort, TrafficStory

_PATTERNS: Final[Mapping[State, str]] = {
    State.NO_OUTCOME: "x",
    State.REJECTED: "/",
    State.GONE: "\\",
    State.UNREAD: ".",
    State.AMBIGUOUS: "-",
    State.UNFINISHED: "|",
}
"""So that they can be told apart without colours."""
_KIND_COLOURS: Final[Mapping[SyncKind, str]] = {
    SyncKind.ORDERS: "#3b82c4",
    SyncKind.PRODUCTS: "#16a394",
    SyncKind.STOCKS: "#9a6fd0",
    SyncKind.SHIPPING_SERVICES: "#d08c3b",
}
_SENT: Final[Mapping[Sort, tuple[str, str]]] = {
    Sort.READ: ("reads", "#5b8def"),
    Sort.POST: ("POSTs of syncs", "#2f9e6b"),
    Sort.AGAIN: ("sent again", "#e8772e"),
}
_TROUBLES: Final[Mapping[Sort, tuple[str, str, str]]] = {
    Sort.REFUSED: ("refused for now", "#d64545", "x"),
    Sort.FAILED: ("failed", "#9c4a2f", "diamond"),
    Sort.WITHHELD: ("retry withheld", "#8b5cd6", "square"),
}


def outcomes_picture(digest: Digest) -> Json:
    """Return how many of each kind ended how: one bar for each kind."""
    rows = [kind.value.replace("_", " ") for kind in digest.outcomes]
    counts = list(digest.outcomes.values())
    if digest.without_kinds:
        rows.append("not begun")
        counts.append(digest.without_kinds)
    traces: list[Json] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": state.value,
            "y": rows,
            "x": [of.get(state, 0) for of in counts],
            "marker": {"color": STATE_COLOURS[state], "pattern": {"shape": _PATTERNS.get(state, ""), "solidity": 0.25}},
            "hovertemplate": f"%{{x}} {state.value}<extra>%{{y}}</extra>",
        }
        for state in digest.states
    ]
    return figure(
        traces,
        height=130 + 42 * len(rows),
        barmode="stack",
        bargap=0.35,
        xaxis=axis("syncs", rangemode="tozero", **_whole(max((sum(of.values()) for of in counts), default=0))),
        yaxis=axis(None, autorange="reversed", showgrid=False, ticksuffix="  "),
    )


def traffic_picture(traffic: TrafficStory, span: float) -> Json:
    """Return the requests a second by what they were for, the budget, and below them what was refused or failed."""
    shown = traffic.coarser(max(span / 200, min(1.0, span / 20)))
    starts = [number * shown.width for number in range(len(shown.budget))]
    edges = [*starts, len(starts) * shown.width]
    traces = list[Json]()
    for sort, (name, colour) in _SENT.items():
        if traffic.total(sort):
            rates = [count / shown.width for count in shown.of(sort)]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "stackgroup": "sent",
                    "line": {"shape": "hv", "width": 0},
                    "fillcolor": colour,
                    "name": name,
                    "x": edges,
                    "y": [*rates, rates[-1]],
                    "hovertemplate": f"%{{y:.1f}} {name} a second<extra></extra>",
                }
            )
    if any(rate is not None for rate in shown.budget):
        traces.append(_budget_line(shown, edges))
    troubles = [sort for sort in _TROUBLES if traffic.total(sort)]
    traces += [_troubles(sort, shown, starts) for sort in troubles]
    height = 330 + 26 * len(troubles)
    share = (26 * len(troubles) + 12) / height if troubles else 0.0
    lanes: dict[str, Json] = {}
    if troubles:
        names = [_TROUBLES[sort][0] for sort in reversed(troubles)]
        lanes["yaxis2"] = axis(
            None, domain=[0, share], showgrid=False, zeroline=False, categoryarray=names, range=[-0.7, len(names) - 0.3]
        )
    return figure(
        traces,
        height=height,
        hovermode="x",
        xaxis=axis("seconds since the run began", range=[0, max(edges[-1], span)], anchor="y2" if troubles else "y"),
        yaxis=axis("requests a second", rangemode="tozero", domain=[share + 0.06 if troubles else 0, 1]),
        **lanes,
    )


def delay_picture(digest: Digest) -> Json:
    """Return how the news delay is distributed: a bar for each stretch of time, stacked by kind."""
    delays = digest.delays
    traces: list[Json] = [
        {
            "type": "bar",
            "name": kind.value.replace("_", " "),
            "x": [(number + 0.5) * delays.width for number in range(len(counts))],
            "width": [delays.width * 0.94] * len(counts),
            "y": list(counts),
            "marker": {"color": _KIND_COLOURS[kind]},
            "hovertemplate": f"%{{y}} {kind.value} around %{{x:.3g}} s<extra></extra>",
        }
        for kind, counts in delays.counts.items()
    ]
    return figure(
        traces,
        height=320,
        barmode="stack",
        xaxis=axis("seconds until a change was seen", rangemode="tozero"),
        yaxis=axis(
            "syncs",
            rangemode="tozero",
            **_whole(max(map(sum, zip_longest(*delays.counts.values(), fillvalue=0)), default=0)),
        ),
    )


def _whole(most: int) -> dict[str, Json]:
    """Let an axis of few things have a tick for each: there is no half of one."""
    return {"dtick": 1} if most <= 6 else {}


def _budget_line(shown: TrafficStory, edges: Sequence[float]) -> Json:
    rates = _carried(shown.budget)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "budget",
        "x": edges,
        "y": [*rates, rates[-1]],
        "line": {"shape": "hv", "width": 2, "dash": "dash", "color": "#8a8f98"},
        "hovertemplate": "budget %{y:.1f} a second<extra></extra>",
    }


def _carried(rates: Iterable[float | None]) -> list[float | None]:
    """Let what was last known stand where nothing was sent."""
    carried, last = list[float | None](), None
    for rate in rates:
        last = last if rate is None else rate
        carried.append(last)
    return carried


def _troubles(sort: Sort, shown: TrafficStory, starts: Sequence[float]) -> Json:
    name, colour, symbol = _TROUBLES[sort]
    own = [(start + shown.width / 2, count) for start, count in zip(starts, shown.of(sort), strict=True) if count]
    return {
        "type": "scatter",
        "mode": "markers",
        "yaxis": "y2",
        "name": name,
        "x": [at for at, _ in own],
        "y": [name] * len(own),
        "text": [str(count) for _, count in own],
        "hovertemplate": f"%{{text}} {name}<extra></extra>",
        "marker": {
            "color": colour,
            "symbol": symbol,
            "size": [min(16.0, 6 + 2 * math.log2(count)) for _, count in own],
        },
    }
