"""What the package costs and saves, measured. From the repository's root: ``python -m benchmarks.scale``."""

import os
import sys
from types import TracebackType

STARTED_BY = "BENCHMARKS_STARTED_BY"
"""In the environment: the process that was started by hand, which alone tells that it was stopped."""
_OUTERMOST = os.environ.setdefault(STARTED_BY, str(os.getpid())) == str(os.getpid())
_usual = sys.excepthook


def told_in_a_line(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Write an error as usual, but Ctrl-C in a line: the traceback of every process says nothing more."""
    if not issubclass(kind, KeyboardInterrupt):
        _usual(kind, error, traceback)
    elif _OUTERMOST:
        print("\nstopped; nothing was written of what was under way", file=sys.stderr)


sys.excepthook = told_in_a_line
