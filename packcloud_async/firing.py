"""Firing: the steps of a job before it is watched: read the baseline, record the intent, POST, record the answer."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from attrs import define, field

from packcloud_async._io.pipeline import CallObserver
from packcloud_async._io.tasks import only_cause
from packcloud_async._io.telling import Telling
from packcloud_async._sansio import answers, endpoints
from packcloud_async._sansio.answers import Answer
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.outcomes import Outcome
from packcloud_async._sansio.progress import Phase, SyncProgress
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.token import is_conflict
from packcloud_async.calls import Caller
from packcloud_async.errors import ApiError, InvalidResponse, PackCloudError, TransportError
from packcloud_async.flights import Flight
from packcloud_async.models import Integration, SyncAccepted, SyncKind
from packcloud_async.probes import Probe, ask
from packcloud_async.watch import Watch

Probed = Mapping[SyncKind, str | PackCloudError]
"""What the probe of a kind showed, or why it could not be read."""


class Send(Protocol):
    """Sends the call of a POST."""

    def __call__(
        self, call: Call[SyncAccepted], *, observer: CallObserver | None = None
    ) -> Coroutine[Any, Any, SyncAccepted]:
        """Send it; see :meth:`Caller.call`."""
        ...


class JobClient(Caller, Protocol):
    """What a job needs of a client."""

    @property
    def probes(self) -> Mapping[SyncKind, Probe]:
        """What reads the kinds that have no watermark."""
        ...

    @property
    def budget(self) -> BudgetState:
        """How the client stands with its request budget."""
        ...

    @property
    def telling(self) -> Telling | None:
        """Who is told what happens, None when there are no hooks."""
        ...

    def watch_of(self, organization_id: str) -> Watch:
        """Return the one watch of an organization."""
        ...


class FiringListener(Protocol):
    """Who is told what happens before a job is watched."""

    def baseline_read(self, integration: Integration, *, shared: bool) -> None:
        """The baseline is known; ``shared`` when it came with a list."""
        ...

    async def sending(self, kind: SyncKind) -> None:
        """A POST is about to leave; what this raises keeps it back."""
        ...

    def unsent(self, kind: SyncKind) -> None:
        """A POST that was about to leave had no effect."""
        ...

    def fired(self, kind: SyncKind, error: PackCloudError | None, *, shared: bool) -> None:
        """A POST is answered or given up; ``shared`` when it was another job's."""
        ...

    def retrying(self, kind: SyncKind | None, details: RetryDetails) -> None:
        """A request is sent again; ``kind`` is None for a read."""
        ...


