"""Async client for the Pack.cloud REST API: fire the syncs of an integration and watch what they did.

>>> from packcloud_async import PackCloudClient, SyncKind
>>> async def main() -> None:
...     async with PackCloudClient(token="...") as client:
...         result = await client.organization("org_1").sync("int_1", SyncKind.ORDERS)
...         print(result[SyncKind.ORDERS].state)
"""

from typing import TYPE_CHECKING

from packcloud_async._io.limiting import Limiter
from packcloud_async._io.transport import Transport
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.learned_pacing import LearnedPacing
from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.timestamps import Direction
from packcloud_async._sansio.wire import Damage, Request, Response
from packcloud_async.auth import Auth, BearerToken, HeaderAuth
from packcloud_async.calls import Caller, Integrations, Listing, ShippingServices
from packcloud_async.client import Organization, PackCloudClient
from packcloud_async.errors import (
    ApiError,
    BadRequest,
    ClientStateError,
    ConfigurationError,
    Conflict,
    EndpointGone,
    Forbidden,
    ForeignError,
    InvalidResponse,
    LedgerBusy,
    LedgerError,
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
from packcloud_async.policies import UNCONFIRMED_ROUTES, PollPolicy, RateLimit, RetryPolicy, Routes, Timeouts
from packcloud_async.probes import Probe, read_path

if TYPE_CHECKING:
    from packcloud_async.bulk_runs import (
        Holder,
        Ledger,
        LedgerContents,
        LedgerCounts,
        LedgerJob,
        LedgerKind,
        LedgerTarget,
        NewJob,
        Phase,
        RunRecord,
        SqliteLedger,
        SyncReport,
        SyncRun,
        SyncTarget,
        TargetRecord,
        TargetState,
        UnfinishedJob,
        UnfinishedTarget,
        read_ledger,
    )
    from packcloud_async.syncs import (
        Advanced,
        AsyncSyncJob,
        BaselineRead,
        Finished,
        Fired,
        KindOutcome,
        Outcome,
        ReadMade,
        Retrying,
        ShippingServicesProbe,
        Sighting,
        Step,
        SyncEvent,
        SyncResult,
    )
else:

    def __getattr__(name: str) -> object:
        """Load what a request does not need when it is asked for; together that takes as long as all the rest."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import packcloud_async.syncs as later  # noqa: PLC0415 - not before it is asked for

        if name not in later.__all__:
            import packcloud_async.bulk_runs as later  # noqa: PLC0415 - not before it is asked for
        found = globals()[name] = getattr(later, name)
        return found

    def __dir__() -> list[str]:
        """List what is loaded, and what would be."""
        return sorted({*globals(), *__all__})


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
    "BudgetState",
    "Caller",
    "ClientStateError",
    "ConfigurationError",
    "Conflict",
    "Damage",
    "Direction",
    "EndpointGone",
    "Finished",
    "Fired",
    "Forbidden",
    "ForeignError",
    "HeaderAuth",
    "Holder",
    "Integration",
    "IntegrationAction",
    "IntegrationCategory",
    "IntegrationSettings",
    "Integrations",
    "InvalidResponse",
    "JsonValue",
    "KindOutcome",
    "LearnedPacing",
    "Ledger",
    "LedgerBusy",
    "LedgerContents",
    "LedgerCounts",
    "LedgerError",
    "LedgerJob",
    "LedgerKind",
    "LedgerTarget",
    "Limiter",
    "Listing",
    "NewJob",
    "NotFound",
    "OnConflict",
    "Organization",
    "Outcome",
    "PackCloudClient",
    "PackCloudError",
    "Page",
    "Phase",
    "PollPolicy",
    "Probe",
    "RateLimit",
    "RateLimited",
    "ReadMade",
    "Request",
    "Response",
    "RetryDetails",
    "RetryPolicy",
    "Retrying",
    "Routes",
    "RunRecord",
    "ServerError",
    "ServiceType",
    "ShippingService",
    "ShippingServices",
    "ShippingServicesProbe",
    "Sighting",
    "SqliteLedger",
    "Step",
    "SyncAccepted",
    "SyncError",
    "SyncEvent",
    "SyncKind",
    "SyncReport",
    "SyncResult",
    "SyncRun",
    "SyncTarget",
    "TargetRecord",
    "TargetState",
    "Timeouts",
    "Transport",
    "TransportError",
    "Unauthorized",
    "UnfinishedJob",
    "UnfinishedTarget",
    "Unset",
    "ValidationFailed",
    "read_ledger",
    "read_path",
]
