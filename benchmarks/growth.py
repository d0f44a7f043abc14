"""How what a job costs grows with the run: processor time and memory of the client, from ten organizations on.

    python -m benchmarks.growth [--http 10 100 1000 10000] [--virtual 10 100 1000 10000 100000] [--rounds 3]
                                [--at-once 1000]

Orders and products of every integration are synced, ten integrations in an organization over HTTP and one on virtual
time; durations are log-normal, median half a second over HTTP and 2 s on virtual time. Over HTTP the server
(`whole/server.py`) has a process and a core of its own. On virtual time it is in the client's process and is counted
with it, as it is in every row. Each run is a process of its own, which has finished a small run before, so that what a
client needs once is not counted. ``at once`` is ``max_organizations``: 1,000 over HTTP (``--at-once``), and on virtual
time the default, or all of them, so that every job is watched at once.

Compared is with a thousand organizations. A job of a small run bears more of what each run costs once, and nothing of
that is subtracted; of memory only the jobs beyond a thousand organizations are told, because a small run takes less
than what the one before it left. Rounds are interleaved; runs of ten thousand organizations and more are made in one of
them. On virtual time the calls of Python functions are counted too, in runs of their own: what grows beside them is the
machine's doing. It takes about nine minutes on a quiet machine, six of them over HTTP. In about three:

    python -m benchmarks.growth --http 10 100 1000 --virtual 10 100 1000 10000 --rounds 1
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.arguments import counting
from benchmarks.measuring.cores import ALLOCATOR
from benchmarks.results import FOLDER, save
from benchmarks.whole.growing import IN_MEMORY, OVER_HTTP, How, http_run, virtual_run
from benchmarks.whole.sizes import MOST_AT_ONCE, REFERENCE, SEED, Series, measured

AT_ONCE_OVER_HTTP = 1_000
"""With the default of 200, ten thousand organizations take ten minutes, eight of which the client waits for syncs."""
QUICK = ("--http", "2", "4", "--virtual", "2", "4", "--rounds", "1")


def all_series(http: Sequence[int], virtual: Sequence[int], *, at_once: int = AT_ONCE_OVER_HTTP) -> Iterator[Series]:
    """Yield what is run: the last one is the third without garbage collection, which is what it is held against."""
    together = [size for size in virtual if size <= MOST_AT_ONCE]
    yield Series(name="over HTTP", run=http_run, sizes=http, integrations=OVER_HTTP, at_once=at_once)
    yield Series(name="on virtual time", run=virtual_run, sizes=virtual, integrations=IN_MEMORY, is_counted=True)
    yield Series(
        name="all organizations at once, on virtual time",
        run=virtual_run,
        sizes=together,
        integrations=IN_MEMORY,
        at_once=None,
        is_counted=True,
    )
    yield Series(
        name="all organizations at once, while `gc.disable()` keeps Python from collecting garbage",
        run=virtual_run,
        sizes=[size for size in together if size >= REFERENCE] or together,
        integrations=IN_MEMORY,
        at_once=None,
        how=How.UNCOLLECTED,
        has_goals=False,
    )


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", type=counting, nargs="+", default=[10, 100, 1_000, 10_000])
    parser.add_argument("--virtual", type=counting, nargs="+", default=[10, 100, 1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=counting, default=3)
    parser.add_argument("--at-once", type=counting, default=AT_ONCE_OVER_HTTP, help="max_organizations over HTTP")
    options = parser.parse_args(arguments)
    found = [
        measured(series, rounds=options.rounds)
        for series in all_series(options.http, options.virtual, at_once=options.at_once)
    ]
    save(
        "growth",
        [one.table() for one in found],
        figures=[figure for one in found for figure in one.figures()],
        rounds=options.rounds,
        allocator=dict(ALLOCATOR),
        server="whole/server.py over HTTP, lean_server.py in the same process on virtual time",
        seed=SEED,
        too_noisy=[one.series.name for one in found if one.noise() is not None],
        folder=folder,
    )


if __name__ == "__main__":
    main()
