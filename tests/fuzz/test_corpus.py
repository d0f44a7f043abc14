"""The kept seeds, and seeded changes of them, through every target: what runs where no other fuzzer does."""

import random

import pytest

from .run import CORPUS, LONGEST_INPUT
from .targets import TARGETS

SEEDS = [path for path in sorted(CORPUS.glob("*/*")) if path.is_file()]
CHANGES_OF_A_TARGET = 1_500
BYTES = [b"\x00", b"\x1f", b"\x7f", b"\xff", b"\xed\xa0\x80", b"\n", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":"]
WORDS = [
    *BYTES,
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"9" * 30,
    b"data",
    b"\\ud800",
    b"\\u0000",
    b"%2e",
    b"//",
    b"@",
    b"{}",
]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_kept_seed_breaks_nothing(seed):
    TARGETS[seed.parent.name](seed.read_bytes())


def test_every_target_has_seeds_and_every_seed_a_target():
    assert {path.parent.name for path in SEEDS} == set(TARGETS)
    assert sum(path.stat().st_size for path in SEEDS) < 200 * 1024


@pytest.mark.parametrize("name", TARGETS)
def test_seeded_changes_of_the_seeds_break_nothing(name):
    draw = random.Random(name)
    seeds = [path.read_bytes() for path in SEEDS if path.parent.name == name]
    for number in range(CHANGES_OF_A_TARGET):
        data = changed(draw, seeds)
        try:
            TARGETS[name](data)
        except Exception as error:
            error.add_note(f"{name}, change {number}: {data!r}")
            raise


def changed(draw, seeds):
    """One seed with a few changes, as a fuzzer makes them."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.choice([1, 1, 2, 4, 8])):
        at, to = sorted((draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)))
        to = min(to, at + draw.choice([1, 2, 8, 64]))
        match draw.randrange(6):
            case 0:
                del data[at:to]
            case 1:
                data[at:at] = draw.choice(WORDS)
            case 2:
                data[at:to] = draw.choice(WORDS)
            case 3:
                data[at:at] = data[at:to] * draw.choice([1, 2, 20])
            case 4:
                other = draw.choice(seeds)
                start = draw.randrange(len(other) + 1)
                data[at:to] = other[start : start + draw.choice([4, 32, 256])]
            case _ if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
    return bytes(data[:LONGEST_INPUT])
