"""A typed page of 25 and of 100 integrations, fields that no model knows kept.

    python -m benchmarks.pages [--rounds 7] [--seconds 0.7] [--in-flight 8 64]

With `async for` each integration is one more step; the others give the page as a whole.
openapi-generator's models drop the fields they do not know; everybody else's keep them.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import question
from benchmarks.measuring.contestants import GENERATOR, LIMITED, OURS, PLAIN, PYTHON_CLIENT
from benchmarks.measuring.found import TO_OURS, TO_RAW, Goal, Shape
from benchmarks.measuring.question import Question
from benchmarks.results import FOLDER

QUICK = ("--quick", "--in-flight", "8")
AHEAD = (Goal(GENERATOR, TO_OURS, 2.5, "higher"), Goal(PYTHON_CLIENT, TO_OURS, 10, "higher"))
QUESTION = Question(
    "pages",
    (
        Shape(
            "page_25",
            "A typed page of 25",
            (Goal(OURS, TO_RAW, 1.5), Goal(PLAIN, TO_RAW, 2.0), Goal(LIMITED, TO_RAW, 1.5), *AHEAD),
        ),
        Shape(
            "page_100",
            "A typed page of 100",
            (Goal(OURS, TO_RAW, 2.6), Goal(PLAIN, TO_RAW, 4.6), Goal(LIMITED, TO_RAW, 2.6), *AHEAD),
        ),
    ),
    in_flight=(8, 64),
)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure and write the tables."""
    question.main(QUESTION, __doc__, arguments, folder)


if __name__ == "__main__":
    main()
