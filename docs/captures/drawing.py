"""A picture of a terminal as SVG: it loads nothing, runs nothing, and stands on a light page as on a dark one."""

import io
import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

_FORMAT = """\
<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; }}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
# Each of the first eight on the background: a contrast of 7 to 1 or more, but for black.
_THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        (72, 79, 88),
        (255, 143, 135),
        (86, 211, 100),
        (240, 196, 87),
        (121, 192, 255),
        (219, 172, 255),
        (104, 217, 228),
        (201, 209, 217),
    ],
    [
        (139, 148, 158),
        (255, 163, 157),
        (126, 231, 135),
        (249, 215, 126),
        (165, 214, 255),
        (231, 196, 255),
        (146, 229, 237),
        (255, 255, 255),
    ],
)
_SVG = "{http://www.w3.org/2000/svg}"
# Where rich puts its cells.
_COLUMN, _ROW, _BASE = 12.2, 24.4, 20


def drawn(lines: Sequence[Text], *, columns: int, name: str, title: str = "") -> str:
    """Draw the lines of a terminal; ``name`` begins what must be unique where several pictures are on one page."""
    console = Console(
        record=True,
        width=columns,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    for line in lines:
        console.print(line, soft_wrap=True)
    svg = console.export_svg(title=title, theme=_THEME, code_format=_FORMAT, unique_id=name)
    # Lines of their own need no clipping; one element on a line shows what changed where it is compared.
    unclipped = re.sub(r' clip-path="url\(#[\w-]+-line-\d+\)"|<text [^>]+>\n</text>', "", svg)
    return re.sub(r"\n\s+", "\n", unclipped.replace("</text><text", "</text>\n<text"))


def text_of(svg: str) -> list[str]:
    """Return the lines of text that a picture of this module shows, with their colours and weights left out."""
    root = ET.fromstring(svg)  # noqa: S314 - our own pictures
    (matrix,) = [group for group in root.iter(f"{_SVG}g") if group.get("class", "").endswith("-matrix")]
    rows: list[str] = []
    for text in matrix.iter(f"{_SVG}text"):
        row, column = round((float(text.get("y", "0")) - _BASE) / _ROW), round(float(text.get("x", "0")) / _COLUMN)
        rows += [""] * (row + 1 - len(rows))
        rows[row] = rows[row].ljust(column) + (text.text or "").replace("\xa0", " ")
    return [row.rstrip() for row in rows]
