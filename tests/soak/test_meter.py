"""What counts as memory, descriptors, threads or tasks that grew."""

import os

import pytest
from attrs import evolve

from benchmarks.soaking import meter
from benchmarks.soaking.meter import Sample

MB = 1_000_000
STEADY = [Sample(float(at), 60 * MB, 12, 2, 2, quiet=at % 10 == 0) for at in range(0, 600, 2)]


def changed(samples, *, from_, **fields):
    return [evolve(sample, **fields) if sample.at >= from_ else sample for sample in samples]


def test_what_stays_the_same_is_no_trouble():
    assert meter.troubles(STEADY) == []
    assert meter.growth(STEADY) == 0


@pytest.mark.parametrize(
    ("memory", "told"),
    [(62 * MB, []), (64 * MB, ["memory grew by 6.7% from the middle third to the last"])],
    ids=["within 5 %", "above"],
)
def test_the_last_third_is_held_against_the_middle_third(memory, told):
    assert meter.troubles(changed(STEADY, from_=400, memory=memory)) == told


def test_the_first_third_does_not_count():
    grown = changed(STEADY, from_=200, memory=90 * MB, descriptors=99, threads=9, tasks=9)
    assert meter.troubles(grown) == []


def test_a_young_process_may_grow_a_little_more():
    young = [evolve(sample, at=sample.at / 10) for sample in STEADY]
    assert meter.troubles(changed(young, from_=40, memory=78 * MB)) == []
    assert len(meter.troubles(changed(young, from_=40, memory=81 * MB))) == 1


@pytest.mark.parametrize("what", ["descriptors", "threads", "tasks"])
def test_one_more_between_waves_is_trouble(what):
    assert meter.troubles(changed(STEADY, from_=550, **{what: 13})) == [
        f"{what} between waves grew from {getattr(STEADY[0], what)} to 13"
    ]


def test_what_is_open_during_a_wave_is_no_trouble():
    busy = [evolve(sample, descriptors=sample.descriptors + (0 if sample.quiet else 100)) for sample in STEADY]
    assert meter.troubles(busy) == []


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_few_samples_say_nothing(count):
    assert meter.troubles(STEADY[:count]) == []


def test_too_few_samples_of_a_long_time_are_trouble():
    memory = "too few samples to tell whether memory grew: {} in the thirds of the time"
    waves = "too few waves to tell whether descriptors, threads or tasks grew: {}"
    assert meter.troubles(STEADY[::60]) == [memory.format("2, 1, 2")]
    asleep = [sample for sample in STEADY if not 190 <= sample.at < 410]
    assert meter.troubles(asleep) == [memory.format("95, 0, 95")]
    assert meter.growth(asleep) is None
    assert meter.troubles([sample for sample in STEADY if sample.at % 10 or sample.at < 20]) == [waves.format(2)]


def test_less_than_a_minute_may_have_too_few_samples():
    short = [evolve(sample, at=sample.at / 10.1) for sample in STEADY if not 190 <= sample.at < 410]
    assert short[-1].at < meter.SHORT
    assert meter.troubles(short) == []


def test_one_long_wave_hides_nothing_that_grew_between_waves():
    ends = [0.0, *range(401, 411), *range(590, 600)]
    waves = [Sample(float(at), 60 * MB, 12 + number, 2, 2, quiet=True) for number, at in enumerate(ends)]
    assert "descriptors between waves grew from 25 to 32" in meter.troubles(waves)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc, as on Linux")
async def test_a_look_at_this_process():
    before = meter.look(0.0)
    opened = os.open(os.devnull, os.O_RDONLY)
    during = meter.look(1.0, quiet=True)
    os.close(opened)
    assert during.descriptors == before.descriptors + 1
    assert before.memory > 10 * MB
    assert (before.tasks, before.quiet, during.quiet) == (1, False, True)
