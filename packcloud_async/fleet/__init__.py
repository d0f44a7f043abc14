"""Bulk runs that outlive a machine, on PostgreSQL and procrastinate: needs the extra ``fleet``."""

from packcloud_async.fleet.fleet import Fleet
from packcloud_async.fleet.health import FleetHealth
from packcloud_async.fleet.ledger import PostgresLedger
from packcloud_async.fleet.reading import Run

__all__ = ["Fleet", "FleetHealth", "PostgresLedger", "Run"]
