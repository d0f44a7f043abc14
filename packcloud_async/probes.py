"""Probes: what shows whether a sync of a kind without a watermark changed anything.

A probe gives one text per integration. It is read before the POST, and again whenever a watermark would be; a text that
was not seen before is a change.
"""

from collections.abc import Collection, Mapping
from typing import Protocol, cast

from packcloud_async._sansio import endpoints
from packcloud_async._sansio.wire import Response
from packcloud_async.calls import Caller
from packcloud_async.models import UNSET


class Probe(Protocol):
    """Reads before and after a sync of a kind without a watermark.

    Jobs of one organization are asked about together. One probe may be asked by several tasks at once.
    """

    async def read(self, caller: Caller, organization_id: str, integration_ids: Collection[str]) -> Mapping[str, str]:
        """Return one text per integration, a different one when something changed.

        Texts are compared like watermarks: as instants when they are ISO 8601 timestamps, as they are otherwise. They
        are recorded in tokens, so they must be short, hold no secret, and mean the same in another process. Errors
        of calls are raised as they are.
        """
        ...


async def ask(
    probe: Probe, caller: Caller, organization_id: str, integration_ids: Collection[str]
) -> Mapping[str, str]:
    """Read a probe; raise TypeError when it is not the text of integrations that it returns."""
    shown: object = await probe.read(caller, organization_id, integration_ids)
    if isinstance(shown, Mapping):
        texts = cast("Mapping[str, object]", shown)
        if all(isinstance(text, str) for text in texts.values()):
            return cast("Mapping[str, str]", texts)
    raise TypeError(f"{type(probe).__name__}.read() must return texts by integration id, not {shown!r:.100}")


async def read_path(caller: Caller, path: str, *, query: Mapping[str, str] | None = None) -> Response:
    """GET any path of the API from within a probe, with the credential, the retries and the turns of the client.

    ``path`` begins with ``/`` and is percent-encoded. Raises what the calls raise.
    """
    return await caller.call(endpoints.any_request("GET", path, query, UNSET))
