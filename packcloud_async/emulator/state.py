"""The emulator as a pure function of request and time: no I/O, no clock, no randomness but the seed's.

1. Faults are decided before anything else; a request that is refused, dropped before, or answered with a
   status of the plan changes nothing (but for 5xx with ``server_error_acted``, and for ``Fault.DELETE``).
2. Then the order of a usual framework: path (404), method (405), credential (401), resource (404), rest.
3. Nothing moves by itself: what a read shows is computed from ``now``, so ``now`` may jump.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from math import ceil
from typing import Never, TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlsplit

from attrs import evolve, frozen

from packcloud_async._sansio.wire import Request, Response
from packcloud_async.emulator.answer_log import AnswerLog, PostSeen
from packcloud_async.emulator.books import Books, Counters
from packcloud_async.emulator.calls import HANDLERS, Answer, Call, Calls, Refusal
from packcloud_async.emulator.contents import Contents
from packcloud_async.emulator.dates import http_date
from packcloud_async.emulator.draws import Draws
from packcloud_async.emulator.faults import AnyFault, Envelope, Fate, Fault, FaultCourse, FaultPlan, Incident, Reply
from packcloud_async.emulator.population import Organizations
from packcloud_async.emulator.replies import SPOILT, enveloped, reply_of, response_of
from packcloud_async.emulator.request_log import RequestLog
from packcloud_async.emulator.routes import SYNC_ROUTES, UNKNOWN_ROUTE, Match, RouteTable
from packcloud_async.emulator.shops import View, World
from packcloud_async.emulator.sync_runs import Move, PlannedRun
from packcloud_async.errors import ConfigurationError
from packcloud_async.models import SyncKind

Plans: TypeAlias = FaultPlan | Iterable[FaultPlan]
"""One plan, or several: a request belongs to the first that aims at it."""


class State:
    """Everything the emulator knows; ``answer`` is its only way to act on a request."""

    def __init__(
        self,
        world: World,
        *,
        token: str,
        faults: Plans = (),
        paths: Mapping[str, str] | None = None,
        log: AnswerLog | None = None,
    ) -> None:
        self.books = Books()
        self.counters = Counters()
        self.log = log
        self._token = token
        self.requests: RequestLog | None = None
        self.world = world
        self._paths = paths or {}
        self._routes = RouteTable(self._paths)
        self._calls = Calls(world, books=self.books, counters=self.counters)
        self.set_faults(faults)

    def set_token(self, token: str) -> None:
        """Accept only this token from now on."""
        self._token = token

    def set_faults(self, faults: Plans) -> None:
        """Replace the fault plans; scripts start at their beginning."""
        plans = [faults] if isinstance(faults, FaultPlan) else list(faults)
        draws = Draws(self.world.seed)
        self._courses = [FaultCourse(plan, draws, index) for index, plan in enumerate([*plans, FaultPlan()])]

    def plan_sync(self, organization_id: str, integration_id: str, kind: SyncKind, planned: PlannedRun) -> None:
        """Fix what the next unplanned sync of this kind does; see :meth:`Emulator.plan_sync`."""
        self._calls.plan_sync(organization_id, integration_id, kind, planned)

    def set_watermark(
        self, organization_id: str, integration_id: str, kind: SyncKind, value: str | None, *, now: float
    ) -> None:
        """Let a watermark read ``value`` from second ``now`` on, None for null, as if the shop had changed by itself.

        Raises :class:`~packcloud_async.ConfigurationError` when there is no such watermark.
        """
        organization = self._calls.organizations.find(organization_id)
        integration = organization.integrations.get(integration_id) if organization is not None else None
        if integration is None or kind not in integration.watermarks:
            raise ConfigurationError(f"{organization_id}/{integration_id} has no watermark of {kind.value}")
        integration.watermarks[kind].add(Move(now, value))

    def contents(self, now: float) -> Contents:
        """Return what there is at second ``now``; it is what the state goes on with, not a copy."""
        return Contents(
            world=self.world,
            clock=now,
            paths=self._paths,
            organizations=self._calls.organizations.built,
            plans=self._calls.plans,
            runs=self.books.runs,
        )

    def restore(self, contents: Contents) -> None:
        """Hold what there was; the world and the paths are those the state was built with."""
        self._calls.organizations.adopt(contents.organizations)
        for key, plans in contents.plans.items():
            for planned in plans:
                self._calls.plan_sync(*key, planned)
        for run in contents.runs:
            self.books.enter(run)

    @property
    def organizations(self) -> Organizations:
        """All organizations."""
        return self._calls.organizations

    def delete(self, organization_id: str, integration_id: str, *, now: float = 0.0) -> None:
        """Let an integration be gone; do nothing if it is."""
        self._calls.remove(organization_id, integration_id, now=now)

    def keep_requests(self) -> None:
        """Keep the latest requests from now on, in ``requests``."""
        self.requests = self.requests or RequestLog()

    def answer(self, request: Request, now: float) -> Reply:
        """Carry out a request that arrives at emulator second ``now``, or let it fail as planned."""
        reply = self._answer(request, now)
        if self.requests is not None:
            self.requests.enter(request, reply, now, token=self._token)
        return reply

    def _answer(self, request: Request, now: float) -> Reply:
        url = urlsplit(request.url)
        match = self._routes.match(url.path)
        route = match.route if match is not None else UNKNOWN_ROUTE
        course = next(course for course in self._courses if course.plan.aims_at(route, request.method))
        incident = course.next()
        if incident.fault is not None:
            self.counters.faults[str(incident.fault)] += 1
        if incident.fault is Fault.REFUSE:
            return Reply(Fate.REFUSE, fault=incident.fault)
        self.counters.called(request.method, route, now)
        if incident.fault in {Fault.DROP_BEFORE, Fault.SILENT_BEFORE}:
            silence = course.plan.silence if incident.fault is Fault.SILENT_BEFORE else 0.0
            return self._unheard(request, match, evolve(incident, delay=incident.delay + silence), now)
        arrival = _Arrival(request, url, match, course.plan, incident.fault, now)
        accepted = len(self.books.runs)
        answer, response = self._respond(arrival)
        reply = reply_of(response, incident, course.plan)
        if self.log is not None and match is not None:
            self._write_down(self.log, arrival, match, answer, reply, accepted=len(self.books.runs) > accepted)
        return reply

    def _unheard(self, request: Request, match: Match | None, incident: Incident, now: float) -> Reply:
        if self.log is not None and match is not None and match.route in SYNC_ROUTES and request.method == "POST":
            kind = SyncKind(match.route.removeprefix("sync_"))
            seen = PostSeen(self.counters.total, now, None, comes_back=False, accepted=False)
            self.log.post(match.ids["organizationId"], match.ids["integrationId"], kind, seen)
        return Reply(Fate.DROP_BEFORE, delay=incident.delay, fault=incident.fault)

    def _respond(self, arrival: "_Arrival") -> tuple[Answer | None, Response]:
        """Return what was answered, None when the request was refused, and how it is written."""
        headers = {"date": http_date(int(arrival.now)), "x-request-id": f"req_{self.counters.total}"}
        try:
            if isinstance(arrival.fault, int):
                self._fail(arrival, arrival.fault)
            answer = self._act(arrival)
        except Refusal as refusal:
            return None, response_of(refusal.status, refusal.body, headers | refusal.headers)
        return answer, response_of(answer.status, enveloped(answer, arrival.url, arrival.plan), headers)

    def _write_down(
        self, log: AnswerLog, arrival: "_Arrival", match: Match, answer: Answer | None, reply: Reply, *, accepted: bool
    ) -> None:
        number, now, ids = self.counters.total, arrival.now, match.ids
        organization_id, integration_id = ids["organizationId"], ids.get("integrationId", "")
        whole = reply.response is not None and reply.fate is Fate.DELIVER
        status = reply.response.status if reply.response is not None and whole else None
        if match.route in SYNC_ROUTES and arrival.request.method == "POST":
            comes_back = reply.response is not None and "retry-after" in reply.response.headers
            seen = PostSeen(number, now, status, comes_back, accepted)
            log.post(organization_id, integration_id, SyncKind(match.route.removeprefix("sync_")), seen)
        elif match.route not in _READ or arrival.request.method != "GET" or status is None:
            return
        elif answer is None:
            log.read_refused(organization_id, integration_id, now, status)
        elif arrival.fault not in SPOILT:
            answered_at = now + reply.delay + reply.lasts
            stale = arrival.fault is Fault.STALE
            log.shown(organization_id, answer.value, number=number, at=now, answered_at=answered_at, stale=stale)

    def _fail(self, arrival: "_Arrival", status: int) -> Never:
        if status >= 500 and arrival.plan.server_error_acted:
            with suppress(Refusal):
                self._act(arrival)
        raise Refusal(status, _MESSAGES.get(status, "Error"), headers=_retry_after(arrival, status))

    def _act(self, arrival: "_Arrival") -> Answer:
        match, request = arrival.match, arrival.request
        if match is None:
            raise Refusal(404, "The route could not be found.")
        handlers = HANDLERS[match.route]
        if request.method not in handlers:
            allowed = ", ".join(handlers)
            message = f"The {request.method} method is not supported for this route. Supported methods: {allowed}."
            raise Refusal(405, message, headers={"allow": allowed})
        if _credential(request) != f"Bearer {self._token}":
            raise Refusal(401, _MESSAGES[401])
        if arrival.fault is Fault.DELETE and "integrationId" in match.ids:
            self._calls.remove(match.ids["organizationId"], match.ids["integrationId"], now=arrival.now)
        return handlers[request.method](self._calls, self._call(arrival, match))

    def _call(self, arrival: "_Arrival", match: Match) -> Call:
        plan = arrival.plan
        return Call(
            match=match,
            path=arrival.url.path,
            query=dict(parse_qsl(arrival.url.query, keep_blank_values=True)),
            body=arrival.request.body,
            view=View(arrival.now, arrival.fault is Fault.STALE, plan.watermark_format),
            per_page=None if plan.envelope is Envelope.BARE else self.world.per_page,
        )


@frozen
class _Arrival:
    """A request that arrived, and the plan it falls under."""

    request: Request
    url: SplitResult
    match: Match | None
    plan: FaultPlan
    fault: AnyFault | None
    now: float


_MESSAGES = {status.value: status.phrase for status in HTTPStatus} | {401: "Unauthenticated."}


def _credential(request: Request) -> str:
    return next((value for name, value in request.headers.items() if name.lower() == "authorization"), "")


def _retry_after(arrival: _Arrival, status: int) -> dict[str, str]:
    seconds = arrival.plan.retry_after_of(status)
    if seconds is None:
        return {}
    if arrival.plan.retry_after_as_date:
        return {"retry-after": http_date(int(arrival.now) + ceil(seconds))}
    return {"retry-after": str(ceil(seconds))}


_READ = frozenset({"integrations", "integration", "shipping_services"})
