"""Async client for the Pack.cloud REST API: fire the syncs of an integration and watch what they did.

>>> from packcloud_async import PackCloudClient, SyncKind
>>> async def main() -> None:
...     async with PackCloudClient(token="...") as client:
...         result = await client.organization("org_1").sync("int_1", SyncKind.ORDERS)
...         print(result[SyncKind.ORDERS].state)
"""

from packcloud_async._io.transport import Transport
from packcloud_async._sansio.events import (
    Advanced,
    BaselineRead,
    Finished,
    Fired,
    ReadMade,
    RetryDetails,
    Retrying,
    SyncEvent,
)
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.outcomes import KindOutcome, Outcome, Sighting, Step, SyncResult
from packcloud_async._sansio.timestamps import Direction
from packcloud_async._sansio.token import OnConflict
from packcloud_async._sansio.wire import Request, Response
from packcloud_async.auth import Auth, BearerToken, HeaderAuth
from packcloud_async.bulk import SyncRun, SyncTarget
from packcloud_async.calls import Integrations, Listing, ShippingServices
from packcloud_async.client import Organization, PackCloudClient
from packcloud_async.errors import (
    ApiError,
    BadRequest,
    ClientStateError,
    ConfigurationError,
    Conflict,
    EndpointGone,
    Forbidden,
    InvalidResponse,
    NotFound,
    PackCloudError,
    RateLimited,
    ServerError,
    SyncError,
    TransportError,
    Unauthorized,
    ValidationFailed,
)
from packcloud_async.models import (
    UNSET,
    Integration,
    IntegrationAction,
    IntegrationCategory,
    IntegrationSettings,
    Page,
    ServiceType,
    ShippingService,
    SyncAccepted,
    SyncKind,
    Unset,
)
from packcloud_async.policies import UNCONFIRMED_ROUTES, PollPolicy, RetryPolicy, Routes, Timeouts
from packcloud_async.report import SyncReport
from packcloud_async.sync_job import AsyncSyncJob

__all__ = [
    "UNCONFIRMED_ROUTES",
    "UNSET",
    "Advanced",
    "ApiError",
    "AsyncSyncJob",
    "Auth",
    "BadRequest",
    "BaselineRead",
    "BearerToken",
    "ClientStateError",
    "ConfigurationError",
    "Conflict",
    "Direction",
    "EndpointGone",
    "Finished",
    "Fired",
    "Forbidden",
    "HeaderAuth",
    "Integration",
    "IntegrationAction",
    "IntegrationCategory",
    "IntegrationSettings",
    "Integrations",
    "InvalidResponse",
    "JsonValue",
    "KindOutcome",
    "Listing",
    "NotFound",
    "OnConflict",
    "Organization",
    "Outcome",
    "PackCloudClient",
    "PackCloudError",
    "Page",
    "PollPolicy",
    "RateLimited",
    "ReadMade",
    "Request",
    "Response",
    "RetryDetails",
    "RetryPolicy",
    "Retrying",
    "Routes",
    "ServerError",
    "ServiceType",
    "ShippingService",
    "ShippingServices",
    "Sighting",
    "Step",
    "SyncAccepted",
    "SyncError",
    "SyncEvent",
    "SyncKind",
    "SyncReport",
    "SyncResult",
    "SyncRun",
    "SyncTarget",
    "Timeouts",
    "Transport",
    "TransportError",
    "Unauthorized",
    "Unset",
    "ValidationFailed",
]
