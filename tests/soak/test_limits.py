"""Servers at their limits, small: few connections, slow answers, every tenth answer a fault."""

import pytest

from benchmarks import limits
from benchmarks.results import tables_of
from benchmarks.soaking import limited
from packcloud_async import PollPolicy, RetryPolicy, Timeouts
from packcloud_async.emulator import Fault, SyncTimes

QUICK = PollPolicy(first=0.1, ceiling=0.4, deadline=1.2)
TIMES = SyncTimes(median=0.2, spread=0.1, finds_nothing=0.1)


def assert_nothing_is_wrong(verdict, *, jobs):
    assert verdict.troubles == []
    assert verdict.jobs == jobs


@pytest.mark.sockets
async def test_many_organizations_share_the_few_connections_a_server_accepts():
    found = await limited.crowd(organizations=200, accepted=8, opened=8, poll=QUICK, times=TIMES)
    assert_nothing_is_wrong(found.verdict, jobs=200)
    assert (found.peak, found.turned_away, found.lost_posts) == (8, 0, 0)
    assert set(found.verdict.outcomes) == {"advanced", "quiet"}
    assert found.verdict.outcomes.total() == 400


@pytest.mark.sockets
async def test_a_client_that_opens_more_than_a_server_accepts_is_told_the_truth_all_the_same():
    found = await limited.crowd(organizations=40, accepted=4, opened=16, poll=QUICK, times=TIMES)
    assert_nothing_is_wrong(found.verdict, jobs=40)
    assert found.peak == 4
    assert found.turned_away > 0


def test_a_server_that_takes_half_a_minute_is_waited_for_and_not_asked_more_often():
    found = limited.slow_on_virtual_time(organizations=30)
    assert_nothing_is_wrong(found.verdict, jobs=30)
    assert (found.lost_posts, found.verdict.not_started) == (0, 0)
    assert set(found.verdict.outcomes) == {"advanced", "quiet"}
    # The list, and then a read at the ages 1, 46, 98, 160 and so on: each waits for the one before.
    assert 3 <= found.most_reads <= 8
    # Two POSTs, the window, a read under way at its end, and the one that decides.
    assert 300 < found.longest <= 2 * 30 + 300 + 2 * 30 + 1


def test_a_server_that_takes_two_minutes_answers_nobody_in_time():
    found = limited.slow_on_virtual_time(organizations=5, latency=120)
    assert_nothing_is_wrong(found.verdict, jobs=5)
    # No list, so nothing was sent that might be in doubt.
    assert (found.verdict.not_started, found.verdict.posts) == (5, 0)


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("latency", "read", "started"), [(0.1, 2.0, True), (0.4, 0.1, False)], ids=["within the read timeout", "after it"]
)
async def test_over_sockets_an_answer_counts_if_it_begins_within_the_read_timeout(latency, read, started):
    found = await limited.slow_over_sockets(
        latency=latency, timeouts=Timeouts(connect=5, read=read, total=10), organizations=10, poll=QUICK
    )
    assert_nothing_is_wrong(found.verdict, jobs=10)
    assert (found.lost_posts, found.verdict.not_started) == (0, 0 if started else 10)


def test_every_tenth_answer_a_fault_costs_about_a_tenth_more_requests():
    found = limited.tenth_on_virtual_time(organizations=60)
    assert_nothing_is_wrong(found.verdict, jobs=pytest.approx(180, abs=6))
    assert found.faults == found.requests // 10
    assert found.withheld == 0
    assert found.requests <= 1.2 * found.calm_requests


@pytest.mark.sockets
async def test_every_tenth_answer_over_sockets():
    retry = RetryPolicy(first=0.05, ceiling=0.2)
    found = await limited.tenth_over_sockets(organizations=12, poll=QUICK, retry=retry)
    assert_nothing_is_wrong(found.verdict, jobs=pytest.approx(36, abs=6))
    # A request that a server refuses to take is not counted there.
    assert found.faults == pytest.approx(found.requests / 10, abs=2)


def test_every_tenth_meets_all_faults_in_turn():
    script = limited.every_tenth(1_000).script
    assert {at for at, fault in enumerate(script) if fault is not None} == set(range(9, 1_000, 10))
    assert set(script) - {None} == {*Fault, 429, 500, 502, 503, 504} - {Fault.STALE, Fault.DELETE}


@pytest.mark.sockets
def test_the_script_runs(tmp_path, capsys):
    options = ["--organizations", "20", "--accepted", "4", "--slow", "3", "--tenth", "5", "--deadline", "1"]
    assert limits.main([*options, "--read", "0.2"], folder=tmp_path) == 0
    tables = tables_of("limits", tmp_path)
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    assert str(tables[0]) in capsys.readouterr().out
