"""The coverage-guided fuzzer, for a few seconds on each of the targets that need it most."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SECONDS_OF_A_TARGET = 3
# Those with the most ways through them; ``python -m tests.fuzz.run all`` takes all of them.
IN_CI = ["endpoints", "json_text", "redaction"]


def run(*arguments):
    command = [sys.executable, "-m", "tests.fuzz.run", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", IN_CI)
def test_a_few_seconds_of_coverage_guided_fuzzing_break_nothing(name, tmp_path):
    pytest.importorskip("atheris", reason="atheris is not installed here: pip install 'packcloud_async[fuzz]'")
    done = run(name, "--seconds", str(SECONDS_OF_A_TARGET), "--into", str(tmp_path))
    assert done.returncode == 0, done.stderr[-3_000:]
    # It was guided: inputs that reached something new were kept.
    assert list((tmp_path / name).iterdir())


def test_a_broken_promise_fails_the_run_and_is_kept(tmp_path):
    pytest.importorskip("atheris", reason="atheris is not installed here: pip install 'packcloud_async[fuzz]'")
    done = run("breaks_on_fuzz", "--seconds", "10", "--into", str(tmp_path))
    assert done.returncode != 0
    assert [path.read_bytes()[:4] for path in (tmp_path / "breaks_on_fuzz").glob("crash-*")] == [b"FUZZ"]


def test_an_unknown_target_is_named():
    done = run("nonsense")
    assert done.returncode == 2
    assert "unknown target nonsense; known: action, " in done.stderr
