"""Fleet: bulk runs that any number of workers on any number of machines carry out together."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from procrastinate import App

from packcloud_async._io.tasks import until_done
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.ledger_records import RunRecord
from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.outcomes import SyncResult
from packcloud_async._sansio.secret import Secret
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import ConfigurationError
from packcloud_async.fleet import reading, tables
from packcloud_async.fleet.absences import tell_absences
from packcloud_async.fleet.budget import SharedBudget
from packcloud_async.fleet.database import Database, check_engine, check_tables, migrate
from packcloud_async.fleet.engine import Engine
from packcloud_async.fleet.forgetting import forget
from packcloud_async.fleet.health import FleetHealth, health_of
from packcloud_async.fleet.queue import NAME, Queue
from packcloud_async.fleet.run_names import check_run_id, new_run_id
from packcloud_async.fleet.run_numbers import numbers_of
from packcloud_async.fleet.submitting import write_run
from packcloud_async.fleet.work import Work
from packcloud_async.fleet.worker import LOOKS_EVERY, Worker, check_silence
from packcloud_async.fleet.writing_off import cancel
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy, RateLimit, check_instance, check_whole
from packcloud_async.report import SLOWEST_KEPT, SyncReport
from packcloud_async.sync_job import check_kinds, check_on_conflict
from packcloud_async.targets import SyncTarget, Targets

TOGETHER: Final = 1_000
"""So many results of a kind are read with one statement."""


class Fleet:
    """Bulk runs in a PostgreSQL database: ``async with Fleet(dsn, client_factory) as fleet``.

    >>> from packcloud_async import PackCloudClient, RateLimit, SyncKind
    >>> async def submit(dsn: str) -> None:
    ...     async with Fleet(dsn) as fleet:
    ...         run_id = await fleet.submit(["org_1", "org_2"], kinds={SyncKind.ORDERS})
    ...         async for result in fleet.results(run_id):
    ...             print(result.organization_id, result.integration_id, result.failed)
    >>> async def work(dsn: str) -> None:
    ...     async with Fleet(dsn, PackCloudClient.from_env, rate_limit=RateLimit(50)) as fleet:
    ...         await fleet.run_worker()

    ``database`` is a URL or a string of ``name=value`` as libpq takes it, or a procrastinate ``App`` of your own whose
    connector is a ``PsycopgConnector`` and which is open: its tasks and those of the fleet then share its connections.
    ``client_factory`` makes the client of a worker; who only submits and reads needs none. ``rate_limit`` holds for all
    workers together: give the same to each; its ``adaptive`` and ``server_headers`` are left to each client's own.
    ``connect_within`` is how many seconds the database may take to give a connection.
    """

    def __init__(
        self,
        database: str | App,
        client_factory: Callable[[], PackCloudClient] | None = None,
        *,
        rate_limit: RateLimit | None = None,
        connect_within: float = 30.0,
    ) -> None:
        check_instance("rate_limit", rate_limit, RateLimit)
        self._client_factory = client_factory
        self._rate_limit = rate_limit or RateLimit()
        held = database if isinstance(database, App) else Secret(database)
        # A traceback of a refusal shows the frame.
        database = ""
        self._engine = Engine(held if isinstance(held, App) else Database(held), connect_within=connect_within)

    def __repr__(self) -> str:
        # A traceback of a refusal may show it while it is being built.
        return f"<Fleet {self._engine.place}>" if hasattr(self, "_engine") else "<Fleet ?>"

    async def __aenter__(self) -> Self:
        await self._engine.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.aclose()

    async def init(self) -> None:
        """Make the tables of the fleet and of its engine, or bring the former up to date; again does nothing.

        Any number of processes may do it at once. Raises :class:`LedgerError` when the database cannot be used, a
        newer release made its tables, or those of the engine are of an older release of it: that is told when the
        others are up to date.
        """
        engine = self._engine.app.schema_manager.get_schema()
        async with self._engine.transaction() as connection:
            await migrate(connection, self._engine.place, engine=engine)
        async with self._engine.transaction() as connection:
            await check_engine(connection, self._engine.place, engine)

    async def submit(
        self,
        targets: Targets,
        *,
        kinds: Iterable[SyncKind | str] | None = None,
        poll: PollPolicy | None = None,
        on_conflict: OnConflict | str = OnConflict.WATCH,
        run_id: str | None = None,
    ) -> str:
        """Write a run down, to be carried out by whoever works; return its name.

        The arguments are those of :meth:`~packcloud_async.PackCloudClient.sync_many`; ``run_id`` None makes up a name.
        The run is there whole or not at all: ``targets`` that come slowly keep a transaction open. Raises
        :class:`ConfigurationError` for values that are unusable, and for a name that another run has;
        :class:`LedgerError` when the database cannot be used.
        """
        if isinstance(targets, str | SyncTarget):
            raise ConfigurationError(f"targets must be an iterable of organizations, such as [{targets!r}]")
        check_instance("poll", poll, PollPolicy)
        record = RunRecord(
            kinds=None if kinds is None else check_kinds(kinds),
            poll=poll or PollPolicy(),
            on_conflict=check_on_conflict(on_conflict),
            started=await self._engine.now(),
            base_url=await self._base_url(),
        )
        name = new_run_id(record.started) if run_id is None else check_run_id(run_id)
        async with self._engine.transaction() as connection:
            # Of two at once the second one waits, and finds the run of the first.
            await tables.alone_with(connection, name)
            if await reading.find(connection, name) is not None:
                raise ConfigurationError(f"there is a run {name!r} already; choose another run_id")
            await write_run(connection, Queue(self._engine.app), name, record, targets)
        return name

    async def results(self, run_id: str) -> AsyncIterator[SyncResult]:
        """Iterate over the results of a run from its first one, as they come, until it is finished.

        Whoever iterates again gets all of them again. A transaction that is open for long anywhere on the server, such
        as that of a slow ``submit``, holds back what comes meanwhile. Raises :class:`ConfigurationError` for an unknown
        run, :class:`LedgerError` when the database cannot be used.
        """
        async with self._engine.transaction() as connection:
            run = await reading.found(connection, run_id)
        position, is_finished = reading.Position(), False
        while not is_finished:
            async with self._engine.one_moment() as connection:
                results, position, is_finished = await reading.results_since(
                    connection, run.number, position, at_most=TOGETHER
                )
            for result in results:
                yield result
            if not results and not is_finished:
                await asyncio.sleep(LOOKS_EVERY)

    async def report(self, run_id: str) -> SyncReport:
        """Return a run in numbers, right at this moment; ``requests_sent`` counts what ended workers have told.

        Raises :class:`ConfigurationError` for an unknown run.
        """
        async with self._engine.one_moment() as connection:
            run = await reading.run_of(connection, run_id)
            numbers = await numbers_of(connection, run.number, slowest=SLOWEST_KEPT)
        ended = numbers.ended if run.record.finished is None else run.record.finished
        return SyncReport(
            organizations=numbers.organizations,
            organizations_done=numbers.organizations_done,
            integrations=numbers.integrations,
            in_flight=numbers.in_flight,
            not_started=numbers.not_started,
            outcomes=numbers.outcomes,
            requests_sent=numbers.requests,
            elapsed=max(0.0, (ended - run.record.started).total_seconds()),
            slowest=tuple(numbers.slowest),
            finished=run.record.finished is not None,
            budget=await self._budget_state(),
        )

    async def cancel(self, run_id: str) -> None:
        """End a run: what has no result yet gets one that says so, and nothing more is sent for it.

        An answer that is under way is not waited for. The syncs at the server go on; a run that is over stays as it
        is. That of a :class:`PostgresLedger` can be ended when no process has it open. Raises
        :class:`ConfigurationError` for an unknown run, and for one that a process has open.
        """
        async with self._engine.transaction() as connection:
            run = await reading.found(connection, run_id)
            if not (run.by_workers or await tables.claimed(connection, run_id)):
                raise ConfigurationError(
                    f"run {run_id!r} is carried out by one process, which has it open: end it there"
                )
            if not run.is_finished:
                await cancel(connection, Queue(self._engine.app), run.number)

    async def forget(self, run_id: str) -> None:
        """Delete a run that is over, with its results; its name is free again.

        Raises :class:`ConfigurationError` for an unknown run, and for one that is not over: :meth:`cancel` it first.
        """
        async with self._engine.transaction() as connection:
            await forget(connection, run_id)

    async def check(self) -> None:
        """Raise :class:`LedgerError` when the database cannot be used, or its tables are not those of this release.

        That goes for the tables of procrastinate as well.
        """
        async with self._engine.transaction() as connection:
            await check_tables(connection, self._engine.place)
            await check_engine(connection, self._engine.place, self._engine.app.schema_manager.get_schema())

    async def health(self, *, silent_for: float = 30.0) -> FleetHealth:
        """Return whether anybody works, and how much there is to do.

        A worker counts that gave a sign of life in the last ``silent_for`` seconds: give what the workers have. Raises
        as :meth:`check` does, and :class:`ConfigurationError` for a time that is unusable.
        """
        check_silence(silent_for)
        await self.check()
        paused_for = await self._budget().paused_for()
        async with self._engine.one_moment() as connection:
            return await health_of(connection, silent_for=silent_for, paused_for=paused_for)

    async def runs(self) -> Sequence[reading.Run]:
        """Return every run of the database, the newest first."""
        async with self._engine.transaction() as connection:
            return await reading.runs(connection)

    async def run_worker(
        self,
        *,
        concurrency: int = 50,
        max_in_flight: int = 100,
        silent_for: float = 30.0,
        stop_on: Collection[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
    ) -> None:
        """Carry out runs until this is cancelled, or one of the signals in ``stop_on`` comes.

        ``concurrency`` targets are fired or looked at at once, with ``max_in_flight`` requests under way at once. A
        worker that gave no sign of life for ``silent_for`` seconds counts as dead to this one, which goes on with what
        it held; each gives one every second, or three within ``silent_for`` where that is more. Workers need not have
        the same, as long as none has less than three seconds. Once it is to end nothing more is
        sent, the answers to its POSTs are waited for, and the rest is left to others. A database that is away is waited
        for. Raises :class:`ConfigurationError` for values that are unusable, and when there is no client factory;
        :class:`LedgerError` when the tables are missing, or older than this release or that of the engine.
        """
        if self._client_factory is None:
            raise ConfigurationError("a worker needs a client: Fleet(database, client_factory)")
        check_whole("concurrency", concurrency, 1)
        check_whole("max_in_flight", max_in_flight, 1)
        check_silence(silent_for)
        await self.check()
        async with self._client_factory() as client:
            work = Work(
                client=client,
                pool=self._engine.pool,
                place=self._engine.place,
                queue=Queue(self._engine.app),
                budget=self._budget(),
                max_in_flight=max_in_flight,
                silent_for=silent_for,
            )
            await work.budget.make()
            telling = asyncio.get_running_loop().create_task(tell_absences(self._engine.pool, self._engine.place))
            try:
                await Worker(self._engine.app, work, concurrency).run(stop_on)
            finally:
                telling.cancel()
                await until_done(telling)

    def _budget(self) -> SharedBudget:
        return SharedBudget(self._engine.pool, self._engine.place, NAME, self._rate_limit)

    async def _budget_state(self) -> BudgetState:
        return BudgetState(
            rate=self._rate_limit.rate,
            lowest_rate=self._rate_limit.rate,
            paused_for=await self._budget().paused_for(),
            waited=0.0,
            refusals=0,
            retries=0,
            retries_withheld=0,
        )

    async def _base_url(self) -> str | None:
        if self._client_factory is None:
            return None
        async with self._client_factory() as client:
            return client.base_url
