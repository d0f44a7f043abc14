"""The command line: ``packcloud``, or ``python -m packcloud_async``."""

import contextlib
import sys
from collections.abc import Callable, Sequence

INTERRUPTED = 130
_NEEDED = frozenset({"click", "rich"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; ``arguments`` None takes those of the process."""
    try:
        return _command()(arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write("packcloud: the command line needs the extra: pip install 'packcloud_async[cli]'\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED


def load() -> None:
    """Import everything that the command of this process needs; what is missing is told by :func:`main`."""
    with contextlib.suppress(ModuleNotFoundError):
        from packcloud_async.cli.app import load_command  # noqa: PLC0415 - as said below

        load_command(sys.argv[1:])


def _command() -> Callable[[Sequence[str] | None], int]:
    # Not at the top: the package works without the extra, and so does importing this module.
    from packcloud_async.cli.app import run  # noqa: PLC0415 - as said above

    return run


if __name__ == "__main__":
    sys.exit(main())
