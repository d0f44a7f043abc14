"""The server of the benchmarks over HTTP: nginx, or the fastest at hand."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen

from benchmarks.measuring.rounds import processor_seconds

SERVERS = ("nginx", "precomputed")
BUSY = 0.80
"""From this share of its time on, a server may be what is measured."""


@frozen
class StaticServer:
    """Where it answers: organization ``page_25`` has a list of 25, and any id gives the one integration."""

    base_url: str
    name: str
    processes: tuple[int, ...]

    def busy(self) -> float:
        """Return the seconds of processor time it has had so far."""
        return processor_seconds(self.processes)


@contextmanager
def serving(kind: str | None = None) -> Iterator[StaticServer]:
    """Serve until the block ends, by default with nginx when there is one."""
    # Both need what stands above.
    from benchmarks.measuring import nginx, precomputed  # noqa: PLC0415

    chosen = kind or ("nginx" if nginx.found() else "precomputed")
    with (nginx if chosen == "nginx" else precomputed).serving() as server:
        yield server


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return as soon as somebody listens; raise RuntimeError when the process ended or takes too long."""
    for _ in range(1_000):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"the server does not listen (exit code {process.poll()})")
