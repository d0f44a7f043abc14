"""The page of a report: one file of HTML that asks the network for nothing; every text in it is escaped.

Its content security policy lets the two scripts in it run, and nothing else; the drawing program sets styles, which it
therefore may.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

from attrs import frozen

from packcloud_async.reporting import words
from packcloud_async.reporting.digest import Digest, digest
from packcloud_async.reporting.figures import Json
from packcloud_async.reporting.page_script import SCRIPT
from packcloud_async.reporting.page_style import STYLE
from packcloud_async.reporting.pictures import delay_picture, outcomes_picture, traffic_picture
from packcloud_async.reporting.rows import rows_of
from packcloud_async.reporting.story import Source, Story
from packcloud_async.reporting.tables import found_table, group_table, job_table, outcome_table, state_options
from packcloud_async.reporting.timelines import moments_picture, strips_of, timeline_picture

BEGINNING: Final = b"<!doctype html>\n<!-- packcloud report 1 -->\n"
"""What every report begins with, and nothing else does: a report may be replaced by a later one."""


@frozen
class Drawing:
    """What draws the figures: a program for the browser, and who writes a figure as that program reads it."""

    program: str
    write: Callable[[Json], str]


def page_of(story: Story, drawing: Drawing) -> bytes:
    """Make the page of a run."""
    told = digest(story)
    strips = strips_of(told)
    by_kind = any(strip.kind is not None for strip in strips)
    figures: dict[str, Json] = {"outcomes": outcomes_picture(told)}
    if strips:
        figures["timeline"] = timeline_picture(told, strips)
    if story.traffic is not None and any(story.traffic.sent):
        figures["requests"] = traffic_picture(story.traffic, story.span)
    if told.delays.sorted:
        figures["delays"] = delay_picture(told)
    if told.slowest:
        figures["slowest"] = moments_picture(told.slowest)
    if any(job.moments for job in told.failed):
        figures["failed"] = moments_picture(told.failed)
    body = "".join(
        (
            _header(told),
            _outcomes(told, figures),
            _timeline(told, figures, by_kind=by_kind),
            _requests(story, figures),
            _delays(told, figures),
            _slowest(told, figures),
            _failed(told, figures),
            _all_jobs(told),
            _limits(story),
        )
    )
    data = {
        "figures": f"{{{','.join(f'{json.dumps(name)}:{drawing.write(figure)}' for name, figure in figures.items())}}}",
        "jobs": json.dumps(rows_of(told, strips), separators=(",", ":")),
    }
    return _document(body, data, [_inert(drawing.program), SCRIPT])


def _document(body: str, data: Mapping[str, str], scripts: Sequence[str]) -> bytes:
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            "style-src 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    text = (
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="content-security-policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n<meta name="referrer" content="no-referrer">\n'
        '<title>Pack.cloud bulk run</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}"
        + "".join(
            f'<script type="application/json" id="{name}">{_quiet(text)}</script>\n' for name, text in data.items()
        )
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )
    return BEGINNING + text.encode("utf-8", "replace")


def _header(told: Digest) -> str:
    story = told.story
    mark = _mark("finished", "good") if story.finished else _mark("not finished", "bad")
    came_from = "made from its ledger" if story.source is Source.LEDGER else "made by the command that ran it"
    resumed = ", resumed" if story.resumed else ""
    error = "" if story.error is None else f'<p class="bad">It ended early: {escape(story.error)}</p>'
    return (
        f"<header>\n<h1>Bulk run {mark}</h1>\n"
        f'<p class="soft">Begun {escape(words.moment(story.started))}{resumed}; {came_from}. '
        "Times are seconds since then.</p>\n"
        f'<p class="lead">{escape(words.headline(told))}</p>\n{error}'
        "<noscript><p><strong>The pictures need JavaScript.</strong> The sentences and tables do not.</p></noscript>\n"
        "</header>\n<main>\n"
    )


def _outcomes(told: Digest, figures: Mapping[str, Json]) -> str:
    return _section(
        "Outcomes by kind",
        words.of_outcomes(told),
        _picture("outcomes", "Outcomes by kind", figures),
        outcome_table(told),
    )


def _timeline(told: Digest, figures: Mapping[str, Json], *, by_kind: bool) -> str:
    if "timeline" not in figures:
        return _section("Jobs over time", words.of_timeline(told, by_kind=by_kind))
    tools = (
        '<div class="tool" id="rows"><button type="button" id="earlier">Rows before</button>'
        '<button type="button" id="later">Rows after</button><button type="button" id="all">All rows</button>'
        '<form id="find" class="tool"><label>Organization<input id="organization" autocomplete="off"></label>'
        '<button>Go there</button></form><span id="window" class="soft"></span></div>'
    )
    hint = (
        '<p class="hint">Point at a row, or use the arrow keys in the picture: the line below tells of it. '
        "Drag to look closer, double-click to see everything.</p>"
    )
    output = '<output class="told hint" id="told" for="timeline">No row is chosen.</output>'
    return _section(
        "Jobs over time",
        words.of_timeline(told, by_kind=by_kind),
        hint,
        tools,
        _picture("timeline", "Jobs over time; arrow keys choose a row", figures, is_reachable=True),
        output,
    )


def _requests(story: Story, figures: Mapping[str, Json]) -> str:
    return _section(
        "Requests over time", words.of_traffic(story), _picture("requests", "Requests a second over time", figures)
    )


def _delays(told: Digest, figures: Mapping[str, Json]) -> str:
    return _section("News delay", words.of_delays(told), _picture("delays", "Distribution of the news delay", figures))


def _slowest(told: Digest, figures: Mapping[str, Json]) -> str:
    if not told.slowest:
        return _section("The slowest", words.of_slowest(told))
    return _section(
        "The slowest",
        words.of_slowest(told),
        _picture("slowest", "What happened to the slowest", figures),
        job_table(told.slowest),
    )


def _failed(told: Digest, figures: Mapping[str, Json]) -> str:
    if not told.failed:
        return _section("The failed", words.of_failed(told))
    timelines = ""
    if "failed" in figures:
        timelines = (
            f"<h3>Their timelines</h3><p>{escape(words.of_timelines(len(told.failed)))}</p>"
            f"{_picture('failed', 'What happened to the failed', figures)}"
        )
    return _section(
        "The failed",
        f"{len(told.failed):,} of {len(told.jobs):,} failed.",
        "<h3>By reason</h3>",
        group_table(told.groups),
        f"<h3>One by one</h3><p>{escape(words.of_failed(told))}</p>",
        job_table(told.failed),
        timelines,
    )


def _all_jobs(told: Digest) -> str:
    if not told.jobs:
        return ""
    tools = (
        '<form id="filter" class="tool"><label>Which<select id="state">'
        f'<option value="failed"{"" if told.failed else " disabled"}>all that failed</option>'
        f'<option value="any"{"" if told.failed else " selected"}>all jobs</option>'
        f"{state_options(told.states)}</select>"
        '</label><label>Words of ids, reasons or messages<input id="text" type="search" autocomplete="off"></label>'
        '<button type="button" id="more">Show 200 more</button></form>'
        '<p id="count" class="hint" role="status"></p>'
    )
    return f'<section class="finder"><h2>Find a job</h2>{tools}{found_table()}</section>\n'


def _limits(story: Story) -> str:
    told = "".join(f"<li>{escape(sentence)}</li>" for sentence in words.cannot_tell(story))
    return f"<section><h2>What this page cannot tell</h2><ul>{told}</ul></section>\n</main>\n"


def _section(title: str, sentence: str, *parts: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n<p>{escape(sentence)}</p>\n{''.join(parts)}\n</section>\n"


def _picture(name: str, told: str, figures: Mapping[str, Json], *, is_reachable: bool = False) -> str:
    if name not in figures:
        return ""
    role = 'role="application" tabindex="0" aria-describedby="told"' if is_reachable else 'role="img"'
    return f'<figure><div class="picture" id="{name}" {role} aria-label="{escape(told)}"></div></figure>'


def _mark(text: str, kind: str) -> str:
    return f'<span class="mark {kind}">{escape(text)}</span>'


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _inert(program: str) -> str:
    """Return a program without what would end its element, or hide that end from the reader of the page."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", program, flags=re.IGNORECASE)


def _quiet(document: str) -> str:
    """Return JSON in which nothing looks like markup."""
    # In JSON these three stand in texts alone, where the escape means the same.
    return document.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
