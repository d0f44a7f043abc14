"""Tests that count what a process keeps and enters begin in one that nothing else has been in.

What ran before them in the same process leaves caches, larger tables and learned names, which count.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_IS_ONE = "TESTS_IN_AN_OWN_INTERPRETER"
_ROOT = Path(__file__).parent.parent.parent


def is_one() -> bool:
    """Whether this process runs one test and nothing else."""
    return _IS_ONE in os.environ


def run_alone(test: str) -> None:
    """Run a test, named as pytest names it, in an interpreter of its own; fail with what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", test],
        cwd=_ROOT,
        # Other plugins take longer to load than most of these tests to run.
        env={**os.environ, _IS_ONE: "1", "PYTHONHASHSEED": "0", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    # A test that was not found is none that passed.
    if done.returncode or "1 passed" not in done.stdout:
        pytest.fail(f"in an interpreter of its own:\n{done.stdout}{done.stderr}", pytrace=False)
