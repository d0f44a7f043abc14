"""A command in a fresh process on the client's core, and what it took."""

import os
import subprocess
import time
from collections.abc import Sequence

from attrs import frozen

from benchmarks.measuring import cores
from benchmarks.results import ROOT


@frozen
class Took:
    """Seconds: of processor time, user and system, and of the clock on the wall."""

    cpu: float
    wall: float


def run(command: Sequence[str], *, folder: str, quiet: bool = False) -> Took:
    """Run a command until it ends; bytecode is kept in ``folder``, which can be imported from as well.

    What a ``quiet`` one writes to its standard output is thrown away. Raises RuntimeError when it fails.
    """
    environment = {**cores.environment(), "PYTHONPYCACHEPREFIX": folder, "PYTHONPATH": folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    output = subprocess.DEVNULL if quiet else None
    began = time.perf_counter()
    # In a group of its own Ctrl-C does not reach it: it is ended here, without a traceback.
    process = subprocess.Popen(command, cwd=ROOT, env=environment, process_group=0, stdout=output)
    try:
        if cores.CLIENT_CORE is not None:
            os.sched_setaffinity(process.pid, {cores.CLIENT_CORE})
        _, status, used = os.wait4(process.pid, 0)
    except KeyboardInterrupt:
        process.kill()
        process.wait()
        raise
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"a process ended with status {process.returncode}; see its traceback above")
    return Took(used.ru_utime + used.ru_stime, wall)
