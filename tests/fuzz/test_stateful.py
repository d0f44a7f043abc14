"""A client and the emulator, all calls, jobs and bulk runs interleaved with kills, held against a few dicts.

A kill takes the client away between two turns of its loop: what was under way is cut off and may send nothing more,
what goes on later knows only the token or the ledger as it stood at that moment.
"""

import asyncio
import json
import shutil
import tempfile
from collections import Counter, deque
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

import pytest
from attrs import define, evolve, field
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from packcloud_async import (
    AsyncSyncJob,
    ClientStateError,
    NotFound,
    OnConflict,
    PackCloudClient,
    PackCloudError,
    PollPolicy,
    Response,
    RetryPolicy,
    SqliteLedger,
    SyncError,
    SyncKind,
    TransportError,
    read_ledger,
)
from packcloud_async._sansio.token import read_token
from packcloud_async.emulator import Emulator, FaultPlan
from tests.support.jumping_loop import JumpingLoop

from .shop_model import FIELDS, Read, ShopModel, check_outcome, target_of

LATENCY = 0.2
DISK = 0.03
POLL = PollPolicy(first=1, growth=1.5, ceiling=5, deadline=20, jitter=0, gone_after=5)
RETRY = RetryPolicy(attempts=2, first=0.5, ceiling=0.5, budget=None)
WHO = ContextVar("who", default="nobody")
"""Who a request is for: a user's own call, a job or a bulk run, whatever process it is in."""
USER = "the user"
ORGANIZATIONS = ("org_1", "org_2")

organizations = st.sampled_from(ORGANIZATIONS)
numbers = st.integers(0, 5)
kinds_of_a_job = st.sets(st.sampled_from(SyncKind), min_size=1)
FAULTS_OF_POSTS = ("refuse", "lost_before", "lost_after", 429, 500, 503)
faults_of_posts = st.lists(st.none() | st.sampled_from(FAULTS_OF_POSTS), min_size=1, max_size=6)
faults_of_reads = st.sampled_from(["refuse", "lost_before", "lost_after", 500, 503, "bad_json"])

POSTS_MET = Counter()
"""Fault -> how many POSTs of jobs and bulk runs met it in the whole run; None for those that met none."""
LEAST_MET = 40


class SlowDiskLoop(JumpingLoop):
    """A thread's work takes its time, and is done at the end of it."""

    def run_in_executor(self, executor, func, *args):
        done = self.create_future()

        def work():
            try:
                done.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
                done.set_exception(error)

        self.call_later(DISK, work)
        return done


