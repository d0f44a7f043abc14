"""Outcomes for a reader: a line of one kind, a table of many, and what the words mean."""

from collections.abc import Mapping
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from packcloud_async._sansio.counting import counted
from packcloud_async._sansio.fingerprints import services_counted
from packcloud_async._sansio.outcomes import KindOutcome, Outcome
from packcloud_async.cli.console import clean, safe
from packcloud_async.cli.failures import reason_of
from packcloud_async.errors import Conflict
from packcloud_async.models import SyncKind

MEANINGS: Final[Mapping[Outcome, str]] = {
    Outcome.ADVANCED: "started, and a change was seen: the only proof there is",
    Outcome.QUIET: "started and watched to the end, no change seen: no failure",
    Outcome.UNOBSERVABLE: "started; nothing can be read that this kind would change",
    Outcome.REJECTED: "not started: the server refused it",
    Outcome.AMBIGUOUS: "maybe started: its answer was lost, and no change was seen",
    Outcome.GONE: "the integration disappeared while it was watched",
    Outcome.UNREAD: "started, but the last look failed, so nothing is known",
}
_STYLES: Final[Mapping[Outcome, str]] = {
    Outcome.ADVANCED: "green",
    Outcome.QUIET: "magenta",
    Outcome.UNOBSERVABLE: "cyan",
}
_USUAL = tuple(_STYLES)
_KIND_WIDTH = max(len(kind.value) for kind in SyncKind)
_STATE_WIDTH = max(len(outcome.value) for outcome in Outcome)


def style_of(outcome: Outcome) -> str:
    """Return the colour of an outcome."""
    return _STYLES.get(outcome, "bold red")


def kind_line(kind: SyncKind, outcome: KindOutcome) -> Text:
    """Say how one kind ended, and why if it failed."""
    return Text.assemble(*_columns(kind, outcome), _detail(outcome))


def kind_row(kind: SyncKind, outcome: KindOutcome) -> Table:
    """Say the same as :func:`kind_line` for a terminal, where a long reason goes on below where it begins."""
    row = Table.grid()
    head = Text.assemble(*_columns(kind, outcome))
    row.add_column(width=head.cell_len)
    row.add_column(overflow="fold")
    row.add_row(head, Text(_detail(outcome)))
    return row


def _columns(kind: SyncKind, outcome: KindOutcome) -> tuple[str, tuple[str, str], str]:
    return (
        f"  {kind.value:{_KIND_WIDTH}}  ",
        (f"{outcome.state.value:{_STATE_WIDTH}}", style_of(outcome.state)),
        "  ",
    )


def tally(outcomes: Mapping[SyncKind, Mapping[Outcome, int]]) -> Table:
    """Count kinds by outcome; failures have a column only when there are any."""
    seen = {outcome for counts in outcomes.values() for outcome in counts}
    columns = [outcome for outcome in Outcome if outcome in seen or outcome in _USUAL]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for outcome in columns:
        table.add_column(Text(outcome.value, style=style_of(outcome)), justify="right")
    for kind in (kind for kind in SyncKind if kind in outcomes):
        table.add_row(kind.value, *(str(outcomes[kind].get(outcome) or "-") for outcome in columns))
    return table


def legend() -> Table:
    """Explain the words."""
    table = Table.grid(padding=(0, 2))
    for outcome, meaning in MEANINGS.items():
        table.add_row("", Text(outcome.value, style=style_of(outcome)), meaning)
    return table


def in_words(kinds: Mapping[SyncKind, KindOutcome]) -> Text:
    """Say in one phrase how the kinds of one integration ended, leaving out what nobody could see."""
    phrases = [
        f"{kind.value} {outcome.state.value}" + (f" at {outcome.seen_at:.1f} s" if outcome.seen_at is not None else "")
        for kind, outcome in kinds.items()
        if outcome.state is not Outcome.UNOBSERVABLE
    ]
    return safe(", ".join(phrases) or Outcome.UNOBSERVABLE.value)


def _detail(outcome: KindOutcome) -> str:
    if outcome.seen_at is not None:
        steps = f", {len(outcome.steps)} steps" if len(outcome.steps) > 1 else ""
        return f"after {outcome.seen_at:.1f} s, now {_now(outcome)}{steps}{_joined(outcome)}"
    if outcome.state.is_failure:
        return reason_of(outcome.error) if outcome.error is not None else MEANINGS[outcome.state]
    if outcome.state is Outcome.QUIET:
        return f"no change seen{_joined(outcome)}"
    return f"started, nothing to watch{_joined(outcome)}"


def _now(outcome: KindOutcome) -> str:
    """Say what a watermark became; the fingerprint of shipping services tells a reader how many there are."""
    after, before = (services_counted(text or "") for text in (outcome.after, outcome.before))
    if after is None:
        return clean(outcome.after or "null")
    services = counted(after, "shipping service")
    if before is None:
        return services
    if before != after:
        return f"{services} instead of {before}"
    return f"{services}, not as {'it was' if after == 1 else 'they were'}"


def _joined(outcome: KindOutcome) -> str:
    return " (one was running already)" if isinstance(outcome.error, Conflict) else ""
