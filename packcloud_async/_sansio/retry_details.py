"""One retry, told to whoever wants to know."""

from attrs import frozen

from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async.errors import PackCloudError


@frozen(kw_only=True)
class RetryDetails:
    """One retry of one request: attempt number ``attempt`` failed, the next one starts in ``wait`` seconds."""

    operation: str
    method: str
    path: str
    attempt: int
    wait: float
    error: PackCloudError

    __repr__, __eq__, __hash__ = shown, equal, hashed
