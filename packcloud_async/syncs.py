"""The public names of syncs, loaded with the first of them that is asked for."""

from packcloud_async._sansio.events import Advanced, BaselineRead, Finished, Fired, ReadMade, Retrying, SyncEvent
from packcloud_async._sansio.outcomes import KindOutcome, Outcome, Sighting, Step, SyncResult
from packcloud_async.shipping_probe import ShippingServicesProbe
from packcloud_async.sync_job import AsyncSyncJob

__all__ = [
    "Advanced",
    "AsyncSyncJob",
    "BaselineRead",
    "Finished",
    "Fired",
    "KindOutcome",
    "Outcome",
    "ReadMade",
    "Retrying",
    "ShippingServicesProbe",
    "Sighting",
    "Step",
    "SyncEvent",
    "SyncResult",
]
