"""The proof of the ledger at length: runs are killed, resumed and killed again, and held against the books.

    python benchmarks/kill.py [--kills 300] [--at-once 6] [--seed 0] [--faults]

Each run syncs all kinds of 10 integrations in two organizations of an emulator that is served in this process, by
processes of their own that are killed (SIGKILL) at random instants. When enough were killed the runs are let end. Then
the books tell what was lost (no outcome), repeated (accepted twice) or wrong (an outcome that is not true). The exit
code is 1 if anything was.
"""

import argparse
import asyncio
import platform
import random
import sys
import tempfile
import time
from pathlib import Path

ONLY_BY_NAME = "it kills processes, for minutes"
QUICK = ("--kills", "4")
REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))
from tests.support.killing import Found, kill_runs  # noqa: E402 - it is no installed package

LIMIT = 3_600.0


def main() -> int:
    """Kill, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--at-once", type=int, default=6, help="runs side by side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", action="store_true", help="let connections break and requests fail as well")
    options = parser.parse_args()
    began = time.perf_counter()
    tally = asyncio.run(_bounded(options))
    seconds = time.perf_counter() - began
    verdict = tally.verdict
    faults = "with" if options.faults else "without"
    print(f"Python {platform.python_version()}, seed {options.seed}, {faults} faults, {seconds:.0f} s\n")
    _print_table([("kills", tally.kills), *((f"  found: {found.value}", tally.found[found]) for found in Found)])
    _print_table(
        [
            ("runs", tally.runs),
            ("jobs", verdict.jobs),
            ("kinds", verdict.kinds),
            ("POSTs that arrived", tally.posts),
            ("syncs accepted", tally.accepted),
            ("outcomes AMBIGUOUS", verdict.ambiguous),
            ("lost", len(verdict.lost)),
            ("repeated", len(verdict.repeated)),
            ("wrong", len(verdict.wrong)),
            ("processes that failed", len(tally.failed)),
        ]
    )
    troubles = [*verdict.lost, *verdict.repeated, *verdict.wrong, *tally.failed]
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    return 1 if troubles else 0


async def _bounded(options):
    with tempfile.TemporaryDirectory() as folder:
        async with asyncio.timeout(LIMIT):
            return await kill_runs(
                Path(folder),
                random.Random(options.seed),
                kills=options.kills,
                at_once=options.at_once,
                rough=options.faults,
            )


def _print_table(rows):
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value:>6,}")
    print()


if __name__ == "__main__":
    sys.exit(main())
