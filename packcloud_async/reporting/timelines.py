"""The timelines of a report as figures of plotly: of all jobs in one picture, of a few in detail; pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from packcloud_async.reporting.digest import TIMELINES_SHOWN, Digest
from packcloud_async.reporting.figures import STATE_COLOURS, Json, axis, figure, packed, plotly_text
from packcloud_async.reporting.story import IN_READING_ORDER, JobStory, KindStory, Mark, Moment, State, cut

STRIPS_BY_KIND: Final = 400
"""Up to so many syncs each has a strip of its own; above that each job has one."""

_LONGEST_LABEL: Final = 30
_MARKS: Final[Mapping[Mark, tuple[str, str]]] = {
    Mark.SENT: ("#3b82c4", "triangle-right"),
    Mark.ACCEPTED: ("#2f9e6b", "circle"),
    Mark.REFUSED: ("#d64545", "x"),
    Mark.WATCHED: ("#16a394", "circle"),
    Mark.READ: ("#8a8f98", "line-ns-open"),
    Mark.UNREADABLE: ("#c657a5", "x-thin-open"),
    Mark.CHANGED: ("#2f9e6b", "star"),
}


@frozen
class Strip:
    """A bar of the timeline: a job, or one kind of it."""

    job: int
    kind: KindStory | None
    state: State
    began: float
    ended: float


def strips_of(digest: Digest) -> Sequence[Strip]:
    """Return the bars of the timeline from top to bottom: one for each kind, or, of many jobs, one for each job."""
    by_kind = sum(max(1, len(job.kinds)) for job in digest.jobs) <= STRIPS_BY_KIND
    strips = list[Strip]()
    for number, job in enumerate(digest.jobs):
        if by_kind and job.kinds:
            strips += [
                Strip(number, kind, kind.state, job.began, job.began + _known_of(job, kind)) for kind in job.kinds
            ]
        else:
            strips.append(Strip(number, None, job.state, job.began, job.known_until))
    return strips


def timeline_picture(digest: Digest, strips: Sequence[Strip]) -> Json:
    """Return when each job was under way: one shape for each state, however many jobs there are."""
    span = max(digest.story.span, 1e-3)
    shortest = span * 0.003
    traces = list[Json]()
    for state in IN_READING_ORDER:
        own = [(row, strip) for row, strip in enumerate(strips) if strip.state is state]
        if not own:
            continue
        x, y = list[float](), list[float]()
        for row, strip in own:
            began = max(0.0, strip.began)
            ended = max(strip.ended, began + shortest)
            x += (began, ended, ended, began, math.nan)
            y += (row, row, row + 0.9, row + 0.9, math.nan)
        traces.append(
            {
                "type": "scatter",
                # Without lines, of which each bar would be a node of the page.
                "mode": "none",
                "fill": "toself",
                "fillcolor": STATE_COLOURS[state],
                "hoveron": "points",
                "hoverinfo": "none",
                "name": state.value,
                "x": packed(x),
                "y": packed(y),
            }
        )
    return figure(
        traces,
        height=min(760, 150 + 14 * len(strips)),
        hovermode="y",
        hoverdistance=-1,
        xaxis=axis("seconds since the run began", range=[0, span * 1.01]),
        yaxis=axis(None, range=[len(strips), 0], showgrid=False, zeroline=False, tickvals=[], ticktext=[]),
    )


def moments_picture(jobs: Sequence[JobStory]) -> Json:
    """Return what happened to a few jobs, each on a line of its own, from its begin."""
    shown = jobs[:TIMELINES_SHOWN]
    rows = list(range(len(shown)))
    known: Json = {
        "type": "bar",
        "orientation": "h",
        "showlegend": False,
        "hoverinfo": "skip",
        "width": 0.16,
        "y": rows,
        "x": [job.seconds for job in shown],
        "marker": {"color": [STATE_COLOURS[job.state] for job in shown], "opacity": 0.75},
    }
    traces: list[Json] = [known]
    for mark, (colour, symbol) in _MARKS.items():
        own = [(row, moment) for row, job in enumerate(shown) for moment in job.moments if moment.mark is mark]
        if own:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": mark.value,
                    "x": [moment.at for _, moment in own],
                    "y": [row for row, _ in own],
                    "text": [_moment_text(moment) for _, moment in own],
                    "hovertemplate": "%{text}<extra></extra>",
                    "marker": {"color": colour, "symbol": symbol, "size": 10, "line": {"color": colour, "width": 2}},
                }
            )
    return figure(
        traces,
        height=110 + 26 * len(shown),
        hovermode="closest",
        xaxis=axis("seconds since the job began", rangemode="tozero"),
        yaxis=axis(
            None,
            tickvals=rows,
            ticktext=[f"{label(job)}  " for job in shown],
            range=[len(shown) - 0.4, -0.6],
            showgrid=False,
            zeroline=False,
        ),
    )


def label(job: JobStory) -> str:
    """Return the name of a job beside an axis."""
    ids = (job.organization_id,) if job.integration_id is None else (job.organization_id, job.integration_id)
    return plotly_text("/".join(cut(id_, _LONGEST_LABEL // len(ids)) for id_ in ids))


def _known_of(job: JobStory, kind: KindStory) -> float:
    """Return until when something is known of a kind: a ledger keeps no end but that of a change."""
    if kind.ended is not None:
        return kind.ended
    return max((moment.at for moment in job.moments if moment.mark is Mark.WATCHED), default=0.0)


def _moment_text(moment: Moment) -> str:
    told = f": {moment.told}" if moment.told else ""
    return plotly_text(f"{moment.at:.1f} s  {moment.mark.value}{told}")
