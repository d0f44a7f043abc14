"""One typed GET: what it costs beside raw aiohttp and beside what else one would use.

    python -m benchmarks.one_get [--rounds 7] [--seconds 0.7] [--in-flight 1 8 64 256]

The figure is processor time of the client's process, user plus system, for one request.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import question
from benchmarks.measuring.contestants import GENERATOR, LIMITED, OURS, PLAIN, PYTHON_CLIENT
from benchmarks.measuring.found import TO_OURS, TO_RAW, Goal, Shape
from benchmarks.measuring.question import Question
from benchmarks.results import FOLDER

QUICK = ("--quick", "--in-flight", "8")
QUESTION = Question(
    "one_get",
    (
        Shape(
            "one",
            "One typed GET",
            (
                Goal(OURS, TO_RAW, 1.0),
                Goal(PLAIN, TO_RAW, 1.0),
                Goal(LIMITED, TO_RAW, 1.0),
                Goal(GENERATOR, TO_OURS, 2.5, "higher"),
                Goal(PYTHON_CLIENT, TO_OURS, 10, "higher"),
            ),
        ),
    ),
    in_flight=(1, 8, 64, 256),
)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure and write the tables."""
    question.main(QUESTION, __doc__, arguments, folder)


if __name__ == "__main__":
    main()
