"""What a soak found, and how it is told."""

from collections import Counter
from typing import Any

from attrs import define, field

from benchmarks.results import Table
from benchmarks.soaking import meter


@define
class Found:
    """What was played and found so far; ``age`` is how many seconds it has lasted."""

    seed: int
    age: float = 0.0
    samples: list[meter.Sample] = field(factory=list)
    waves: list[dict[str, Any]] = field(factory=list)
    totals: Counter[str] = field(factory=Counter)
    outcomes: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)
    troubles: list[str] = field(factory=list)


def tables(found: Found) -> list[Table]:
    """Return what is printed and shown in the docs."""
    quiet = [sample for sample in found.samples if sample.quiet]
    grown = meter.growth(found.samples)
    thirds = meter.thirds(found.samples)
    return [
        Table(
            "What was played and found",
            ("what", "number"),
            (
                ("seed", str(found.seed)),
                ("minutes", round(found.age / 60, 1)),
                ("waves", len(found.waves)),
                ("jobs", found.totals["jobs"]),
                ("of them with an error in place of some outcome, nothing sent", found.totals["not_started"]),
                ("outcomes", sum(found.outcomes.values())),
                *((f"of them `{state.upper()}`", count) for state, count in sorted(found.outcomes.items())),
                ("outcomes that a lagging replica made", found.totals["from_replicas"]),
                ("requests", found.totals["requests"]),
                ("faults", sum(found.faults.values())),
                ("sync POSTs that arrived", found.totals["posts"]),
                ("syncs started", found.totals["accepted"]),
                ("jobs lost, POSTs repeated, outcomes wrong, and the like", len(found.troubles)),
            ),
        ),
        Table(
            "Faults",
            ("fault", "number"),
            tuple(sorted(found.faults.items(), key=lambda item: (item[0].isdigit(), item[0]))),
        ),
        Table(
            "What the process took",
            ("third of the time", "memory, MB", "most descriptors", "most threads", "most tasks between waves"),
            tuple(
                (
                    name,
                    round(sum(s.memory for s in part) / len(part) / 1e6, 1),
                    max(s.descriptors for s in part),
                    max(s.threads for s in part),
                    max((s.tasks for s in part if s.quiet), default=None),
                )
                for name, part in zip(("first", "middle", "last"), thirds, strict=True)
                if part
            ),
            ""
            if grown is None
            else f"From the middle third to the last, memory changed by {grown:+.1%}. Between waves "
            f"{min(s.descriptors for s in quiet)} to {max(s.descriptors for s in quiet)} descriptors were open.",
        ),
        _by_minute(found),
    ]


def _by_minute(found: Found) -> Table:
    rows = []
    for minute in range(int(found.age / 60) + 1):
        samples = [sample for sample in found.samples if int(sample.at / 60) == minute]
        ended = [wave for wave in found.waves if int(wave["ended"] / 60) == minute]
        if samples:
            rows.append(
                (
                    minute + 1,
                    sum(wave["jobs"] for wave in ended),
                    round(sum(s.memory for s in samples) / len(samples) / 1e6, 1),
                    max(s.descriptors for s in samples),
                    min(s.descriptors for s in samples),
                )
            )
    columns = ("minute", "jobs ended", "memory, MB", "most descriptors", "fewest descriptors")
    return Table("By the minute", columns, tuple(rows))
