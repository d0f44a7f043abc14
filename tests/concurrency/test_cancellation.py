"""Every public coroutine is cancelled everywhere: nothing is left, nothing is repeated, and the client goes on."""

import asyncio
import random

import pytest

from ..support.cancelling import When, sweep_instants, sweep_moments, sweep_twice
from ..support.moments import MomentLoop
from .scenarios import SCENARIOS, run_is_right
from .stage import in_memory, over_sockets, play


def in_a_loop_of_its_own(make, scenario, canceller, opening, folder):
    random.seed(1)
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(play(scenario, canceller, opening, folder))


def by_name(scenarios):
    return pytest.mark.parametrize("scenario", scenarios, ids=lambda scenario: scenario.name.replace(" ", "-"))


IN_MEMORY = [scenario for scenario in SCENARIOS if scenario.in_memory]
OVER_SOCKETS = [scenario for scenario in SCENARIOS if scenario.over_sockets]


@by_name(IN_MEMORY)
@pytest.mark.parametrize("when", When, ids=lambda when: when.name.lower())
def test_cancelled_at_every_await_point_and_again_on_the_way_out(scenario, when, tmp_path):
    for canceller in sweep_twice(when):
        in_a_loop_of_its_own(MomentLoop, scenario, canceller, in_memory, tmp_path)


@by_name(IN_MEMORY)
def test_cancelled_between_any_two_things_the_loop_does(scenario, tmp_path):
    # A ledger makes hundreds of moments, and most of them twice: once for each organization.
    for canceller in sweep_moments(every=3 if scenario.settle is run_is_right else 1):
        in_a_loop_of_its_own(MomentLoop, scenario, canceller, in_memory, tmp_path)


@by_name(IN_MEMORY)
def test_a_timeout_that_expires_at_any_instant_is_a_timeout_error(scenario, tmp_path):
    for canceller in sweep_instants():
        in_a_loop_of_its_own(MomentLoop, scenario, canceller, in_memory, tmp_path)


@pytest.mark.sockets
@by_name(OVER_SOCKETS)
@pytest.mark.parametrize("when", When, ids=lambda when: when.name.lower())
def test_cancelled_at_every_await_point_over_sockets(scenario, when, tmp_path):
    for canceller in sweep_twice(when):
        in_a_loop_of_its_own(asyncio.SelectorEventLoop, scenario, canceller, over_sockets, tmp_path)
