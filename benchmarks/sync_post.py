"""The POST of a sync, whose answer has nothing to read.

python -m benchmarks.sync_post [--rounds 7] [--seconds 0.7] [--in-flight 8 64]
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import question
from benchmarks.measuring.contestants import LIMITED, OURS, PLAIN
from benchmarks.measuring.found import TO_RAW, Goal, Shape
from benchmarks.measuring.question import Question
from benchmarks.results import FOLDER

QUICK = ("--quick", "--in-flight", "8")
QUESTION = Question(
    "sync_post",
    (
        Shape(
            "sync",
            "The POST of a sync",
            (Goal(OURS, TO_RAW, 1.0), Goal(PLAIN, TO_RAW, 1.0), Goal(LIMITED, TO_RAW, 1.0)),
        ),
    ),
    in_flight=(8, 64),
)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure and write the tables."""
    question.main(QUESTION, __doc__, arguments, folder)


if __name__ == "__main__":
    main()
