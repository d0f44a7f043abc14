"""Which process runs on which core, and with which allocator."""

import os
import platform
import sys
from collections.abc import Mapping

CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
SERVER_CORE = CORES[0] if CORES else None
CLIENT_CORE = CORES[-1] if CORES else None

ALLOCATOR: Mapping[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}
"""asyncio reads into buffers of 256 KiB, which glibc would map and unmap at every read of a small young process: then
whatever runs beside a larger heap looks cheaper than it is. So every contestant runs with these alike."""

ALLOCATED = "Allocator: malloc, " + ", ".join(f"{name}={value}" for name, value in ALLOCATOR.items()) + "."


def environment() -> dict[str, str]:
    """Return the environment of every measured process.

    They may keep compiled modules, so that none of them compiles while another one finds them compiled.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **ALLOCATOR, "PYTHONHASHSEED": "0"}


def allocator() -> str:
    """Say with which allocator a measured process runs."""
    settings = ", ".join(f"{name.strip('_')}={value}" for name, value in ALLOCATOR.items())
    return f"{platform.libc_ver()[0] or 'the allocator of the platform'}, {settings}"


def pin(core: int | None) -> None:
    """Keep this process on one core, where that can be done."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def layout() -> str:
    """Say which core does what."""
    if SERVER_CORE is None:
        return "processes not pinned"
    if SERVER_CORE == CLIENT_CORE:
        return "client and server on the one core there is"
    return f"server on core {SERVER_CORE}, client on core {CLIENT_CORE}"
