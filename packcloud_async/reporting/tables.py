"""The tables of a report as HTML, which need no script; every text in them is escaped."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from packcloud_async.reporting.digest import FAILED_SHOWN, GROUPS_SHOWN, Digest, Group
from packcloud_async.reporting.figures import STATE_COLOURS
from packcloud_async.reporting.story import JobStory, KindStory, State
from packcloud_async.reporting.words import MEANINGS, span


def outcome_table(digest: Digest) -> str:
    """Return the counts by kind, and what the words mean."""
    kinds = list(digest.outcomes)
    columns = [kind.value.replace("_", " ") for kind in kinds] + (["not begun"] if digest.without_kinds else [])
    rows = [
        [
            _state(state),
            *(_number(digest.outcomes[kind].get(state, 0)) for kind in kinds),
            *([_number(digest.without_kinds.get(state, 0))] if digest.without_kinds else []),
            _cell(MEANINGS[state]),
        ]
        for state in digest.states
    ]
    heads = [_head("outcome"), *(_head(name, is_number=True) for name in columns), _head("meaning")]
    return _table(heads, rows)


def group_table(groups: Sequence[Group]) -> str:
    """Return the failures counted by reason; each has a button that finds its jobs."""
    heads = [_head("how many", is_number=True), *map(_head, ("kind", "outcome", "reason", "for example", ""))]
    rows = [
        [
            _number(group.count),
            _cell("" if group.kind is None else group.kind.value.replace("_", " ")),
            _state(group.state),
            f'<td class="word">{escape(group.reason)}</td>',
            _cell(group.example),
            _cell_of(_button(group)),
        ]
        for group in groups[:GROUPS_SHOWN]
    ]
    more = len(groups) - GROUPS_SHOWN
    told = f"<p>And {more} more reasons, each of fewer jobs; the filter below finds them.</p>" if more > 0 else ""
    return _table(heads, rows) + told


def job_table(jobs: Sequence[JobStory], most: int = FAILED_SHOWN) -> str:
    """Return jobs with how each of their kinds ended, and what happened to them in its order."""
    heads = [*map(_head, ("organization", "integration", "outcomes")), _head("took", is_number=True), _head("timeline")]
    rows = [
        [
            _cell(job.organization_id),
            _cell(job.integration_id or ""),
            _cell_of("<br>".join(_outcomes(job))),
            _number(span(job.seconds)),
            _cell_of(_timeline(job)),
        ]
        for job in jobs[:most]
    ]
    return _table(heads, rows)


def found_table() -> str:
    """Return the table that the filter fills."""
    names = ("organization", "integration", "outcomes", "message")
    heads = [*map(_head, names), _head("took", is_number=True)]
    return f'<div class="box"><table><thead><tr>{"".join(heads)}</tr></thead><tbody id="found"></tbody></table></div>'


def state_options(states: Iterable[State]) -> str:
    """Return what the filter offers: the states that occur."""
    return "".join(f'<option value="{state.gravity}">{escape(state.value)}</option>' for state in states)


def _outcomes(job: JobStory) -> Iterator[str]:
    for kind in job.kinds:
        why = kind.message or kind.reason
        told = f'<span class="soft">: {escape(why)}</span>' if why else ""
        yield f"{escape(kind.kind.value.replace('_', ' '))} {_marked(kind.state)}{escape(_after(kind))}{told}"
    if job.reason is not None or not job.kinds:
        why = ": ".join(filter(None, (job.reason, job.message)))
        yield f"{_marked(job.state)} {escape(why)}"


def _after(kind: KindStory) -> str:
    return "" if kind.ended is None else f" after {span(kind.ended)}"


def _timeline(job: JobStory) -> str:
    if not job.moments:
        return '<span class="soft">nothing was recorded</span>'
    left_out = f"<li>{job.left_out} more in between are not kept</li>" if job.left_out else ""
    moments = "".join(
        f"<li>{span(max(0.0, moment.at))} {escape(': '.join(filter(None, (moment.mark.value, moment.told))))}</li>"
        for moment in job.moments
    )
    end = "" if job.ended is None else f"<li>{span(job.seconds)} end</li>"
    count = len(job.moments) + bool(end)
    return f"<details><summary>{count} moments</summary><ol>{moments}{left_out}{end}</ol></details>"


def _button(group: Group) -> str:
    text = escape(group.reason)
    return (
        f'<button type="button" class="find" data-state="{group.state.gravity}" data-text="{text}">Find them</button>'
    )


def _marked(state: State) -> str:
    return f'<span class="dot" style="color:{STATE_COLOURS[state]}"></span>{escape(state.value)}'


def _state(state: State) -> str:
    return f'<td class="state">{_marked(state)}</td>'


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"


def _cell_of(markup: str) -> str:
    return f"<td>{markup}</td>"


def _number(value: int | str) -> str:
    return f'<td class="number">{escape(value if isinstance(value, str) else f"{value:,}")}</td>'


def _head(text: str, *, is_number: bool = False) -> str:
    return f'<th scope="col"{" class=number" if is_number else ""}>{escape(text)}</th>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    head = f"<tr>{''.join(heads)}</tr>"
    return f'<div class="box" tabindex="0"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'
