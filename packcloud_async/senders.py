"""Senders: the tasks of a bulk run that send its POSTs, one after the other.

1. There are as many as there were POSTs under way at once, and none for each POST. One that has sent a POST is given
   the next without a task switch, if it is the turn of one; else it waits.
2. What a sender raises ends the run. From then on nothing more is sent.
"""

import asyncio
from collections.abc import Hashable
from contextvars import Context, copy_context
from types import TracebackType
from typing import Protocol, Self

from attrs import define, field

from packcloud_async._io.signal import Signal


class Post(Protocol):
    """A POST whose turn has come."""

    async def send(self) -> None:
        """Send it; what this raises ends the run."""
        ...

    def over(self) -> None:
        """Give the turn back, however it ended."""
        ...


@define(eq=False)
class _Sender:
    post: Post | None
    waits: "asyncio.Future[None] | None" = None

    def wake(self) -> None:
        if self.waits is not None and not self.waits.done():
            self.waits.set_result(None)


@define(eq=False)
class Senders:
    """The senders of one run: ``async with senders``. To leave the block, close them first."""

    _tasks: asyncio.TaskGroup = field(factory=asyncio.TaskGroup, init=False)
    # Not that of whoever gives a turn back, which may be a read.
    _context: Context = field(factory=copy_context, init=False)
    _all: list[_Sender] = field(factory=list[_Sender], init=False)
    _idle: list[_Sender] = field(factory=list[_Sender], init=False)
    is_closed: bool = field(default=False, init=False)
    """Whether nothing is sent any more."""

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_closed = self.is_closed or error is not None
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            for sender in self._all:
                # Given to one that was cancelled before it could take it.
                if sender.post is not None:
                    sender.post.over()

    def send(self, post: Post) -> None:
        """Have a POST sent, unless they are closed."""
        if self._idle:
            sender = self._idle.pop()
            sender.post = post
            sender.wake()
        else:
            self._all.append(sender := _Sender(post))
            self._tasks.create_task(self._serve(sender), context=self._context.copy())

    def close(self) -> None:
        """Let all of them end; nothing must be under way."""
        self.is_closed = True
        for sender in self._idle:
            sender.wake()

    async def _serve(self, sender: _Sender) -> None:
        while (post := sender.post) is not None:
            sender.post = None
            try:
                await post.send()
            except BaseException:
                # Before the turn is given back: the next one would be lost.
                self.is_closed = True
                raise
            finally:
                self._idle.append(sender)
                post.over()
            await self._next(sender)

    async def _next(self, sender: _Sender) -> None:
        """Wait until a sender has a POST, or will have none any more."""
        if sender.post is None and not self.is_closed:
            sender.waits = asyncio.get_running_loop().create_future()
            await sender.waits
            sender.waits = None


@define(eq=False)
class PostsUnderWay:
    """The POSTs that have left and are not answered, by whatever tells one from the other."""

    _left: set[Hashable] = field(factory=set[Hashable], init=False)
    _news: Signal = field(factory=Signal, init=False)

    def __len__(self) -> int:
        return len(self._left)

    def add(self, post: Hashable) -> None:
        """One is about to leave."""
        self._left.add(post)

    def discard(self, post: Hashable) -> None:
        """One is answered or given up, or had not left; telling it twice does nothing."""
        self._left.discard(post)
        if not self._left:
            self._news.set()

    async def until_none(self) -> None:
        """Wait until none is left; for one waiter."""
        while self._left:
            self._news.clear()
            await self._news.wait()
