"""What a job makes of a sync that is already running."""

from enum import StrEnum


class OnConflict(StrEnum):
    """What a 409 on a sync POST means to a job."""

    WATCH = "watch"
    """A sync is already running: watch that one."""
    REJECT = "reject"
    """The kind ends ``REJECTED``."""
