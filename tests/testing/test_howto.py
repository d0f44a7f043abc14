"""Every block of the how-to is a file of tests that pass, in a pytest of their own."""

import re
from pathlib import Path

import pytest

from .running import AUTO, run

pytest_plugins = ("pytester",)

PAGE = Path(__file__).parents[2] / "docs" / "howto-test.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def count_of_tests(block):
    return len(re.findall(r"^(?:async )?def test_", block, flags=re.MULTILINE))


@pytest.mark.sockets
@pytest.mark.parametrize("block", BLOCKS, ids=range(1, len(BLOCKS) + 1))
def test_a_block_passes(pytester, block):
    run(pytester, block).assert_outcomes(passed=count_of_tests(block))


def test_the_first_one_passes_in_auto_mode(pytester):
    run(pytester, BLOCKS[0].replace("@pytest.mark.asyncio\n", ""), ini=AUTO).assert_outcomes(passed=1)


def test_the_first_one_has_ten_lines():
    # Beyond what it tests.
    test = BLOCKS[0].partition("# your service")[2].split("\n\n\n")[1]
    imports = BLOCKS[0].partition("\n\n\n")[0]
    assert len(f"{imports}{test}".splitlines()) <= 10


def test_every_block_is_a_test():
    assert len(BLOCKS) >= 8
    assert all(count_of_tests(block) for block in BLOCKS)