@define(eq=False)
class Line:
    """The transport of one process: everything on it is told to the model, and nothing passes once it is cut."""

    world: "World"
    number: int
    inner: object = field(init=False)
    is_cut: bool = field(default=False, init=False)
    under_way: set = field(factory=set, init=False)

    def __attrs_post_init__(self):
        self.inner = self.world.emulator.transport()

    async def send(self, request):
        await self._unless_killed()
        where, who = target_of(request), WHO.get()
        key = (who, where.place, where.kind)
        fault = self.world.next_fault(request, where, who)
        if where.kind is not None:
            # The heart of it all: nothing that may have arrived is sent again.
            assert not self.world.model.sent[key], f"{key} is sent again"
            self.world.post_leaves()
        if fault == "refuse":
            self._refused(key)
            raise TransportError("refused", maybe_sent=False)
        self._may_have_arrived(key, fault)
        if fault is not None and fault not in {"lost_after", "bad_json"}:
            return await self._without_the_server(key, fault)
        return await self._to_the_server(request, where, key, fault)

    async def _unless_killed(self):
        if self.is_cut:
            await asyncio.get_running_loop().create_future()

    def _refused(self, key):
        if key[2] is not None:
            self.world.model.refusals.add(key)

    def _may_have_arrived(self, key, fault):
        if key[2] is not None and fault not in {429, 503}:
            self.world.model.sent[key] += 1
            self.under_way.add(key)

    async def _without_the_server(self, key, fault):
        await asyncio.sleep(LATENCY)
        await self._unless_killed()
        self.under_way.discard(key)
        if fault in {429, 503}:
            self._refused(key)
            return Response(fault, {"retry-after": "1"})
        self.world.model.doubts.add(key)
        if fault == 500:
            return Response(500)
        raise TransportError("lost", maybe_sent=True)

    async def _to_the_server(self, request, where, key, fault):
        model, now = self.world.model, asyncio.get_running_loop().time()
        plan = model.plan(where.place, where.kind, now) if where.kind is not None else None
        wanted = model.arrives(request, now, plan)
        if wanted == 202:
            moves, takes = plan
            self.world.emulator.plan_sync(*where.place, where.kind, moves=moves, takes=takes)
        shown = self._shown(request, where, now) if wanted == 200 else []
        response = await self.inner.send(request)
        assert response.status == wanted, (request, response, wanted)
        await self._unless_killed()
        self.under_way.discard(key)
        if fault == "lost_after":
            model.doubts.add(key)
            raise TransportError("lost", maybe_sent=True)
        if fault == "bad_json":
            return evolve(response, body=response.body[:-1])
        if where.kind is not None:
            self._answered(key, response.status)
        self._check_read(request, where, response, dict(shown), now)
        return response

    def _answered(self, key, status):
        model = self.world.model
        if 200 <= status < 300:
            model.delivered.add(key)
        else:
            # It certainly started nothing.
            model.sent[key] -= 1
            model.refusals.add(key)

    def _shown(self, request, where, now):
        model = self.world.model
        if request.method != "GET" or "shipping" in request.url or request.url.endswith(("/actions", "/settings")):
            return []
        ids = [where.integration] if where.integration else model.there(where.organization)
        return [(id_, model.shown((where.organization, id_), now)) for id_ in ids]

    def _check_read(self, request, where, response, shown, asked):
        if not shown:
            return
        data = json.loads(response.body)["data"]
        for item in data if isinstance(data, list) else [data]:
            marks = {name: item[name] for name in FIELDS.values()}
            assert marks == shown[item["id"]], (item, shown)
            if WHO.get() != USER:
                now = asyncio.get_running_loop().time()
                place = (where.organization, item["id"])
                self.world.model.reads.append(Read(self.number, asked, now, place, marks))

    def cut(self):
        """Let nothing pass any more; what is under way may have arrived, and nobody will tell."""
        self.is_cut = True

    async def aclose(self):
        await self.inner.aclose()


@define(eq=False)
class World:
    """The emulator, the model beside it, and what goes wrong next."""

    emulator: Emulator
    model: ShopModel
    post_faults: deque = field(factory=deque)
    read_faults: deque = field(factory=deque)
    posts_until_kill: int | None = None
    when_killed: object = None

    def post_leaves(self):
        """Kill the process that sends it, at this very moment, if this is the one."""
        if self.posts_until_kill is not None:
            self.posts_until_kill -= 1
            if self.posts_until_kill < 0:
                self.posts_until_kill = None
                self.when_killed()

    def next_fault(self, request, where, who):
        if who == USER:
            return None
        faults = self.post_faults if where.kind is not None else self.read_faults
        fault = faults.popleft() if faults else None
        if where.kind is not None:
            POSTS_MET[fault] += 1
        return fault


@define(eq=False)
class Job:
    """One job of a user, through all processes.

    ``saved`` is its token as it was last kept; ``ended`` is when its result was there, which may be long before it is
    looked at.
    """

    name: str
    place: tuple
    kinds: set
    handle: AsyncSyncJob | None = None
    task: asyncio.Task | None = None
    saved: str | None = None
    process: int = 0
    result: object = None
    ended: float | None = None


@define(eq=False)
class Bulk:
    """One bulk run, through all processes; ``ended`` is when the result of each place was delivered."""

    name: str
    path: Path
    organizations: list
    kinds: list
    began: float
    task: asyncio.Task | None = None
    processes: list = field(factory=list)
    ended: dict = field(factory=dict)


