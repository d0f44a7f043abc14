"""What is asked of a contestant, and what it cost."""

from attrs import frozen


@frozen
class Task:
    """Ask for so many seconds, so many at a time."""

    seconds: float
    in_flight: int


@frozen
class Sample:
    """So many operations took so many seconds: ``cpu`` is user plus system of the client's process.

    ``server_busy`` is the share of the wall time in which the server's processes had a core, None if nobody looked.
    """

    operations: int
    cpu: float
    wall: float
    server_busy: float | None = None

    @property
    def cpu_each(self) -> float:
        """Seconds of processor time for one operation."""
        return self.cpu / self.operations

    @property
    def per_second(self) -> float:
        """Operations a second."""
        return self.operations / self.wall
