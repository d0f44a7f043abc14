"""How .ci/run carries out its steps: in which order they are told, what ends them, and that nothing of them is left."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

STEPS = Path(__file__).parents[2] / ".ci" / "steps.sh"
BEGINNING = f"""
set -euo pipefail
logs=$PWD
limit=30
. {STEPS}
fails() {{ echo before; false; echo after; }}
hangs() {{ echo hanging; sleep 60; }}
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the checks run on Debian")


@pytest.fixture
def begin(tmp_path):
    """Begin such a run; nothing that it has started is there at the end."""
    begun = []

    def begin(steps):
        script = tmp_path / "run"
        script.write_text(BEGINNING + steps)
        process = subprocess.Popen(
            ["bash", script],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # By this name what it has started is found.
            env={**os.environ, "STEPS_OF": str(tmp_path)},
        )
        begun.append(process)
        return process

    yield begin
    deadline = time.monotonic() + 10
    while left := started_by(tmp_path):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)
    for process in begun:
        process.stdout.close()


@pytest.fixture
def run(begin):
    def run(steps):
        process = begin(steps)
        told, _ = process.communicate(timeout=40)
        return process.returncode, told

    return run


def started_by(folder):
    """The processes with the name of a run in their environment, where the system tells them."""
    found = []
    for status in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"STEPS_OF={folder}\0" in status.read_text(encoding="utf-8", errors="replace"):
                found.append((status.parent / "cmdline").read_text(encoding="utf-8", errors="replace"))
        except OSError:
            # It has ended, or is another user's.
            continue
    return found


def in_order(told, *parts):
    places = [told.index(part) for part in parts]
    assert places == sorted(places), told


def test_what_a_step_prints_comes_whole_when_it_has_ended_and_the_last_one_comes_last(run):
    code, told = run("""
step "long" bash -c 'echo one; until [ -e done ]; do sleep 0.02; done; echo two'
step "short" echo three
only "short"
touch done
last_step "last" echo four
""")
    assert code == 0
    in_order(
        told,
        "-- long: begins",
        "-- short: begins",
        "== short: ",
        "three\n",
        "== long: ",
        "one\ntwo\n",
        "== last\nfour\n",
    )
    assert told.endswith("four\n")
    assert "(user 0m" in told


def test_two_are_under_way_at_a_time(run):
    code, told = run("""
step "one" bash -c 'until [ -e second ]; do sleep 0.02; done; sleep 0.5; ls > seen; touch third'
step "two" bash -c 'touch second; until [ -e third ]; do sleep 0.02; done'
step "three" touch begun
last_step "last" cat seen
""")
    assert code == 0
    assert "begun" not in told


def test_the_first_that_fails_ends_the_run_and_what_is_under_way(run):
    code, told = run("""
step "hanging" hangs
step "failing" fails
step "another" echo not here
last_step "last" echo nor here
""")
    assert code == 1
    assert told.endswith("before\n\n== failed: failing\n")
    assert "here" not in told
    assert "after" not in told


def test_a_last_step_that_fails_fails_the_run(run):
    code, told = run('last_step "last" fails')
    assert code == 1
    assert told.startswith("\n== last\nbefore\n")
    assert "after" not in told


@pytest.mark.parametrize("kind", ["step", "last_step"])
def test_a_step_that_hangs_is_ended_by_its_limit_with_what_it_has_printed(run, kind):
    code, told = run(f"""
limit=1
{kind} "hanging" hangs
only "hanging"
last_step "last" echo not here
""")
    assert code not in {0, 143}
    in_order(told, "hanging\n", "== it takes longer than 1 s, and is ended")
    assert "not here" not in told


def test_one_that_is_broken_off_tells_what_the_steps_under_way_had_printed(begin, tmp_path):
    process = begin("""
step "hanging" hangs
step "other" bash -c 'touch begun; sleep 60'
last_step "last" echo not here
""")
    while not ((tmp_path / "begun").exists() and any("sleep" in line for line in started_by(tmp_path))):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    in_order(told, "== broken off: hanging, after ", "hanging\n")
    assert "== broken off: other, after " in told
    assert "here" not in told


def test_what_is_left_out_is_told_with_its_reason(run):
    assert run('left_out "loops on Python 3.99" "there is none here"') == (
        0,
        "-- loops on Python 3.99: left out, there is none here\n",
    )
