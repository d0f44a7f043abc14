"""What happens to a job, told as it happens. ``at`` is seconds since the job started."""

from attrs import frozen

from packcloud_async._sansio.outcomes import Sighting, Step, SyncResult
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.errors import PackCloudError
from packcloud_async.models import Integration, SyncKind


@frozen(kw_only=True)
class BaselineRead:
    """The integration as it was before any POST."""

    at: float
    integration: Integration


@frozen(kw_only=True)
class Fired:
    """The POST of one kind is answered or given up; ``error`` is None when it was accepted.

    ``shared`` is True when another job of the same client sent it, for the same integration and kind.
    """

    at: float
    kind: SyncKind
    error: PackCloudError | None = None
    shared: bool = False


@frozen(kw_only=True)
class Retrying:
    """A request of the job is sent again after a wait.

    ``at`` is seconds since the job started. ``kind`` says whose POST it is, which had no effect; None means a read.
    """

    at: float
    kind: SyncKind | None
    details: RetryDetails


@frozen(kw_only=True)
class ReadMade:
    """The integration was read, or the read failed; ``sighting`` says which."""

    at: float
    sighting: Sighting


@frozen(kw_only=True)
class Advanced:
    """A watermark showed a value never seen before; ``at`` is seconds since the job started."""

    at: float
    kind: SyncKind
    step: Step


@frozen(kw_only=True)
class Finished:
    """Every kind has an outcome; always the last event. ``at`` is seconds since the job started."""

    at: float
    result: SyncResult


SyncEvent = BaselineRead | Fired | Retrying | ReadMade | Advanced | Finished
