"""The loop of all tests: the package's own whose time jumps, checking what it is asked to do."""

from packcloud_async.testing import VirtualTimeLoop

from .debugged import DebuggedLoop


class JumpingLoop(VirtualTimeLoop, DebuggedLoop):
    """For code without sockets only: bytes in flight look like idleness to it."""
