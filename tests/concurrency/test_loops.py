"""The main scenarios on other loops: uvloop, and tasks that begin at once (Python 3.12)."""

import asyncio
import random
import sys

import pytest

from ..support.cancelling import AtSteps, When, sweep_moments, sweep_twice
from ..support.debugged import DebuggedLoop
from ..support.moments import MomentLoop
from .scenarios import SCENARIOS
from .stage import in_memory, over_sockets, play

IN_MEMORY = [scenario for scenario in SCENARIOS if scenario.in_memory]
OVER_SOCKETS = [scenario for scenario in SCENARIOS if scenario.over_sockets]
needs_eager_tasks = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")


def by_name(scenarios):
    return pytest.mark.parametrize("scenario", scenarios, ids=lambda scenario: scenario.name.replace(" ", "-"))


def carry_out(make, scenario, canceller, opening, folder):
    random.seed(1)
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(play(scenario, canceller, opening, folder))


def eager(make):
    """Loops whose tasks run to their first await as they are created."""

    def made():
        loop = make()
        loop.set_task_factory(asyncio.eager_task_factory)
        return loop

    return made


def uvloop_in_debug_mode():
    loop = pytest.importorskip("uvloop", reason="there is no uvloop for this platform").new_event_loop()
    loop.set_debug(True)
    return loop


@pytest.mark.sockets
@by_name(OVER_SOCKETS)
def test_undisturbed_on_uvloop(scenario, tmp_path):
    carry_out(uvloop_in_debug_mode, scenario, AtSteps(), over_sockets, tmp_path)


@pytest.mark.sockets
@by_name(OVER_SOCKETS)
def test_cancelled_at_every_await_point_on_uvloop(scenario, tmp_path):
    for canceller in sweep_twice(When.SUSPENDED):
        carry_out(uvloop_in_debug_mode, scenario, canceller, over_sockets, tmp_path)


@needs_eager_tasks
@by_name(IN_MEMORY)
@pytest.mark.parametrize("when", When, ids=lambda when: when.name.lower())
def test_cancelled_at_every_await_point_with_eager_tasks(scenario, when, tmp_path):
    for canceller in sweep_twice(when):
        carry_out(eager(MomentLoop), scenario, canceller, in_memory, tmp_path)


@needs_eager_tasks
@by_name(IN_MEMORY)
def test_cancelled_between_any_two_things_with_eager_tasks(scenario, tmp_path):
    for canceller in sweep_moments(every=4 * scenario.every):
        carry_out(eager(MomentLoop), scenario, canceller, in_memory, tmp_path)


@needs_eager_tasks
@pytest.mark.sockets
@by_name(OVER_SOCKETS)
def test_undisturbed_over_sockets_with_eager_tasks(scenario, tmp_path):
    carry_out(eager(DebuggedLoop), scenario, AtSteps(), over_sockets, tmp_path)
