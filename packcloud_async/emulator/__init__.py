"""A small Pack.cloud on a loopback port or in memory, for tests, demonstrations and benchmarks.

It answers the twelve calls of the integrations section and the list of shipping services, moves watermarks in
its own time, and misbehaves as a :class:`FaultPlan` says. Where the API's documentation is silent it follows the
conventions of its framework; ``tests/wire`` in the source tree says which is which.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Self

from packcloud_async.emulator import files, server
from packcloud_async.emulator.answer_log import AnswerLog, PostSeen, Showing
from packcloud_async.emulator.books import Books, Counters, SyncRun
from packcloud_async.emulator.clock import LoopClock
from packcloud_async.emulator.dates import EPOCH, WatermarkFormat
from packcloud_async.emulator.fault_texts import plans_from
from packcloud_async.emulator.faults import Envelope, Fate, Fault, FaultPlan, Reply
from packcloud_async.emulator.in_memory import InMemoryTransport
from packcloud_async.emulator.places import InvalidData
from packcloud_async.emulator.routes import PATHS, SYNC_ROUTES
from packcloud_async.emulator.server import Served
from packcloud_async.emulator.shops import DOCUMENTED_WATERMARKS, World
from packcloud_async.emulator.state import Plans, State
from packcloud_async.emulator.sync_runs import Distribution, PlannedRun, SyncTimes
from packcloud_async.errors import ConfigurationError
from packcloud_async.models import SyncKind

__all__ = [
    "EPOCH",
    "PATHS",
    "SYNC_ROUTES",
    "AnswerLog",
    "Books",
    "Counters",
    "Distribution",
    "Emulator",
    "Envelope",
    "Fate",
    "Fault",
    "FaultPlan",
    "InMemoryTransport",
    "InvalidData",
    "PostSeen",
    "Reply",
    "Served",
    "Showing",
    "State",
    "SyncRun",
    "SyncTimes",
    "WatermarkFormat",
    "World",
    "plans_from",
]


class Emulator:
    """A small Pack.cloud: organizations ``org_1`` to ``org_N``, each with integrations ``int_1`` to ``int_M``.

    Integration ids repeat in every organization. ``int_1`` is always a shop and ``int_3`` always ships; the rest
    follows from ``seed``. Second 0 is the first request and is called 2026-01-01T00:00:00Z; time is the event
    loop's. ``extra_watermarks`` adds fields such as ``stock_sync_updated_at`` to the payload, and
    ``absent_watermarks`` leaves out documented ones. ``faults`` is one plan or several: the first that aims at a
    request decides it. ``paths`` overrides templates of ``PATHS``. ``conflict_while_running`` answers 409 to a
    sync of a kind that is still running. ``keep_log`` writes down what every answer showed, in ``log``.

    >>> import asyncio
    >>> from packcloud_async._sansio.wire import Request
    >>> async def main():
    ...     emulator = Emulator(faults=FaultPlan(script=[429]))
    ...     request = Request("GET", "https://api.pack.cloud/v1/organizations/org_1/integrations/int_1",
    ...         {"Authorization": f"Bearer {emulator.token}"})
    ...     transport = emulator.transport()
    ...     return [(await transport.send(request)).status for _ in range(2)]
    >>> asyncio.run(main())
    [429, 200]
    """

    def __init__(
        self,
        *,
        organizations: int = 3,
        integrations: int = 4,
        seed: int = 0,
        token: str = "emulator-token",  # noqa: S107 - opens nothing but the emulator
        per_page: int = 25,
        faults: Plans = FaultPlan(),  # noqa: B008 - frozen
        sync_times: SyncTimes = SyncTimes(),  # noqa: B008 - frozen
        paths: Mapping[str, str] | None = None,
        conflict_while_running: bool = False,
        extra_watermarks: Collection[SyncKind] = (),
        absent_watermarks: Collection[SyncKind] = (),
        keep_log: bool = False,
    ) -> None:
        self.world = World(
            organizations=organizations,
            integrations=integrations,
            seed=seed,
            per_page=per_page,
            sync_times=sync_times,
            watermarks=DOCUMENTED_WATERMARKS.union(extra_watermarks).difference(absent_watermarks),
            conflict_while_running=conflict_while_running,
        )
        self._token = token
        self._state = State(self.world, token=token, faults=faults, paths=paths, log=AnswerLog() if keep_log else None)
        self._clock = LoopClock()

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        token: str = "emulator-token",  # noqa: S107 - opens nothing but the emulator
        faults: Plans = FaultPlan(),  # noqa: B008 - frozen
        keep_log: bool = False,
    ) -> Self:
        """Read the organizations of a ``.toml`` or ``.json`` file, or go on with what :meth:`save` wrote.

        Raises :class:`InvalidData`, which names the place in the file.
        """
        contents = files.read(Path(path))
        world = contents.world
        emulator = cls(
            organizations=world.organizations,
            integrations=world.integrations,
            seed=world.seed,
            token=token,
            per_page=world.per_page,
            faults=faults,
            sync_times=world.sync_times,
            paths=contents.paths,
            conflict_while_running=world.conflict_while_running,
            extra_watermarks=world.watermarks,
            absent_watermarks=DOCUMENTED_WATERMARKS - world.watermarks,
            keep_log=keep_log,
        )
        emulator._state.restore(contents)
        emulator._clock.latest = contents.clock
        return emulator

    def __repr__(self) -> str:
        world = self.world
        return f"Emulator(organizations={world.organizations}, integrations={world.integrations}, seed={world.seed})"

    @property
    def token(self) -> str:
        """The token a client must send."""
        return self._token

    @property
    def organization_ids(self) -> list[str]:
        """The ids of all organizations."""
        return list(self._state.organizations.ids)

    @property
    def books(self) -> Books:
        """The truth about every accepted sync."""
        return self._state.books

    @property
    def log(self) -> AnswerLog:
        """What the answers showed; raises :class:`~packcloud_async.ConfigurationError` without ``keep_log``."""
        if self._state.log is None:
            raise ConfigurationError("the emulator keeps no log: build it with keep_log=True")
        return self._state.log

    @property
    def counters(self) -> Counters:
        """What was asked, and what went wrong on purpose."""
        return self._state.counters

    @property
    def now(self) -> float:
        """The emulator second of the latest request."""
        return self._clock.latest

    @property
    def began_at(self) -> float | None:
        """The loop's time at second 0, None before the first request."""
        return self._clock.began_at

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything down as JSON, in place of what is in the file; :meth:`from_file` goes on with it.

        The file is for its owner only, as settings are in it. Faults, the token, counters and the log are not. Raises
        OSError, and leaves the file as it was, when it cannot be written.
        """
        files.write(Path(path), self._state.contents(self._clock.so_far()))

    def transport(self) -> InMemoryTransport:
        """Return a transport that needs no socket; all transports and servers of an emulator share its state."""
        return InMemoryTransport(self._state, self._clock)

    def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, max_connections: int | None = None, page: bool = False
    ) -> AbstractAsyncContextManager[Served]:
        """Serve on a loopback address while the ``async with`` block runs; port 0 takes a free one.

        Connections beyond ``max_connections`` end at once, unanswered; None is no limit. With ``page`` a browser
        sees at ``/`` what there is and what happens.

        Raises :class:`~packcloud_async.ConfigurationError` on entering for any other address.
        """
        if max_connections is not None and max_connections < 1:
            raise ConfigurationError(f"max_connections must be at least 1 or None, not {max_connections!r}")
        return server.serve(self._state, self._clock, host=host, port=port, max_connections=max_connections, page=page)

    def set_token(self, token: str) -> None:
        """Accept only this token from now on."""
        self._token = token
        self._state.set_token(token)

    def set_faults(self, faults: Plans) -> None:
        """Replace the fault plans; scripts start at their beginning."""
        self._state.set_faults(faults)

    def plan_sync(
        self,
        organization_id: str,
        integration_id: str,
        kind: SyncKind,
        *,
        moves: Sequence[tuple[float, str | None]],
        takes: float | None = None,
    ) -> None:
        """Fix what the next accepted sync of this kind does; calls queue up, one for each sync to come.

        ``moves`` are (seconds after the POST, value as sent), where the value None is made up; no moves finds
        nothing. ``takes`` is when the sync ends, seconds after the POST; None ends it with the last move.
        """
        steps = tuple(moves)
        ends = takes if takes is not None else max((after for after, _ in steps), default=0.0)
        self._state.plan_sync(organization_id, integration_id, kind, PlannedRun(steps, ends))

    def set_watermark(self, organization_id: str, integration_id: str, kind: SyncKind, value: str | None) -> None:
        """Let a watermark read ``value`` from now on, None for null, as if the shop had changed by itself.

        Raises :class:`~packcloud_async.ConfigurationError` when there is no such watermark.
        """
        self._state.set_watermark(organization_id, integration_id, kind, value, now=self.now)

    def delete(self, organization_id: str, integration_id: str) -> None:
        """Let an integration be gone, as if somebody else had deleted it; do nothing if it is."""
        self._state.delete(organization_id, integration_id, now=self.now)
