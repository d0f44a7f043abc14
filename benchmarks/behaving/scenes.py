"""The troubles, as data: what the server does, what is asked of the caller, and what is true in the end."""

from attrs import evolve, frozen

from packcloud_async.emulator import Fault, FaultPlan

READS = frozenset({"integration", "integrations"})
POSTS = frozenset({"sync_orders"})


@frozen(kw_only=True)
class Killed:
    """The process is killed so many seconds after its POST arrived, and started again after so many more."""

    after: float
    again: float


@frozen(kw_only=True)
class Scene:
    """One trouble.

    ``moves_after`` is how many seconds after the first accepted POST the shop's watermark moves, None if that sync
    finds nothing; syncs after it find nothing. ``changed_before``: the watermark moved before anybody asked.
    ``id`` is the integration that is asked for. ``lists`` is how a list of three pages goes on.
    """

    name: str
    task: str = "sync"
    faults: tuple[FaultPlan, ...] = ()
    moves_after: float | None = 0.6
    changed_before: bool = False
    id: str = "int_1"
    token_is_wrong: bool = False
    killed: Killed | None = None
    lists: str | None = None


def reads(*script: Fault | int | None, **numbers: float) -> FaultPlan:
    """Plan what the next reads meet, the baseline first."""
    return FaultPlan(routes=READS, methods={"GET"}, script=script, **numbers)  # type: ignore[arg-type]


def posts(*script: Fault | int | None, **numbers: float) -> FaultPlan:
    """Plan what the next POSTs meet."""
    return FaultPlan(routes=POSTS, script=script, **numbers)  # type: ignore[arg-type]


FINE = Scene(name="nothing goes wrong")
SYNCS = (
    FINE,
    Scene(name="the sync finds nothing", moves_after=None),
    Scene(name="the answer to the POST is lost; the sync runs", faults=(posts(Fault.DROP_AFTER),)),
    Scene(name="the POST is lost; nothing runs", faults=(posts(Fault.DROP_BEFORE),)),
    Scene(name="the POST is never answered; the sync runs", faults=(posts(Fault.SILENT_AFTER),)),
    Scene(
        name="the POST is answered 504; the sync runs",
        faults=(evolve(posts(504), server_error_acted=True),),
    ),
    Scene(name="the POST is answered 503 with Retry-After", faults=(posts(503, server_error_retry_after=1),)),
    Scene(name="the POST is answered 429 with Retry-After", faults=(posts(429, retry_after=1),)),
    Scene(name="the first read is answered 429", faults=(reads(429, retry_after=1),)),
    Scene(name="two reads of the watch are answered 429", faults=(reads(None, 429, 429, retry_after=1),)),
    Scene(name="a read of the watch is answered 502", faults=(reads(None, 502),)),
    Scene(name="a read of the watch is never answered", faults=(reads(None, Fault.SILENT_BEFORE),)),
    Scene(name="a read of the watch answers another shape", faults=(reads(None, Fault.BAD_SHAPE),)),
    Scene(name="a read of the watch is not JSON", faults=(reads(None, Fault.BAD_JSON),)),
    Scene(name="a replica does not know the integration for one read", faults=(reads(None, 404),)),
    Scene(name="somebody deletes the integration", faults=(reads(None, Fault.DELETE),), moves_after=None),
    Scene(
        name="a replica lags: a read shows the value before the first",
        faults=(reads(None, Fault.STALE),),
        moves_after=None,
        changed_before=True,
    ),
    Scene(
        name="a replica lags: the first read shows an older value",
        faults=(reads(Fault.STALE),),
        moves_after=None,
        changed_before=True,
    ),
    Scene(name="the token is wrong", token_is_wrong=True),
    Scene(name="the id is `int_2/../int_1`", id="int_2/../int_1"),
    Scene(
        name="killed while it watches, started again after the news",
        task="sync again",
        killed=Killed(after=0.3, again=1.5),
        moves_after=1.2,
    ),
    Scene(
        name="killed before the POST is answered, started again; the sync finds nothing",
        task="sync again",
        faults=(FaultPlan(routes=POSTS, latency=1.0),),
        killed=Killed(after=0.2, again=1.0),
        moves_after=None,
    ),
)
LISTS = (
    Scene(name="sixty in three pages", task="list", lists="fine"),
    Scene(name="the second page is answered 429 once", task="list", lists="limited"),
    Scene(name="the link to the next page leads to another host", task="list", lists="elsewhere"),
    Scene(name="the link to the next page leads back", task="list", lists="back"),
)
PRINTED = Scene(name="the token is wrong, and everything is printed", task="print", token_is_wrong=True)
