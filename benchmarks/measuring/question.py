"""A question over HTTP: one shape, several numbers of requests in flight, all contestants on one server in one run."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import evolve, frozen

from benchmarks.measuring import cores
from benchmarks.measuring.contestants import RAW, Missing, contestants, names
from benchmarks.measuring.found import Found, Shape
from benchmarks.measuring.rounds import Contestant, measure, versions, workers
from benchmarks.measuring.samples import Task
from benchmarks.measuring.server import SERVERS, StaticServer, serving
from benchmarks.results import FOLDER, save


@frozen
class Question:
    """A benchmark: its name in the results, its shapes, and how many requests are in flight."""

    name: str
    shapes: tuple[Shape, ...]
    in_flight: tuple[int, ...]


@frozen
class Effort:
    """How long is measured: ``rounds`` that count, ``seconds`` for each contestant in each."""

    rounds: int
    seconds: float
    seed: int


def ask(
    question: Question,
    effort: Effort,
    *,
    server: StaticServer,
    only: Sequence[str] | None = None,
    told: Callable[[str], object] = print,
) -> tuple[list[Found], dict[str, Mapping[str, str | None]]]:
    """Measure all; return what was found and the versions of everybody."""
    found: list[Found] = []
    versions_of: dict[str, Mapping[str, str | None]] = {}
    for shape in question.shapes:
        everybody = contestants(server.base_url, shape.name, only=only)
        there = [one for one in everybody if isinstance(one, Contestant)]
        missing = tuple(one for one in everybody if isinstance(one, Missing))
        versions_of |= {one.name: versions(one) for one in there if one.name not in versions_of}
        with workers(there) as running:
            for in_flight in question.in_flight:
                rounds = measure(
                    running,
                    Task(effort.seconds, in_flight),
                    reference=RAW,
                    rounds=effort.rounds,
                    seed=effort.seed,
                    busy=server.busy,
                )
                found.append(Found(shape, in_flight, rounds, missing, server.name))
                told(f"measured: {found[-1].title}")
    return found, versions_of


def main(question: Question, describes: str | None, arguments: Sequence[str] | None, folder: Path = FOLDER) -> None:
    """Measure as the command line says, and write the tables."""
    parser = argparse.ArgumentParser(description=describes, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.7, help="for each contestant in each round")
    parser.add_argument("--seed", type=int, default=1, help="of the order within each round")
    parser.add_argument("--in-flight", type=int, nargs="+", help="requests at a time")
    parser.add_argument("--only", nargs="+", help="the names of some contestants")
    parser.add_argument("--server", choices=SERVERS, help="nginx when there is one")
    parser.add_argument("--quick", action="store_true", help="a smoke run: two short rounds")
    options = parser.parse_args(arguments)
    everybody = dict.fromkeys(name for shape in question.shapes for name in names(shape.name))
    if unknown := [name for name in options.only or () if name not in everybody]:
        told = ", ".join(map(repr, everybody))
        parser.error(f"there is no {', '.join(map(repr, unknown))} here; there are: {told}")
    if min(options.in_flight or (1,)) < 1:
        parser.error("--in-flight: at least 1 request is under way at a time")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds is at least 1, and --seconds more than 0")
    if options.only and RAW not in options.only:
        parser.error(f"{RAW!r} must be among them: it is what everybody is measured by")
    effort = Effort(2, 0.1, options.seed) if options.quick else Effort(options.rounds, options.seconds, options.seed)
    asked = evolve(question, in_flight=tuple(options.in_flight or question.in_flight))
    with serving(options.server) as server:
        found, versions_of = ask(asked, effort, server=server, only=options.only)
    save(
        question.name,
        [one.table() for one in found],
        figures=[figure for one in found for figure in one.figures()],
        quick=options.quick,
        folder=folder,
        seed=effort.seed,
        rounds=effort.rounds,
        seconds=effort.seconds,
        server=server.name,
        cores=cores.layout(),
        allocator=dict(cores.ALLOCATOR),
        too_noisy=[one.title for one in found if one.rounds.is_noisy],
        versions=versions_of,
    )
