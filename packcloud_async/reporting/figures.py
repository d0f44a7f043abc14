"""What all figures of plotly have in common here: plain JSON; pure.

No text of anybody else is given to plotly unescaped: what looks like a tag to it would be one.
"""

import base64
import html
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from packcloud_async.reporting.story import State

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | float | bool | None"


STATE_COLOURS: Final[Mapping[State, str]] = {
    State.NO_OUTCOME: "#9c4a2f",
    State.REJECTED: "#d64545",
    State.GONE: "#8b5cd6",
    State.UNREAD: "#c657a5",
    State.AMBIGUOUS: "#e8772e",
    State.UNFINISHED: "#8a8f98",
    State.QUIET: "#c9a227",
    State.UNOBSERVABLE: "#6f8fc4",
    State.ADVANCED: "#2f9e6b",
}


def figure(data: Sequence[Json], *, height: int, **layout: Json) -> Json:
    """Return a figure, as all of them look."""
    return {
        "data": data,
        "layout": {
            "height": height,
            "margin": {"l": 20, "r": 20, "t": 44, "b": 50},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 13, "family": "system-ui, sans-serif"},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
            "showlegend": True,
            "dragmode": "zoom",
            **layout,
        },
    }


def axis(title: str | None, **more: Json) -> Json:
    """Return an axis; ``title`` None means that it needs none."""
    titled: dict[str, Json] = {} if title is None else {"title": {"text": title}}
    return {"automargin": True, "gridcolor": "#8a8f98", "zerolinecolor": "#8a8f98", **titled, **more}


def packed(values: Iterable[float]) -> Json:
    """Write numbers as plotly reads them fastest, in a third of the room."""
    numbers = array("f", values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return {"dtype": "f4", "bdata": base64.b64encode(numbers.tobytes()).decode()}


def plotly_text(text: str) -> str:
    """Escape a text for plotly, which reads a few tags of HTML, and formulas between dollars.

    >>> plotly_text("<b>a & b</b> $1")
    '&lt;b&gt;a &amp; b&lt;/b&gt; &#36;1'
    """
    return html.escape(text, quote=False).replace("$", "&#36;")
