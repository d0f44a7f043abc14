"""What needs plotly: its program, and its word that a figure is one. The extra ``report``."""

from typing import Any

from plotly.graph_objects import Figure  # pyright: ignore[reportMissingTypeStubs] - plotly has no types
from plotly.offline import get_plotlyjs  # pyright: ignore[reportMissingTypeStubs] - as above

from packcloud_async.reporting.figures import Json


def program() -> str:
    """Return the program that draws figures in a browser, some megabytes of JavaScript."""
    return str(get_plotlyjs())


def checked(figure: Json) -> str:
    """Return a figure as the JSON that the program reads; raise ``ValueError`` for what is none."""
    made: Any = Figure(figure)
    return str(made.update_layout(template="none").to_json())
