"""Group commit: while one commit is under way, everything told meanwhile is collected and committed together next.

1. No task: a commit runs in a thread, and its end begins the next one.
2. A commit begins one turn of the loop after the first thing was told, so that all who were woken together share it.
3. Once a commit has failed nothing is taken any more; whoever asks is told the failure.
"""

import asyncio
import copy
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

from attrs import define, field

from packcloud_async._io.tasks import until_done
from packcloud_async._sansio.ledger_book import Batch, Book
from packcloud_async.errors import LedgerError

_Waiter: TypeAlias = asyncio.Future[None]


@define(eq=False)
class GroupCommit:
    """Writes what a book collects; ``write`` starts the commit of one batch in another thread."""

    _book: Book
    _write: Callable[[Batch], _Waiter]
    _loop: asyncio.AbstractEventLoop
    commits: int = field(default=0, init=False)
    _under_way: _Waiter | None = field(default=None, init=False)
    _is_due: bool = field(default=False, init=False)
    _waiting_for_it: list[_Waiter] = field(factory=list[_Waiter], init=False)
    _waiting_for_next: list[_Waiter] = field(factory=list[_Waiter], init=False)
    _failure: LedgerError | None = field(default=None, init=False)

    @property
    def book(self) -> Book:
        """Where something is to be told, by a caller who then calls :meth:`told`; raises the failure."""
        self._raise_failure()
        return self._book

    def told(self) -> None:
        """Take note that the book has something to be written."""
        if not self._is_due and self._under_way is None and self._book:
            self._is_due = True
            self._loop.call_soon(self._begin)

    async def flush(self) -> None:
        """Return when everything told so far is written; raise the failure that keeps it from being written."""
        self._raise_failure()
        if self._book:
            waiting = self._waiting_for_next
        elif self._under_way is not None:
            waiting = self._waiting_for_it
        else:
            return
        ended: _Waiter = self._loop.create_future()
        waiting.append(ended)
        await ended
        self._raise_failure()

    async def end(self, write_last: Callable[[Batch], _Waiter]) -> None:
        """Write the last batch, behind the commit under way; nothing may be told after this.

        It is done even when the caller is cancelled meanwhile. Raises the failure.
        """
        waiting, self._waiting_for_next = self._waiting_for_next, []
        last = write_last(self._book.take())
        try:
            await until_ended(last)
        finally:
            if last.done():
                self._take_end(last, waiting)
            else:
                # What breaks the loop itself off came through here: KeyboardInterrupt, or the task was thrown away.
                last.add_done_callback(partial(self._take_end, waiting=waiting))
        self._raise_failure()

    def _begin(self) -> None:
        self._is_due = False
        if self._failure is not None or not self._book:
            return
        self._waiting_for_it, self._waiting_for_next = self._waiting_for_next, []
        self._under_way = self._write(self._book.take())
        self._under_way.add_done_callback(self._commit_ended)

    def _commit_ended(self, commit: _Waiter) -> None:
        self._under_way = None
        self.commits += 1
        waiting, self._waiting_for_it = self._waiting_for_it, []
        self._take_end(commit, waiting)
        self.told()

    def _take_end(self, commit: _Waiter, waiting: list[_Waiter]) -> None:
        error = commit.exception()
        if error is not None and self._failure is None:
            self._failure = _failure_of(error)
            waiting = [*waiting, *self._waiting_for_next]
        for waiter in waiting:
            # Whoever was cancelled waits no more.
            if not waiter.done():
                waiter.set_result(None)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # A copy, because every raise of one exception makes its traceback longer.
            raise copy.copy(self._failure) from self._failure.__cause__


async def until_ended(future: "asyncio.Future[Any]") -> None:
    """Wait for what a thread does, whatever it ends with; a cancellation meanwhile is raised when it has ended."""
    # A future does for it as well as a task.
    await until_done(cast("asyncio.Task[Any]", future))


def _failure_of(error: BaseException) -> LedgerError:
    if isinstance(error, LedgerError):
        return error
    failure = LedgerError(f"unexpected {type(error).__name__} while the ledger was written")
    failure.__cause__ = error
    return failure
