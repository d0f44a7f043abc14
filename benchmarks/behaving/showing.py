"""Tables and figures of what was played. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

from benchmarks.behaving.judging import Played, Verdict
from benchmarks.behaving.loop import Told
from benchmarks.behaving.scenes import Scene
from benchmarks.results import Cell, Figure, Table

Row: TypeAlias = Mapping[str, Played]
"""One scene, by the name of the caller."""
PLACES: Mapping[str, str] = {
    "client": "the repr of the client",
    "text": "the text of the error",
    "repr": "the repr of the error",
    "traceback": "the traceback",
    "log": "the log, on every level",
}


@frozen
class Shown:
    """All that was played: the scenes of syncs, of lists, and the one in which everything is printed."""

    ours: str
    syncs: Mapping[Scene, Row]
    lists: Mapping[Scene, Row]
    printed: Row
    missing: Sequence[str] = ()

    @property
    def callers(self) -> Sequence[str]:
        """The names of those who called."""
        return tuple(next(iter(self.syncs.values())))

    def tables(self) -> list[Table]:
        """Put the sums first, then every scene."""
        return [
            Table("In sum", ("caller", *SUMS, *OTHERS), tuple(map(self._sums, self.callers)), self._note(OF_SUMS)),
            self._scenes("What the caller is told, and whether it is so", self.syncs, word_of, OF_WORDS),
            self._scenes("POSTs that arrived / syncs that were started", self.syncs, posts_of, OF_POSTS),
            self._scenes("Seconds from the first request to the word", self.syncs, seconds_of, OF_SECONDS),
            self._scenes("A list of sixty, in three pages", self.lists, _list_of, OF_LISTS),
            self._places(),
        ]

    def figures(self) -> Iterator[Figure]:
        """Yield the sums that have a better side; what must never happen is a goal of ours."""
        for caller in self.callers:
            counts = self._counts(caller)
            for what in (*SUMS, *OTHERS):
                is_never = caller == self.ours and what in NEVER
                better = "higher" if what in {Verdict.TRUE, KNOWN} else "lower"
                yield Figure(
                    name=f"{caller}: {what}",
                    value=counts[what],
                    better=better,
                    goal=0 if is_never else None,
                    floor=0 if is_never else None,
                )

    def _counts(self, caller: str) -> Counter[str]:
        played = [row[caller] for row in (*self.syncs.values(), *self.lists.values())]
        counts = Counter(str(one.verdict) for one in played)
        counts[KNOWN] = sum(one.verdict is Verdict.TRUE and _is_an_outcome(one.told) for one in played)
        counts[TWICE] = sum(one.truth.started > 1 for one in played)
        counts[LEAKED] = len(self.printed[caller].leaked) + sum(one.strays > 0 for one in played)
        return counts

    def _sums(self, caller: str) -> tuple[Cell, ...]:
        counts = self._counts(caller)
        return (caller, *(counts[what] for what in (*SUMS, *OTHERS)))

    def _scenes(self, title: str, scenes: Mapping[Scene, Row], cell: Callable[[Played], Cell], note: str) -> Table:
        rows = [(scene.name, *(cell(row[caller]) for caller in self.callers)) for scene, row in scenes.items()]
        return Table(title, ("scene", *self.callers), tuple(rows), note)

    def _places(self) -> Table:
        rows = [
            (told, *("**yes**" if place in self.printed[caller].leaked else "no" for caller in self.callers))
            for place, told in PLACES.items()
        ]
        return Table("Whether the token stands in", ("what somebody prints", *self.callers), tuple(rows), OF_PLACES)

    def _note(self, said: str) -> str:
        return " ".join([said, *(f"Left out: {one}." for one in self.missing)])


KNOWN, TWICE, LEAKED = "of the true: an outcome", "a sync started twice", "places with the token"
SUMS: Sequence[str] = tuple(map(str, Verdict))
OTHERS = (KNOWN, TWICE, LEAKED)
NEVER = (Verdict.NOTHING, TWICE, LEAKED)

OF_SUMS = (
    "Scenes of the tables below, those with syncs and those with lists. *An outcome*: moved, not moved, or the whole "
    "list; there is none to be had of a wrong token or id, an integration that is gone, a link that leads astray, or a "
    "POST that was lost. *Places* are those of the last table, and other hosts that got the token."
)
OF_WORDS = (
    "*true*: the server's books say the same. *open*: what was raised does not say whether a sync runs, or what became "
    "of it. A status is true when nothing was started. *in doubt* is true as long as nothing moved."
)
OF_POSTS = "By the server's books, over all processes of the scene."
OF_SECONDS = "Of one run, and rounded; no figure to compare by. Who gives up at the first error knows it soonest."
OF_LISTS = "An error says that the list is not whole, and is true."
OF_PLACES = "A wrong token is sent, the server answers 401, and everything there is gets printed."


def word_of(played: Played) -> Cell:
    """Write what was told, and what that is worth."""
    if played.told is None:
        return f"**{Verdict.NOTHING}**"
    mark = f"**{played.verdict}**" if played.verdict is Verdict.UNTRUE else str(played.verdict)
    return f"{_said(played.told)}: {mark}"


def posts_of(played: Played) -> Cell:
    """Write how many POSTs arrived, and how many syncs they started."""
    started = f"**{played.truth.started}**" if played.truth.started > 1 else str(played.truth.started)
    return f"{played.truth.posts} / {started}"


def seconds_of(played: Played) -> Cell:
    """Write how long it took."""
    return f"{played.seconds:.1f}"


def _list_of(played: Played) -> Cell:
    strays = f"; **token sent elsewhere, {played.strays} times**" if played.strays else ""
    return f"{word_of(played)}{strays}"


def _is_an_outcome(told: Told | None) -> bool:
    return told is not None and told.says in {"moved", "not moved", "listed"}


def _said(told: Told) -> str:
    word, _, number = told.says.partition(" ")
    match word:
        case "status":
            return f"{number} `{told.what}`"
        case "error":
            return f"`{told.what}`"
        case "listed":
            return f"{told.count} listed"
    return told.says
