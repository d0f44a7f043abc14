"""Stories of runs that never were: what the tests of reports make pages of."""

from datetime import UTC, datetime
from random import Random

from packcloud_async import BudgetState, SyncKind
from packcloud_async.reporting.story import JobStory, KindStory, Mark, Moment, Source, State, Story
from packcloud_async.reporting.traffic import Sort, Traffic

STARTED = datetime(2026, 1, 1, 10, tzinfo=UTC)
ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
BUDGET = BudgetState(
    rate=50.0, lowest_rate=25.0, paused_for=0.0, waited=12.0, refusals=3, retries=2, retries_withheld=0
)


def story(jobs=(), **changes):
    """A finished run of these jobs."""
    told = {
        "source": Source.RUN,
        "started": STARTED,
        "elapsed": 100.0,
        "finished": True,
        "kinds": tuple(SyncKind),
        "jobs": tuple(jobs),
        "planned": 1,
        "begun": 1,
        "traffic": traffic(len(jobs)),
        "budget": BUDGET,
    }
    return Story(**(told | changes))


def traffic(jobs, *, over=100.0, seed=1):
    """What so many jobs might have sent."""
    counted, random = Traffic(), Random(seed)
    for _ in range(jobs * 8):
        at = random.uniform(0, over)
        counted.count(random.choices(list(Sort), [60, 30, 3, 2, 2, 1])[0], at)
        counted.allowed(25.0 if 40 < at < 50 else 50.0, at)
    return counted.story()


def job(organization="org_1", integration="int_1", *states, began=0.0, took=20.0, **changes):
    """A job whose kinds ended so; without any state all of them advanced."""
    kinds = [kind_of(kind, state, took) for kind, state in zip(SyncKind, states or [State.ADVANCED] * 4, strict=False)]
    moments = (
        Moment(0.1, Mark.SENT, "orders"),
        Moment(0.4, Mark.ACCEPTED, "orders"),
        Moment(took / 2, Mark.READ),
        Moment(took, Mark.CHANGED, "orders"),
    )
    told = {"began": began, "ended": began + took, "kinds": tuple(kinds), "moments": moments}
    return JobStory(organization, integration, **(told | changes))


def kind_of(kind, state, took=20.0, **changes):
    """One kind that ended so."""
    told = {"ended": took}
    if state is State.ADVANCED:
        told["delay"] = max(0.0, took - 0.4)
    if state.is_failure:
        told |= {"reason": "ServerError 503", "message": f"POST /{kind.value}: 503 Service Unavailable"}
    return KindStory(kind, state, **(told | changes))


def unstarted(organization="org_9", reason="NotFound 404", message="GET /org_9: 404 Not Found"):
    """An organization that could not be listed."""
    return JobStory(organization, None, 1.0, 1.5, reason=reason, message=message)


def large(organizations=1000, integrations=10, *, failing=0.05, seed=7):
    """A run with so many jobs, some of which failed."""
    random = Random(seed)
    usual = [State.ADVANCED, State.QUIET, State.UNOBSERVABLE]
    failures = [State.REJECTED, State.AMBIGUOUS, State.UNREAD, State.GONE]
    jobs = []
    for organization in range(organizations):
        began = 1500 * organization / organizations
        for integration in range(integrations):
            states = [random.choice(failures if random.random() < failing / 4 else usual) for _ in SyncKind]
            jobs.append(
                job(f"org_{organization}", f"int_{integration}", *states, began=began, took=random.uniform(5, 300))
            )
    elapsed = max(one.ended for one in jobs)
    return story(jobs, elapsed=elapsed, planned=organizations, begun=organizations, traffic=traffic(2000, over=elapsed))
