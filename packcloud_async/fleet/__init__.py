"""Bulk runs that outlive a machine, in PostgreSQL: needs the extra ``fleet``."""

from packcloud_async.fleet.database import Database
from packcloud_async.fleet.ledger import PostgresLedger

__all__ = ["Database", "PostgresLedger"]
