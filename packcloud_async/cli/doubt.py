"""What the server may have done although nothing it answered says so: a user who repeats it might have it twice."""

from attrs import define, field

from packcloud_async._sansio.answers import may_have_acted
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import PackCloudError

IN_DOUBT = "the server may have done it: look before you repeat it"
INTERRUPTED_IN_DOUBT = "Interrupted. T" + IN_DOUBT[1:] + "."


@define(eq=False)
class Doubt:
    """Whether one call of one client, which changes something, may have been carried out."""

    _client: PackCloudClient | None = field(default=None, init=False)
    _may_have_acted: bool = field(default=False, init=False)
    _settled: int = field(default=0, init=False)

    def concerns(self, client: PackCloudClient) -> None:
        """Look at this client from here on."""
        self._client = client

    def retrying(self, details: RetryDetails) -> None:
        """Take note of what failed; every request so far is settled by that."""
        self._may_have_acted |= may_have_acted(details.error)
        self._settled = self._sent

    @property
    def while_under_way(self) -> bool:
        """What there is to say of it before the call has ended."""
        return self._may_have_acted or self._sent > self._settled

    def after(self, error: PackCloudError) -> bool:
        """What there is to say of it when the call has failed."""
        return self._may_have_acted or may_have_acted(error)

    @property
    def _sent(self) -> int:
        return 0 if self._client is None else self._client.requests_sent
