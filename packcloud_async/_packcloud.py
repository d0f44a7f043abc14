"""The command ``packcloud`` from its first moment: installed beside the package, whose import takes a while.

Ctrl-C during that import, or when everything is done and the interpreter is leaving, ends the process at once and
quietly. What the interpreter does before it comes here cannot be helped.
"""

import contextlib
import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130


def main() -> int:
    """Run the command line and return its exit code."""
    # A shell lets its background jobs ignore it, and that stays so.
    is_heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heeded:
        signal.signal(signal.SIGINT, _end_at_once)
    from packcloud_async import __main__ as command  # noqa: PLC0415 - not before somebody heeds Ctrl-C

    command.load()
    try:
        if is_heeded:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return command.main()
        finally:
            if is_heeded:
                signal.signal(signal.SIGINT, _end_at_once)
    except KeyboardInterrupt:
        # Between two lines that expect it.
        return _told()


def _end_at_once(_: int, __: FrameType | None) -> None:
    # Nothing of ours is open: an exception would only be shown, by whatever it interrupts.
    os._exit(_told())


def _told() -> int:
    line = b"\nInterrupted.\n" if os.isatty(2) else b"Interrupted.\n"
    with contextlib.suppress(OSError):
        os.write(2, line)
    return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
