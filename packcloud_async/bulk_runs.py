"""The public names of bulk runs and ledgers, loaded with the first of them that is asked for."""

from packcloud_async._io.ledger_reading import LedgerContents, read_ledger
from packcloud_async._sansio.ledger_records import (
    Holder,
    LedgerCounts,
    LedgerJob,
    LedgerKind,
    LedgerTarget,
    NewJob,
    RunRecord,
    TargetRecord,
    TargetState,
    UnfinishedJob,
    UnfinishedTarget,
)
from packcloud_async._sansio.progress import Phase
from packcloud_async.bulk import SyncRun
from packcloud_async.ledger import Ledger, SqliteLedger
from packcloud_async.report import SyncReport
from packcloud_async.targets import SyncTarget

__all__ = [
    "Holder",
    "Ledger",
    "LedgerContents",
    "LedgerCounts",
    "LedgerJob",
    "LedgerKind",
    "LedgerTarget",
    "NewJob",
    "Phase",
    "RunRecord",
    "SqliteLedger",
    "SyncReport",
    "SyncRun",
    "SyncTarget",
    "TargetRecord",
    "TargetState",
    "UnfinishedJob",
    "UnfinishedTarget",
    "read_ledger",
]
