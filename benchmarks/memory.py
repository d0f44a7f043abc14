"""What is kept: bytes for each watched integration of a hundred thousand, for each result, and for each model.

    python -m benchmarks.memory [--integrations 100000]

Orders and products of every integration are synced, all syncs are fired and none is finished. The emulated server
lives in the same process and keeps nothing of an integration (its syncs find nothing, and what it answers is made anew
for each request), so all that grows is the client's. Each row is a process of its own. It first finishes a run, so that
what a client needs once is not counted; then memory is read (resident pages in /proc/self/statm, after a garbage
collection), and again when all are watched, and after every one of them was read twice. What is kept of it is told by
tracemalloc, in a process of its own for a fifth of the integrations.

Results are those of a run whose syncs all found something, kept by the caller; the run before it keeps none of its own,
and two organizations are at work at once. Beside them the same, of which the caller keeps the values alone, in tuples:
no result can take less. What a model takes is in `models.py`. Other ways than `sync_many` are measured with a fifth of
the integrations. It takes about four minutes.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks import models
from benchmarks.arguments import counting
from benchmarks.measuring.cores import ALLOCATED, ALLOCATOR
from benchmarks.measuring.keeping import RESULTS, SYNC_MANY, VALUES, WAYS, Kept, in_own_process
from benchmarks.results import FOLDER, Cell, Figure, Table, save

QUICK = ("--integrations", "4")
SEED = 1
FEWER = 5
"""Other ways than ``sync_many`` are measured with a fifth of the integrations, which is enough for a figure of each."""
OF_A_HUNDRED = 100
HAVE_THE_GOAL = (OF_A_HUNDRED, 10, 2)
"""Integrations of the organizations whose watched jobs have the goal."""
GOAL = 1_024
MEBIBYTES_GOAL, MEBIBYTES_FOR = 250, 100_000
"""At most so many for so many watched integrations."""


@frozen
class Row:
    """One way at one shape; ``kept`` are the bytes in use for each integration."""

    way: str
    organizations: int
    integrations: int
    found: Kept
    kept: float

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The row of the first table."""
        sizes = (self.found.watched, self.found.read, self.found.most)
        rounded = [None if size is None else round(size) for size in sizes]
        return self.way, self.organizations, self.integrations, *rounded, round(self.kept), round(self.found.in_all)


def measured(organizations: int, integrations: int, way: str) -> Row:
    """Measure one row, and what is kept of it at a fifth of the size."""
    found = in_own_process(way, organizations, integrations)
    traced = in_own_process(way, max(1, organizations // 5), integrations, traced=True).traced
    return Row(way, organizations, integrations, found, sum(traced.values()))


def figures(rows: Sequence[Row]) -> Iterator[Figure]:
    """Yield what has a goal: a watched job in organizations of three sizes, a result, and the whole process."""
    found = {(row.way, row.integrations): row for row in rows}
    values = found.get((VALUES, OF_A_HUNDRED))
    wanted = [(SYNC_MANY, size, f"a watched job in organizations of {size}") for size in HAVE_THE_GOAL]
    for way, size, what in (*wanted, (RESULTS, OF_A_HUNDRED, "a result")):
        if (row := found.get((way, size))) is None:
            continue
        floor = values if way == RESULTS else None
        yield Figure(
            name=f"{what}: bytes in use",
            value=row.kept,
            better="lower",
            goal=GOAL,
            floor=None if floor is None else floor.kept,
        )
        yield Figure(
            name=f"{what}: bytes of the process",
            value=row.found.watched,
            better="lower",
            goal=GOAL,
            floor=None if floor is None else floor.found.watched,
        )
        if way == SYNC_MANY and row.organizations * row.integrations >= MEBIBYTES_FOR:
            watched = f"{row.organizations * row.integrations:,} watched at once in organizations of {size}"
            name = f"{watched}: MiB of the whole process"
            yield Figure(name=name, value=row.found.in_all, better="lower", goal=MEBIBYTES_GOAL)


def contributors(integrations: int) -> Iterator[tuple[str, float]]:
    """Measure the rows of the second table: by file, and by line within it."""
    found = in_own_process(SYNC_MANY, max(1, integrations // 100), min(100, integrations), traced=True).traced
    by_file = Counter[str]()
    for place, size in found.items():
        by_file[place.partition(":")[0]] += size
    for name, size in by_file.most_common(8):
        lines = sorted(
            ((n, place.partition(":")[2]) for place, n in found.items() if n >= 1 and place.startswith(f"{name}:")),
            reverse=True,
        )
        told = ", ".join(f"{n:.0f} in line {line}" for n, line in lines[:4])
        yield name, round(size), told
    yield "together", round(sum(by_file.values())), ""


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--integrations", type=counting, default=100_000)
    options = parser.parse_args(arguments)
    shapes = [(max(1, options.integrations // each), each) for each in (500, OF_A_HUNDRED, 10, 2)]
    rows = [measured(*shape, SYNC_MANY) for shape in shapes]
    fewer = max(1, shapes[1][0] // FEWER)
    rows += [measured(fewer, OF_A_HUNDRED, way) for way in list(WAYS)[1:]]
    cells = tuple(row.cells for row in rows)
    table = Table("Bytes of the process for each watched integration, or for each result", COLUMNS, cells, NOTE)
    traced = Table(
        "Who allocated what is alive when all are watched",
        ("file", "bytes", "of it"),
        tuple(contributors(max(1, options.integrations // 5))),
        TRACED_NOTE,
    )
    of_models = models.measured(options.integrations)
    save(
        "memory",
        [table, models.table(of_models), traced],
        figures=[*figures(rows), *models.figures(of_models)],
        folder=folder,
        allocator=dict(ALLOCATOR),
        server="lean_server.py, in the same process",
        seed=SEED,
    )


COLUMNS = (
    "way",
    "organizations",
    "integrations each",
    "all watched",
    "after two reads of each",
    "most while firing",
    "kept of it",
    "the whole process, MiB",
)
NOTE = (
    f"The goal is {GOAL:,} bytes for a watched job, state machine, queue entry and identity included, in organizations "
    f"of a hundred, of ten and of two; {GOAL:,} for each result with two kinds, and {MEBIBYTES_GOAL} MiB for the whole "
    "process with a hundred thousand. In smaller organizations their one watch and one run (a task, tables) are shared "
    "by fewer. Resident memory is what the process took, with everything the allocator rounds up or cannot give back; "
    "kept is what is in use of it. Of the jobs that are awaited one by one all are fired at once, and each request "
    "that waits for its turn takes some kilobytes: that is the difference. No result takes less than what it says: its "
    "texts, numbers and two tuples. The run before that of the results keeps none, and two organizations are at work "
    "at once, so that little but results is counted. Server: `lean_server.py`, in the same process. "
    f"{ALLOCATED} Seed of the jitter: {SEED}."
)
TRACED_NOTE = (
    "By tracemalloc, a fifth of the integrations; bytes as asked for, which the allocator rounds up to sixteens. "
    "Server, allocator and seed are those of the first table."
)


if __name__ == "__main__":
    main()
