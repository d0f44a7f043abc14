"""What a test leaves changed in its process, where the next one would depend on it."""

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP, signal.SIGALRM] if os.name == "posix" else [])]
# pytest says in it which test runs.
OF_PYTEST = {"PYTEST_CURRENT_TEST"}


def state() -> Mapping[str, Any]:
    """Return what is common to all tests of a process, by names that say what it is."""
    loggers = logging.root.manager.loggerDict
    return {
        "the environment": {name: value for name, value in os.environ.items() if name not in OF_PYTEST},
        "the working directory": _cwd(),
        "sys.path": tuple(sys.path),
        "sys.excepthook": sys.excepthook,
        "sys.argv": tuple(sys.argv),
        "the collector": (gc.isenabled(), gc.get_threshold(), gc.get_debug()),
        "the timeout of sockets": socket.getdefaulttimeout(),
        "the level that logging disables": logging.root.manager.disable,
        "whether logging raises": logging.raiseExceptions,
        "the logger root": _of_logger(logging.root),
        **{f"the handler of {number.name}": signal.getsignal(number) for number in SIGNALS},
        **{
            f"the logger {name}": _of_logger(logger)
            # A copy: other threads may ask for loggers.
            for name, logger in list(loggers.items())
            if isinstance(logger, logging.Logger)
        },
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Tell what differs; what was not there before, such as a logger, is nothing that a test has changed."""
    return [
        f"{name} was {_shown(was, after[name])}, and is {_shown(after[name], was)}"
        for name, was in before.items()
        if name in after and after[name] != was
    ]


def _of_logger(logger: logging.Logger) -> tuple[Any, ...]:
    # Libraries give one to their own loggers when they are imported, and it does nothing; pytest gives those that pass
    # nothing on others for each part of a test.
    handlers = [
        handler
        for handler in logger.handlers
        if type(handler) is not logging.NullHandler and type(handler).__module__ != "_pytest.logging"
    ]
    return (logger.level, handlers, logger.disabled, logger.propagate, list(logger.filters))


def _cwd() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _shown(value: Any, other: Any) -> Any:
    """Of mappings what differs alone: no environment is shown whole."""
    if isinstance(value, dict) and isinstance(other, dict):
        return {key: held for key, held in value.items() if other.get(key) != held}
    return getattr(value, "__qualname__", value) if isinstance(value, Callable) else value
