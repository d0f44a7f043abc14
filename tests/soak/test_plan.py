"""Waves are drawn from a seed and a number, and between them they hold every fault."""

from benchmarks.soaking.plan import POST_STATUSES, READ_STATUSES, SCENARIOS, TWICE, Wave
from packcloud_async import SyncKind
from packcloud_async.emulator import Envelope, Fault, WatermarkFormat

WAVES = [Wave.of(1, number) for number in range(60)]


def test_a_seed_and_a_number_give_the_same_wave_every_time():
    assert Wave.of(3, 7) == Wave.of(3, 7)
    assert Wave.of(3, 7).draw("bulk").random() == Wave.of(3, 7).draw("bulk").random()
    assert Wave.of(3, 8) != Wave.of(3, 7) != Wave.of(4, 7)


def test_between_them_the_waves_hold_every_fault_the_emulator_knows():
    plans = [plan for wave in WAVES for plan in wave.faults]
    assert {fault for fault in Fault if any(getattr(plan, fault.value) for plan in plans)} == set(Fault)
    assert any(plan.rate_limited for plan in plans)
    assert {plan.server_error_status for plan in plans if plan.server_error} == {500, 502, 503, 504}
    assert {status for plan in plans for status, _ in plan.statuses} == {*POST_STATUSES, *READ_STATUSES}
    assert {plan.envelope for plan in plans} == set(Envelope)
    assert {plan.watermark_format for plan in plans} == set(WatermarkFormat)
    assert {wave.level for wave in WAVES} >= {0.0, 0.06}
    assert any(wave.conflicts for wave in WAVES)
    assert any(wave.times.goes_back for wave in WAVES)


def test_every_scenario_has_its_part_in_a_wave():
    for wave in WAVES:
        shares = wave.shares
        assert {name for name in SCENARIOS if not shares[name]} <= TWICE
        assert len({one for part in shares.values() for one in part}) == wave.organizations
        assert wave.kinds
        assert set(wave.kinds) <= set(SyncKind)


def test_no_integration_is_synced_again_where_a_replica_may_lag():
    lagging = [wave for wave in WAVES if any(plan.stale for plan in wave.faults)]
    assert lagging
    assert not any(wave.shares[name] for wave in lagging for name in TWICE)
    assert all(any(wave.shares[name] for wave in WAVES) for name in TWICE)


def test_a_server_error_that_acted_never_says_that_it_did_not():
    acted = [plan for wave in WAVES for plan in wave.faults if plan.server_error_acted]
    assert acted
    assert not any(501 in dict(plan.statuses) or plan.server_error_retry_after is not None for plan in acted)
