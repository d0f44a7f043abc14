"""Cancels a coroutine at each of its await points in turn, or between any two things its loop does.

A canceller is made for one run. It drives the coroutine in a task of its own, cancels that task, and says afterwards
how often it did: a sweep goes on until nothing was left to be cancelled.
"""

import asyncio
import sys
import types
from collections.abc import Coroutine, Generator, Iterator
from enum import StrEnum
from itertools import count
from types import CodeType
from typing import Any, Protocol

from attrs import define, field

from .moments import MomentLoop


class When(StrEnum):
    """When a task that waits is cancelled."""

    SUSPENDED = "as it begins to wait"
    WOKEN = "when what it waits for is there, before it goes on"


class Canceller(Protocol):
    """Cancels one task; ``made`` is how often it did."""

    @property
    def made(self) -> int: ...

    async def carry_out(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run it in a task until that has ended; raise AssertionError if it was cancelled and went on all the same."""
        ...


@define(eq=False)
class AtSteps:
    """Cancels at await points, counted from 1 as the task meets them.

    ``seen`` is all code that was entered in the task.
    """

    steps: frozenset[int] = frozenset()
    when: When = When.SUSPENDED
    taken: int = field(default=0, init=False)
    made: int = field(default=0, init=False)
    seen: set[CodeType] = field(factory=set[CodeType], init=False)
    watches: bool = False
    _task: "asyncio.Task[Any] | None" = field(default=None, init=False)

    async def carry_out(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        async def drive() -> Any:
            self._task = asyncio.current_task()
            return await self._stepped(coroutine)

        task = asyncio.get_running_loop().create_task(drive(), name="under test")
        await asyncio.wait([task])
        _check(task, cancelled=self.made > 0)

    @types.coroutine
    def _stepped(self, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        resume: Any = coroutine.send
        given: Any = None
        while True:
            try:
                waits_for = self._resumed(resume, given)
            except StopIteration as end:
                return end.value
            self._suspended(waits_for)
            try:
                given, resume = (yield waits_for), coroutine.send
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's to handle
                given, resume = error, coroutine.throw

    def _resumed(self, resume: Any, given: Any) -> Any:
        if not self.watches:
            return resume(given)
        sys.setprofile(lambda frame, event, _: self.seen.add(frame.f_code) if event == "call" else None)
        try:
            return resume(given)
        finally:
            sys.setprofile(None)

    def _suspended(self, waits_for: Any) -> None:
        self.taken += 1
        if self.taken not in self.steps:
            return
        if self.when is When.WOKEN and waits_for is not None:
            # Before the task's own callback, which is added when this returns.
            waits_for.add_done_callback(lambda _: self._cancel())
        else:
            asyncio.get_running_loop().call_soon(self._cancel)

    def _cancel(self) -> None:
        assert self._task is not None
        # What it waited for may have been cancelled by somebody else, who ended the task as well.
        if not self._task.done():
            self.made += 1
            self._task.cancel()


@define(eq=False)
class AtMoments:
    """Cancels after callbacks of a :class:`MomentLoop`, counted from 1 with the start of the task."""

    moments: frozenset[int]
    made: int = field(default=0, init=False)

    async def carry_out(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MomentLoop)
        task = loop.create_task(coroutine, name="under test")

        def between(moment: int) -> None:
            if moment in self.moments and not task.done():
                self.made += 1
                task.cancel()

        loop.between = between
        await asyncio.wait([task])
        loop.between = None
        _check(task, cancelled=self.made > 0)


@define(eq=False)
class AtInstant:
    """Puts ``asyncio.timeout_at`` around it, so many seconds after its beginning; None never.

    ``instants`` are the seconds at which anything happened.
    """

    instant: float | None
    made: int = field(default=0, init=False)
    instants: list[float] = field(factory=list[float], init=False)

    async def carry_out(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MomentLoop)
        began = loop.time()

        async def limited() -> None:
            with_limit = asyncio.timeout_at(None if self.instant is None else began + self.instant)
            try:
                async with with_limit:
                    await coroutine
            except TimeoutError:
                if not with_limit.expired():
                    raise
                self.made += 1
            assert self.made == with_limit.expired(), "it went on although its time was over"

        loop.between = lambda _: None
        task = loop.create_task(limited(), name="under test")
        await asyncio.wait([task])
        loop.between = None
        self.instants = sorted(instant - began for instant in loop.instants)
        _check(task, cancelled=False)


def _check(task: "asyncio.Task[Any]", *, cancelled: bool) -> None:
    if not task.cancelled():
        task.result()
    assert task.cancelled() == cancelled, "it went on although it was cancelled"


def sweep_twice(when: When) -> Generator[AtSteps, None, None]:
    """Cancel at each await point, and then once more at each that is met on the way out."""
    for first in count(1):
        for then in count(1):
            yield (canceller := AtSteps(frozenset({first, first + then}), when))
            if canceller.made == 0:
                return
            if canceller.made == 1:
                break


def sweep_moments(*, first: int = 1, every: int = 1) -> Generator[AtMoments, None, None]:
    """Cancel after each callback of the loop, or after every so many-th."""
    for moment in count(first, every):
        yield (canceller := AtMoments(frozenset({moment})))
        if canceller.made == 0:
            return


def sweep_instants() -> Iterator[AtInstant]:
    """Let a timeout expire at each instant at which something happens without one."""
    yield (undisturbed := AtInstant(None))
    for instant in undisturbed.instants:
        yield AtInstant(instant)
