"""Where the work of a run goes: operations of the interpreter for an integration, by part of the package.

    python -m benchmarks.operations [--few 10] [--many 40]

Orders and products of ten integrations in each organization are synced on virtual time and a server in memory, by
`sync_many` and by the leanest loop there can be (`whole/leanest.py`). The interpreter counts each bytecode operation
for whoever's function it is in; what a run costs once is left out, as two sizes are compared. The same machine or
another one, busy or idle: the numbers are the same, and only other releases of Python count otherwise (3.12 does not
tell of every operation). What an
operation costs is another matter, and what C code does is not in it (parsing JSON and HTTP, sending, waiting).
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from attrs import evolve

from benchmarks import virtual_time
from benchmarks.arguments import counting
from benchmarks.results import FOLDER, ROOT, Cell, Figure, Table, save
from benchmarks.whole.leanest import sync_all
from benchmarks.whole.loop import DEADLINE, ORGANIZATIONS
from benchmarks.whole.server import Plan
from benchmarks.whole.ways import KINDS, TUNED
from packcloud_async import PackCloudClient

QUICK = ("--few", "1", "--many", "3")
POLICY = evolve(TUNED, deadline=DEADLINE)

CALLS, ANSWERS, MACHINES, FIRING, WATCHING, RESULTS, LOOP, OTHERS, LEANEST = (
    "calls: credential, slots, limits, retries, time limits, routes",
    "answers: reading, checking, models",
    "machines: what a sync did, when to look next",
    "firing: turns between organizations, single flight, senders, ledger",
    "watching: what is due, which reads, who is told",
    "listing and results",
    "asyncio",
    "other libraries",
    "the leanest loop itself",
)
_MODULES: Mapping[str, str] = {
    ANSWERS: "codec envelope fingerprints glimpse json_builders json_depth json_text models readers straight wire_form",
    MACHINES: "kind_state outcomes pacing progress timestamps windows",
    FIRING: "fairness firing flights organization_firing recorder run_context senders turns",
    WATCHING: "due list_knowledge planning reads walks watch watched",
    RESULTS: "bulk job_log job_telling organization_run organization_start report results targets",
}
PARTS = {module: part for part, modules in _MODULES.items() for module in modules.split()}
"""The part of each module; every other one of the package is a part of the calls."""


def part_of(file: str) -> str | None:
    """Return whose a function is by the file of its code; None for the server in memory, which is nobody's."""
    if file.startswith("<builder of"):
        return ANSWERS
    # attrs names the class for which it wrote a method.
    written_for = file.removeprefix("<attrs generated methods ").removeprefix("<attrs generated method ")
    place = written_for if written_for != file else file.removeprefix(f"{ROOT}/").removesuffix(".py").replace("/", ".")
    match place.rstrip(">").split("."):
        case ["benchmarks", "whole", "leanest", *_]:
            return LEANEST
        case ["benchmarks" | "tests", *_] | ["packcloud_async", "emulator", *_]:
            return None
        case ["packcloud_async", "_io" | "_sansio", module, *_] | ["packcloud_async", module, *_]:
            return PARTS.get(module, CALLS)
    return LOOP if Path(file).parent.name == "asyncio" else OTHERS


def by_sync_many(plan: Plan) -> Callable[[], Any]:
    """Return what syncs everything of a plan with ``sync_many``."""

    async def sync() -> None:
        async with (
            PackCloudClient(token="t" * 40, transport=plan.state()) as client,
            client.sync_many(plan.organization_ids, kinds=KINDS, poll=POLICY, max_organizations=ORGANIZATIONS) as run,
        ):
            async for result in run:
                assert not result.failed

    return sync


def by_the_leanest_loop(plan: Plan) -> Callable[[], Any]:
    """Return what syncs everything of a plan with next to nothing."""

    async def sync() -> None:
        async with PackCloudClient(token="t" * 40, transport=plan.state()) as client:
            known = await sync_all(client, dict.fromkeys(plan.organization_ids), POLICY)
        assert len(known.news) == len(plan.integration_ids) * len(KINDS)

    return sync


def operations(main: Callable[[], Any]) -> Counter[str]:
    """Run it on virtual time and count the operations in each part."""
    counts: Counter[CodeType] = Counter()

    def count(frame: FrameType, event: str, _: object) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            counts[frame.f_code] += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        virtual_time.run(main)
    finally:
        sys.settrace(before)
    found: Counter[str] = Counter()
    for code, number in counts.items():
        if (part := part_of(code.co_filename)) is not None:
            found[part] += number
    return found


def of_an_integration(way: Callable[[Plan], Callable[[], Any]], few: int, many: int) -> Mapping[str, float]:
    """Return the operations that a further integration takes, by part."""
    small, large = Plan(organizations=few), Plan(organizations=many)
    # What is made at first use is made.
    virtual_time.run(way(small))
    less, more = operations(way(small)), operations(way(large))
    further = len(large.integration_ids) - len(small.integration_ids)
    return {part: (more[part] - less[part]) / further for part in more}


def table(ours: Mapping[str, float], leanest: Mapping[str, float]) -> Table:
    """Return a row for each part, the costliest first, and one for all of them."""
    parts = sorted(ours.keys() | leanest.keys(), key=lambda part: -ours.get(part, 0.0))

    def row(name: str, mine: float, other: float) -> tuple[Cell, ...]:
        return name, round(mine), round(other), round(mine - other)

    rows = [row(part, ours.get(part, 0.0), leanest.get(part, 0.0)) for part in parts]
    whole = row("all", sum(ours.values()), sum(leanest.values()))
    return Table(
        "Operations for an integration, two kinds",
        ("part", "`sync_many`", "the leanest loop", "more"),
        (*rows, whole),
        "Bytecode operations of the interpreter; the server's are left out.",
    )


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Count both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=counting, default=10, help="organizations of the smaller run")
    parser.add_argument("--many", type=counting, default=40, help="organizations of the larger run")
    options = parser.parse_args(arguments)
    if options.few >= options.many:
        parser.error("--few must be less than --many: what is told is what the further organizations take")
    ours = of_an_integration(by_sync_many, options.few, options.many)
    leanest = of_an_integration(by_the_leanest_loop, options.few, options.many)
    all_of_ours = sum(ours.values())
    figures = [
        Figure(name="operations of sync_many for an integration", value=all_of_ours, better="lower"),
        Figure(
            name="times those of the leanest loop",
            value=all_of_ours / sum(leanest.values()),
            better="lower",
        ),
    ]
    save(
        "operations", [table(ours, leanest)], figures=figures, folder=folder, few=options.few, many=options.many, seed=1
    )


if __name__ == "__main__":
    main()