class ClientAndEmulator(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.loop = SlowDiskLoop()
        self.folder = Path(tempfile.mkdtemp(prefix="packcloud-stateful-"))
        self.jobs, self.bulks = [], []
        self.killed = []
        self.processes = 0
        self.client = None

    @initialize(
        conflicts=st.booleans(),
        plans=st.lists(
            st.sampled_from([((), 1.0), ((0.5,), 0.5), ((2.0,), 3.0), ((1.0, 4.0), 6.0), ((30.0,), 30.0)]),
            min_size=1,
            max_size=4,
        ),
    )
    def begin(self, conflicts, plans):
        emulator = Emulator(
            organizations=len(ORGANIZATIONS),
            integrations=3,
            per_page=2,
            faults=FaultPlan(latency=LATENCY),
            conflict_while_running=conflicts,
        )
        self.world = World(emulator, ShopModel(conflicts=conflicts, plans=deque(plans)))
        self.world.when_killed = self._keep_what_a_kill_leaves
        self.run(self._look_around())
        self.user_client = self._connect(Line(self.world, 0))
        self._start_process()

    async def _look_around(self):
        async with PackCloudClient(
            token=self.world.emulator.token, transport=self.world.emulator.transport()
        ) as client:
            for organization in ORGANIZATIONS:
                listed = [item async for item in client.organization(organization).integrations.list()]
                self.world.model.begins_with(organization, [item.to_wire() for item in listed])

    def run(self, coroutine):
        try:
            return self.loop.run_until_complete(coroutine)
        finally:
            if self.client is not None and self.line.is_cut:
                self._bury()

    def _connect(self, line):
        return PackCloudClient(
            token=self.world.emulator.token, transport=line, retry=RETRY, probes={}, max_connections=20
        )

    def _start_process(self):
        self.processes += 1
        self.line = Line(self.world, self.processes)
        self.client = self._connect(self.line)

    def _call(self, call):
        """Let a user make a call of their own, which nothing disturbs."""

        async def act():
            WHO.set(USER)
            return await call()

        return self.run(act())

    def _place(self, organization, number):
        """An integration that is there, or was."""
        ids = [id_ for owner, id_ in self.world.model.places if owner == organization]
        return organization, ids[number % len(ids)]

    def _integrations(self, organization):
        return self.user_client.organization(organization).integrations

    # All the calls

    @rule(organization=organizations)
    def list(self, organization):
        async def listed():
            return [item async for item in self._integrations(organization).list()]

        model = self.world.model
        told = [(item.id, item.name) for item in self._call(listed)]
        assert told == [(id_, model.places[organization, id_].name) for id_ in model.there(organization)]

    @rule(organization=organizations, number=numbers)
    def get(self, organization, number):
        place = self._place(organization, number)
        known = self.world.model.places[place]
        if known.gone is not None:
            with pytest.raises(NotFound):
                self._call(lambda: self._integrations(organization).get(place[1]))
            return
        item = self._call(lambda: self._integrations(organization).get(place[1]))
        assert (item.id, item.name) == (place[1], known.name)

    @rule(organization=organizations, name=st.sampled_from(["Shop", "De Theekist", "\u202ex", "{}"]))
    def create(self, organization, name):
        if self.world.model.created[organization] >= 6:
            return
        item = self._call(
            lambda: self._integrations(organization).create(name=name, connector_id="shopify", settings={"url": name})
        )
        assert self.world.model.places[organization, item.id].name == item.name == name

    @rule(organization=organizations, number=numbers, name=st.sampled_from(["Renamed", "Other"]))
    def update(self, organization, number, name):
        place = self._place(organization, number)
        if self.world.model.places[place].gone is None:
            assert self._call(lambda: self._integrations(organization).update(place[1], name=name)).name == name

    @rule(organization=organizations, number=numbers, often=st.integers(0, 3))
    def delete(self, organization, number, often):
        # Rarely: without integrations nothing happens.
        if often == 0 and len(self.world.model.there(organization)) > 1:
            place = self._place(organization, number)
            if self.world.model.places[place].gone is not None:
                with pytest.raises(NotFound):
                    self._call(lambda: self._integrations(organization).delete(place[1]))
                return
            self._call(lambda: self._integrations(organization).delete(place[1]))
            assert self.world.model.places[place].gone is not None

    @rule(organization=organizations, number=numbers)
    def the_small_calls(self, organization, number):
        place = self._place(organization, number)
        known = self.world.model.places[place]
        if known.gone is not None:
            return
        told = dict(self._call(lambda: self._integrations(organization).settings(place[1])))
        assert told == known.settings if known.settings is not None else set(told) == {"url", "api_key", "secret"}
        codes = [action.key for action in self._call(lambda: self._integrations(organization).actions(place[1]))]
        assert "test_connection" in codes
        told = self._call(lambda: self._integrations(organization).execute_action(place[1], codes[-1]))
        assert told == {"code": codes[-1]}

        async def services():
            return [item async for item in self.user_client.organization(organization).shipping_services.list()]

        assert all((organization, item.integration_id) in self.world.model.places for item in self._call(services))

    # Time, the shop, and what goes wrong

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 40.0]))
    def time_passes(self, seconds):
        self.run(asyncio.sleep(seconds))

    @rule(organization=organizations, number=numbers, kind=st.sampled_from(sorted(FIELDS)))
    def the_shop_changes_by_itself(self, organization, number, kind):
        place = self._place(organization, number)
        if self.world.model.places[place].gone is None:
            # So that the emulator's clock, which is that of its latest request, stands at now.
            self._call(lambda: self._integrations(organization).get(place[1]))
            value, now = self.world.model.new_value(), self.world.emulator.now
            self.world.emulator.set_watermark(*place, kind, value)
            self.world.model.places[place].watermarks[kind].add(now, value)

    @rule(faults=faults_of_posts)
    def posts_will_fail(self, faults):
        self.world.post_faults.extend(faults)

    @rule(faults=st.lists(st.none() | faults_of_reads, max_size=5))
    def reads_will_fail(self, faults):
        self.world.read_faults = deque(faults)

    # Jobs

    @rule(
        organization=organizations,
        number=numbers,
        kinds=kinds_of_a_job,
        on_conflict=st.sampled_from(OnConflict),
        faults=faults_of_posts,
    )
    def start_job(self, organization, number, kinds, on_conflict, faults):
        if len(self.jobs) >= 6:
            return
        self.world.post_faults.extend(faults)
        place = self._place(organization, number)
        job = Job(f"job {len(self.jobs) + 1}", place, kinds)
        job.handle = AsyncSyncJob(self.client, *place, kinds=kinds, poll=POLL, on_conflict=on_conflict)
        job.saved = job.handle.token
        self.jobs.append(job)
        self._drive(job)

    def _drive(self, job):
        async def drive():
            WHO.set(job.name)
            result = await job.handle
            job.ended = self.loop.time()
            return result

        job.process = self.processes
        job.task = self.loop.create_task(drive())

    @precondition(lambda self: any(job.task is None and job.result is None for job in self.jobs))
    @rule(number=numbers, by_token=st.booleans())
    def go_on_with_job(self, number, by_token):
        waiting = [job for job in self.jobs if job.task is None and job.result is None]
        job = waiting[number % len(waiting)]
        if by_token or job.process != self.processes:
            job.handle = AsyncSyncJob.resume(self.client, job.saved)
        self._drive(job)

    @precondition(lambda self: any(job.task is not None for job in self.jobs))
    @rule(number=numbers)
    def cancel_job(self, number):
        driven = [job for job in self.jobs if job.task is not None]
        job = driven[number % len(driven)]
        job.task.cancel()
        with suppress(asyncio.CancelledError, PackCloudError):
            self.run(job.task)
        # It may have been killed meanwhile.
        if job.task is not None and job.task.cancelled():
            self.world.model.interrupted.add(job.name)
            self.line.under_way = {key for key in self.line.under_way if key[0] != job.name}
            job.saved, job.task = job.handle.token, None

    @rule(organization=organizations, number=numbers)
    def hint(self, organization, number):
        place = self._place(organization, number)

        async def tell():
            return self.client.organization(organization).hint(place[1])

        if self.run(tell()):
            assert any(job.task is not None for job in self.jobs) or any(bulk.task for bulk in self.bulks)

    # Bulk runs

    @precondition(lambda self: len(self.bulks) < 2)
    @rule(chosen=st.sets(organizations, min_size=1), kinds=kinds_of_a_job, faults=faults_of_posts)
    def start_bulk(self, chosen, kinds, faults):
        self.world.post_faults.extend(faults)
        number = len(self.bulks) + 1
        kinds = [kind for kind in SyncKind if kind in kinds]
        bulk = Bulk(f"bulk {number}", self.folder / f"{number}.sqlite", sorted(chosen), kinds, self.loop.time())
        self.bulks.append(bulk)
        self._drive_bulk(bulk, resumes=False)

    def _drive_bulk(self, bulk, *, resumes):
        async def drive():
            WHO.set(bulk.name)
            ledger = SqliteLedger(bulk.path)
            if resumes:
                run = self.client.resume_many(ledger)
            else:
                run = self.client.sync_many(bulk.organizations, kinds=bulk.kinds, poll=POLL, ledger=ledger)
            results = []
            async with run:
                async for result in run:
                    results.append(result)
                    # What was cut off has a result in each process: the last one counts.
                    bulk.ended[result.organization_id, result.integration_id] = self.loop.time()
            return results

        bulk.processes.append(self.processes)
        bulk.task = self.loop.create_task(drive())

    @precondition(lambda self: any(bulk.task is None for bulk in self.bulks))
    @rule(number=numbers)
    def go_on_with_bulk(self, number):
        waiting = [bulk for bulk in self.bulks if bulk.task is None]
        bulk = waiting[number % len(waiting)]
        run = _run_in(bulk.path)
        if run is None or run.finished is None:
            self._drive_bulk(bulk, resumes=run is not None)

    # Ends

    @rule()
    def kill(self):
        self._keep_what_a_kill_leaves()
        self._bury()

    @rule(number=st.integers(0, 4))
    def kill_when_a_post_leaves(self, number):
        self.world.posts_until_kill = number

    def _keep_what_a_kill_leaves(self):
        self.line.cut()
        self.killed = [one for one in [*self.jobs, *self.bulks] if one.task is not None and not one.task.done()]
        self.world.model.interrupted |= {one.name for one in self.killed}
        for one in self.killed:
            if isinstance(one, Job):
                one.saved = one.handle.token
            else:
                one.path = _as_it_stands(one.path)

    def _bury(self):
        killed, self.killed = self.killed, []
        self._end_all_tasks()
        for one in killed:
            # Whatever became of it since: it was dead.
            with suppress(asyncio.CancelledError, PackCloudError):
                one.task.result()
            one.task = None
        self._start_process()

    def _end_all_tasks(self):
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.wait(tasks) if tasks else asyncio.sleep(0))

    @rule()
    def close(self):
        """A client that is closed while jobs run ends them with a clear error, and they can be gone on with."""
        self.world.posts_until_kill = None
        running = [one for one in [*self.jobs, *self.bulks] if one.task is not None]
        self.run(self.client.aclose())
        for one in running:
            if not one.task.done():
                self.run(asyncio.wait([one.task]))
            is_cut_off = one.task.exception() is not None
            if isinstance(one, Job):
                one.saved = one.handle.token
            else:
                # A run whose client is closed ends with what it has, and is not finished.
                is_cut_off |= (run := _run_in(one.path)) is None or run.finished is None
            if is_cut_off:
                with suppress(ClientStateError, TransportError):
                    one.task.result()
                one.task = None
        self.world.model.interrupted |= {one.name for one in running}
        self._start_process()

    # What must be true after each step

    @invariant()
    def what_has_ended_is_true(self):
        if self.client is None:
            return
        for job in self.jobs:
            if job.task is not None and job.task.done():
                self._job_ended(job)
        for bulk in self.bulks:
            if bulk.task is not None and bulk.task.done():
                self._bulk_ended(bulk)

    def _job_ended(self, job):
        task, job.task = job.task, None
        job.saved = job.handle.token
        if task.exception() is not None:
            # Only the read of the baseline is raised: nothing was sent.
            assert isinstance(task.exception(), PackCloudError | SyncError), task.exception()
            assert not any(self.world.model.sent[job.name, job.place, kind] for kind in job.kinds)
            return
        job.result = task.result()
        assert set(job.result.kinds) == job.kinds
        assert AsyncSyncJob.resume(self.client, job.saved).token == job.saved
        for kind, outcome in job.result.kinds.items():
            self._check(job.name, job.place, kind, outcome, process=job.process, ended=job.ended)

    def _bulk_ended(self, bulk):
        task, bulk.task = bulk.task, None
        for result in task.result():
            assert result.error is None or not result.kinds
        assert _run_in(bulk.path).finished is not None
        with read_ledger(bulk.path) as contents:
            jobs = {
                (target.target.organization_id, job.integration_id): job
                for target in contents.targets()
                for job in target.jobs
            }
            failed = {target.target.organization_id for target in contents.targets() if target.error is not None}
        model = self.world.model
        for place, known in model.places.items():
            always_there = known.gone is None and known.born < bulk.began
            if place[0] in bulk.organizations and place[0] not in failed and always_there:
                assert place in jobs, (bulk, place)
        for place, job in jobs.items():
            assert job.finished
            kinds = read_token(job.token).kinds
            assert set(kinds) == set(bulk.kinds)
            for kind, state in kinds.items():
                if state.outcome is None:
                    # It could not be started, and nothing was sent.
                    assert job.error is not None
                    assert not model.sent[bulk.name, place, kind]
                    continue
                self._check(bulk.name, place, kind, state.outcome, process=None, ended=bulk.ended.get(place))

    def _check(self, who, place, kind, outcome, *, process, ended):
        others = [job for job in self.jobs if job.name != who and job.place == place and kind in job.kinds]
        others += [bulk for bulk in self.bulks if bulk.name != who and place[0] in bulk.organizations]
        read_by = process
        if process is None and outcome.state.value == "quiet":
            # A bulk run goes on through processes, and the ledger does not tell in which one a job ended.
            read_by = next(
                read.process
                for read in reversed(self.world.model.reads)
                if read.place == place and (ended is None or read.answered <= ended)
            )
        # A result that a killed process had recorded and not delivered is held against what there is now.
        ended = self.loop.time() if ended is None else ended
        check_outcome(self.world.model, who, place, kind, outcome, process=read_by, ended=ended, own=not others)

    @invariant()
    def no_sync_is_started_more_often_than_somebody_asked_for_it(self):
        if self.client is None:
            return
        model = self.world.model
        for (place, kind), count in model.posts.items():
            asked = sum(job.place == place and kind in job.kinds for job in self.jobs)
            asked += sum(place[0] in bulk.organizations and kind in bulk.kinds for bulk in self.bulks)
            assert count <= asked, (place, kind, count, asked)
            assert len(self.world.emulator.books.of(*place, kind)) == count

    @invariant()
    def no_task_is_left_when_nothing_runs(self):
        if all(one.task is None for one in [*self.jobs, *self.bulks]):
            self.run(asyncio.sleep(0))
            assert not asyncio.all_tasks(self.loop)

    def teardown(self):
        try:
            if self.client is not None:
                self._let_all_end()
        finally:
            self._end_all_tasks()
            if self.client is not None:
                self.run(self.client.aclose())
                self.run(self.user_client.aclose())
            self.loop.close()
            shutil.rmtree(self.folder)

    def _let_all_end(self):
        """Go on with everything until it is done: each job has its outcomes, and each run its end."""
        self.world.posts_until_kill = None
        self.world.read_faults.clear()
        for _ in range(3):
            for job in self.jobs:
                if job.task is None and job.result is None:
                    job.handle = AsyncSyncJob.resume(self.client, job.saved)
                    self._drive(job)
            for bulk in self.bulks:
                run = _run_in(bulk.path)
                if bulk.task is None and (run is None or run.finished is None):
                    self._drive_bulk(bulk, resumes=run is not None)
            tasks = [one.task for one in [*self.jobs, *self.bulks] if one.task is not None]
            self.run(asyncio.wait(tasks) if tasks else asyncio.sleep(0))
            self.what_has_ended_is_true()
        for job in self.jobs:
            gone_before = self.world.model.places[job.place].gone is not None
            assert job.result is not None or gone_before, job
        self.no_sync_is_started_more_often_than_somebody_asked_for_it()
        self.no_task_is_left_when_nothing_runs()


def _run_in(path):
    if not path.exists():
        return None
    with read_ledger(path) as contents:
        return contents.run


def _as_it_stands(path):
    """Copy a ledger as a kill leaves it: whoever held it, holds the old one."""
    copy = path.with_name(f"{path.stem}x.sqlite")
    for suffix in ("", "-wal"):
        if (old := path.with_name(path.name + suffix)).exists():
            shutil.copy(old, copy.with_name(copy.name + suffix))
    return copy


def test_whatever_happens_in_whatever_order_the_model_agrees():
    POSTS_MET.clear()
    run_state_machine_as_test(
        ClientAndEmulator,
        settings=settings(
            max_examples=250,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
            deadline=None,
            # Shrinking takes minutes; the failing steps are printed and can be played again.
            phases=[Phase.generate],
            report_multiple_bugs=False,
        ),
    )
    # A fault that is not met is not tested: what is drawn may change with any rule.
    assert min(POSTS_MET[fault] for fault in (None, *FAULTS_OF_POSTS)) >= LEAST_MET, POSTS_MET
