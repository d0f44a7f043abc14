"""What the process takes, and whether it stays the same."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from attrs import frozen

WITHIN = 0.05
"""How far the mean memory of the last third may lie above that of the middle third."""
YOUNG, GROWING_UP = 300.0, 16e6
"""A process that is watched for fewer seconds still grows to its size, and may by so many bytes more."""
ENOUGH = 9
"""Fewer samples have no thirds worth comparing."""
SHORT = 60.0
"""Whoever watches for fewer seconds need not have enough samples; from then on, too few are trouble."""


@frozen
class Sample:
    """One look: ``at`` seconds since the start, bytes of memory, and counts.

    ``quiet`` when it was taken between two waves, where nothing is under way.
    """

    at: float
    memory: int
    descriptors: int
    threads: int
    tasks: int
    quiet: bool = False


def look(at: float, *, quiet: bool = False) -> Sample:
    """Look at this process; call it from within its loop."""
    return Sample(
        at=round(at, 3),
        memory=memory_of(os.getpid()),
        # Listing them takes one itself.
        descriptors=len(os.listdir("/proc/self/fd")) - 1,
        threads=threading.active_count(),
        tasks=len(asyncio.all_tasks()),
        quiet=quiet,
    )


def memory_of(pid: int) -> int:
    """Return the bytes of a process that are in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def thirds(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Cut the time between the first and the last sample into three."""
    first, last = samples[0].at, samples[-1].at
    third = (last - first) / 3 or 1.0
    parts: list[list[Sample]] = [[], [], []]
    for sample in samples:
        parts[min(2, int((sample.at - first) / third))].append(sample)
    return parts


def growth(samples: Sequence[Sample]) -> float | None:
    """Return by which share the memory of the last third is above that of the middle third; None if unknown."""
    means = _means(samples)
    return None if means is None else means[1] / means[0] - 1


def _means(samples: Sequence[Sample]) -> tuple[float, float] | None:
    if len(samples) < ENOUGH:
        return None
    _, middle, last = thirds(samples)
    if not middle or not last:
        return None
    return fmean(s.memory for s in middle), fmean(s.memory for s in last)


def troubles(samples: Sequence[Sample]) -> list[str]:
    """Say what did not stay the same."""
    told: list[str] = []
    is_long = bool(samples) and samples[-1].at - samples[0].at >= SHORT
    if (means := _means(samples)) is not None:
        middle_mean, last_mean = means
        allowed = GROWING_UP if samples[-1].at - samples[0].at < YOUNG else 0.0
        if last_mean > middle_mean * (1 + WITHIN) + allowed:
            grown = last_mean / middle_mean - 1
            told.append(f"memory grew by {grown:.1%} from the middle third to the last")
    elif is_long:
        counted = ", ".join(str(len(part)) for part in thirds(samples))
        told.append(f"too few samples to tell whether memory grew: {counted} in the thirds of the time")
    quiet = [sample for sample in samples if sample.quiet]
    if len(quiet) >= ENOUGH // 3:
        # One a wave: cut by their number, no third is without any, however long one wave took.
        third = len(quiet) // 3
        middle, last = quiet[third:-third], quiet[-third:]
        counts: Sequence[tuple[str, Callable[[Sample], int]]] = (
            ("descriptors", lambda sample: sample.descriptors),
            ("threads", lambda sample: sample.threads),
            ("tasks", lambda sample: sample.tasks),
        )
        for name, count in counts:
            before, after = max(map(count, middle)), max(map(count, last))
            if after > before:
                told.append(f"{name} between waves grew from {before} to {after}")
    elif is_long:
        told.append(f"too few waves to tell whether descriptors, threads or tasks grew: {len(quiet)}")
    return told
