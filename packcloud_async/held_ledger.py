"""HeldLedger: a ledger that is held from its opening to its close, in one process and on one event loop."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from packcloud_async._io.group_commit import GroupCommit
from packcloud_async._io.home import Home
from packcloud_async._sansio.ledger_records import RunRecord, UnfinishedTarget
from packcloud_async.booked_ledger import BookedLedger
from packcloud_async.errors import LedgerError


class Held(Protocol):
    """What there is of a ledger while it is open."""

    @property
    def commits(self) -> GroupCommit:
        """What writes it."""
        ...

    async def unfinished(self, *, after: int, limit: int) -> Sequence[UnfinishedTarget]:
        """Read from what is written."""
        ...

    async def close(self) -> None:
        """Write what was told and let go of it, even if that fails."""
        ...


H = TypeVar("H", bound=Held)


class HeldLedger(BookedLedger, Generic[H]):
    """Is opened by a claim, and refuses what is done to it while it is not open, or elsewhere."""

    def __init__(self) -> None:
        self._held: H | None = None
        self._home = Home("ledger")

    @property
    @abstractmethod
    def _called(self) -> str:
        """What the ledger is called in sentences."""

    @abstractmethod
    async def _claim(self) -> tuple[H, RunRecord | None]:
        """Claim it; return what there is of it now, and the run it holds. Whatever is raised, nothing is held."""

    @property
    def commits(self) -> int:
        """How many commits were made since it was opened; 0 when it is closed."""
        return 0 if self._held is None else self._held.commits.commits

    async def open(self) -> RunRecord | None:
        """Claim it and return the run it holds, None when it is new; see :meth:`Ledger.open`."""
        if self._held is not None:
            self._check_home()
            raise LedgerError(f"{self._called}: it is open already")
        self._home = Home("ledger")
        self._check_home()
        self._held, run = await self._claim()
        return run

    async def unfinished(self, *, after: int = 0, limit: int = 100) -> Sequence[UnfinishedTarget]:
        """See :meth:`Ledger.unfinished`."""
        held = self._opened
        await held.commits.flush()
        return await held.unfinished(after=after, limit=limit)

    async def aclose(self) -> None:
        """See :meth:`Ledger.aclose`; raises what kept anything from being written."""
        if self._held is None or self._home.is_elsewhere:
            # In a fork what is open, and the thread that could close it, are the other process's.
            return
        held, self._held = self._held, None
        await held.close()

    @property
    def _open_commits(self) -> GroupCommit:
        return self._opened.commits

    @property
    def _opened(self) -> H:
        if self._held is None:
            raise LedgerError(f"{self._called}: it is not open")
        self._check_home()
        return self._held

    def _check_home(self) -> None:
        if (objection := self._home.objection()) is not None:
            raise LedgerError(f"{self._called}: {objection}")
