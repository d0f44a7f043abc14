"""The read a watch makes of a page of 25 and of 100 integrations: only ids and watermarks are wanted.

    python -m benchmarks.poll_reads [--rounds 7] [--seconds 0.7] [--in-flight 8 64]

The others have no read of their own for this, and make whole models.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import question
from benchmarks.measuring.contestants import LIMITED, OURS
from benchmarks.measuring.found import POLLED, TO_RAW, Goal, Shape
from benchmarks.measuring.question import Question
from benchmarks.results import FOLDER

QUICK = ("--quick", "--in-flight", "8")
FAST = Goal(OURS, POLLED, 200_000, "higher")
QUESTION = Question(
    "poll_reads",
    (
        Shape("poll_25", "A poll read of 25", (Goal(OURS, TO_RAW, 1.1), Goal(LIMITED, TO_RAW, 1.1), FAST)),
        Shape("poll_100", "A poll read of 100", (Goal(OURS, TO_RAW, 1.35), Goal(LIMITED, TO_RAW, 1.35), FAST)),
    ),
    in_flight=(8, 64),
)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure and write the tables."""
    question.main(QUESTION, __doc__, arguments, folder)


if __name__ == "__main__":
    main()