@define(eq=False)
class Firing:
    """Brings the machine of one job to where it can be watched."""

    client: JobClient
    organization_id: str
    integration_id: str
    progress: SyncProgress
    on_conflict: OnConflict
    listener: FiringListener
    troubles: list[Exception] = field(factory=list[Exception], init=False)
    _flight: Flight = field(init=False)

    async def take_baseline(self, given: Integration | None, probed: Probed | None = None) -> None:
        """Read the integration unless it is given, probe what it has no watermark for, and tell the machine.

        Nothing is read or told when other jobs of this client have already fired every kind: what they came to is
        shared.
        """
        if self._share_everything():
            return
        integration = given
        if integration is None:
            call = endpoints.get_integration(self.client.routes, self.organization_id, self.integration_id)
            integration = await self.client.call(call, observer=_BaselineObserver(self.listener))
        if probed is None:
            probed = await self._probe(integration)
        self.progress.baseline(integration.watermarks, probed=probed)
        self._expect(integration)
        self.listener.baseline_read(integration, shared=given is not None)

    async def _probe(self, integration: Integration) -> Probed:
        ids = (self.integration_id,)
        blind = [kind for kind in self.progress.unsent if kind not in integration.watermarks]
        read = await read_probes(self.client, self.organization_id, dict.fromkeys(blind, ids))
        return {kind: shown for kind in blind if (shown := read[kind].get(self.integration_id)) is not None}

    def _expect(self, integration: Integration) -> None:
        watch = self.client.watch_of(self.organization_id)
        self.progress.expected = watch.expectations_of(integration, self.progress.open_kinds)

    def _share_everything(self) -> bool:
        watch = self.client.watch_of(self.organization_id)
        others = {kind: watch.fired(self.integration_id, kind) for kind in self.progress.unsent}
        if not all(others.values()):
            return False
        for kind, other in others.items():
            if other is not None:
                self._share(kind, other)
        return True

    async def post_all(self) -> None:
        """Send every POST that may still be sent, all at once; raise what is neither answer nor doubt."""
        kinds, troubles = self.progress.unsent, list[BaseException]()
        # Held until all is sent: the client forgets a watch that nobody holds, and with it who is sending what.
        watch = self.client.watch_of(self.organization_id)
        self._flight = watch.flights.open(self.integration_id, kinds, self.progress)
        try:
            async with asyncio.TaskGroup() as posts:
                for kind in kinds[1:]:
                    posts.create_task(self._post_or_share(kind))
                for kind in kinds[:1]:
                    # The first one in the task there is.
                    await self._post_or_share(kind)
        except ExceptionGroup as group:
            troubles.append(only_cause(group))
        finally:
            watch.flights.close(self._flight)
        # Outside the except block, so that the group does not become the context of the error in it.
        for trouble in (*troubles, *self.troubles):
            raise trouble

    def begin_alone(self, watch: Watch) -> Sequence[SyncKind]:
        """Hold what is to be sent, to be sent with :meth:`post`; nothing if another job sends or watches some of it."""
        kinds, integration_id = self.progress.unsent, self.integration_id
        for kind in kinds:
            if watch.flights.is_held((integration_id, kind)) or watch.fired(integration_id, kind) is not None:
                return ()
        self._flight = watch.flights.open(integration_id, kinds, self.progress)
        return kinds

    async def post(self, kind: SyncKind, watch: Watch, call: Send) -> None:
        """Send one POST of those held, by ``call``; what is neither answer nor doubt is put into ``troubles``."""
        # It may have begun to be watched since.
        if (other := watch.fired(self.integration_id, kind)) is not None:
            self._share(kind, other)
        else:
            await self._post(kind, call)
        self._flight.tell()

    def end_alone(self, watch: Watch) -> None:
        """Hold nothing any more."""
        watch.flights.close(self._flight)

    async def _post_or_share(self, kind: SyncKind) -> None:
        other = await self._other_with(kind)
        if other is not None:
            self._share(kind, other)
        else:
            await self._post(kind, self.client.call)
        self._flight.tell()

    async def _other_with(self, kind: SyncKind) -> SyncProgress | None:
        """Return another job that has fired this kind; None when it is ours to send."""
        watch = self.client.watch_of(self.organization_id)
        while (holder := watch.flights.take((self.integration_id, kind), self._flight)) is not self._flight:
            if await holder.answered(kind) or holder.progress.phase_of(kind) is Phase.SENT:
                return holder.progress
        return watch.fired(self.integration_id, kind)

    def _share(self, kind: SyncKind, other: SyncProgress) -> None:
        progress, shared = self.progress, other.state_of(kind)
        if not shared.is_answered:
            told = f"another job was cut off while it sent the POST for {kind.value}; it may have arrived"
            progress.shares_doubt(kind, other, TransportError(told, maybe_sent=True))
            self.listener.fired(kind, progress.state_of(kind).error, shared=True)
            return
        rejected = shared.outcome is not None and shared.outcome.state is Outcome.REJECTED
        # A sync that was already running means to each job what its own ``on_conflict`` says.
        if is_conflict(shared.error) and self.on_conflict is OnConflict.REJECT:
            progress.refused(kind, shared.error)
        elif is_conflict(shared.error) and rejected:
            self._stand_in(kind, shared.error)
        else:
            progress.shares(kind, other)
        self.listener.fired(kind, progress.state_of(kind).error, shared=True)

    def _stand_in(self, kind: SyncKind, error: PackCloudError) -> None:
        # The refusal was harmless, so the machine stands at PLANNED; joining means standing in for our POST.
        self.progress.sending(kind)
        self.progress.joined(kind, error)

    async def _post(self, kind: SyncKind, send: Send) -> None:
        call = endpoints.sync(self.client.routes, self.organization_id, self.integration_id, kind)
        try:
            await send(call, observer=_PostObserver(self.listener, self.progress, kind))
        except (ApiError, TransportError, InvalidResponse) as error:
            self._take_answer(kind, error)
        except PackCloudError as error:
            self.troubles.append(error)
        else:
            self.progress.accepted(kind)
            self.listener.fired(kind, None, shared=False)

    def _take_answer(self, kind: SyncKind, error: PackCloudError) -> None:
        progress, answer = self.progress, answers.answer_of(error)
        if answer is Answer.IN_DOUBT:
            progress.in_doubt(kind, error)
        elif answer is Answer.RUNNING and self.on_conflict is OnConflict.WATCH:
            self._stand_in(kind, error)
        else:
            progress.refused(kind, error)
        self.listener.fired(kind, error, shared=False)


def settle_what_was_cut_off(progress: SyncProgress) -> Sequence[tuple[SyncKind, TransportError]]:
    """Put every POST in doubt that was recorded as sent and never as answered; return them."""
    settled: list[tuple[SyncKind, TransportError]] = []
    for kind, state in list(progress.kinds.items()):
        if state.phase is Phase.SENT and state.outcome is None:
            error = TransportError(f"the POST for {kind.value} was cut off; it may have arrived", maybe_sent=True)
            progress.in_doubt(kind, error)
            settled.append((kind, error))
    return settled


async def read_probes(
    client: JobClient, organization_id: str, wanted: Mapping[SyncKind, Collection[str]]
) -> Mapping[SyncKind, Mapping[str, str | PackCloudError]]:
    """Read the probes of kinds that have one, each for these integrations; one that fails shows why to all."""
    shown: dict[SyncKind, Mapping[str, str | PackCloudError]] = {kind: {} for kind in wanted}
    for kind, ids in wanted.items():
        if (probe := client.probes.get(kind)) is not None and ids:
            try:
                shown[kind] = await ask(probe, client, organization_id, ids)
            except (ApiError, TransportError, InvalidResponse) as error:
                shown[kind] = dict.fromkeys(ids, error)
    return shown


@define
class _BaselineObserver:
    """Tells that the read of a baseline is repeated."""

    listener: FiringListener

    async def leaving(self) -> None:
        pass

    def harmless(self) -> None:
        pass

    def retrying(self, details: RetryDetails) -> None:
        self.listener.retrying(None, details)


@define
class _PostObserver:
    """Writes into the machine what happens to one POST, at the moment it happens."""

    listener: FiringListener
    progress: SyncProgress
    kind: SyncKind

    async def leaving(self) -> None:
        self.progress.sending(self.kind)
        try:
            await self.listener.sending(self.kind)
        except BaseException:
            # The bytes have not left, also when it was cancelled while its leaving was recorded.
            self.harmless()
            raise

    def harmless(self) -> None:
        if self.progress.phase_of(self.kind) is Phase.SENT:
            self.progress.not_sent(self.kind)
            self.listener.unsent(self.kind)

    def retrying(self, details: RetryDetails) -> None:
        self.listener.retrying(self.kind, details)
