"""Whether a fleet is at work, for a monitor and for those who wait."""

from attrs import frozen

from packcloud_async.fleet.database import Connection


@frozen(kw_only=True)
class FleetHealth:
    """A fleet at one moment.

    ``workers`` gave a sign of life lately, those of an application in the same database among them; ``runs`` are not
    over. Of these runs ``organizations_waiting`` are not begun, and ``integrations_in_flight`` are fired or watched.
    ``paused_for`` is for how many seconds all keep quiet because the server refused a request for being too many.
    """

    workers: int
    runs: int
    organizations_waiting: int
    integrations_in_flight: int
    paused_for: float


async def health_of(connection: Connection, *, silent_for: float, paused_for: float) -> FleetHealth:
    """Count, in a transaction of the caller's."""
    rows = await connection.execute(
        "WITH run AS (SELECT id FROM packcloud_run WHERE by_workers AND finished IS NULL) SELECT "
        "(SELECT count(*) FROM procrastinate_workers "
        "WHERE last_heartbeat > clock_timestamp() - %s * interval '1 second'), "
        "(SELECT count(*) FROM run), "
        "(SELECT count(*) FROM packcloud_target WHERE state = 'waiting' AND run IN (SELECT id FROM run)), "
        "(SELECT count(*) FROM packcloud_job WHERE NOT finished AND run IN (SELECT id FROM run))",
        (silent_for,),
    )
    row = await rows.fetchone()
    assert row is not None
    workers, runs, waiting, in_flight = row
    return FleetHealth(
        workers=workers,
        runs=runs,
        organizations_waiting=waiting,
        integrations_in_flight=in_flight,
        paused_for=paused_for,
    )
