"""Random numbers named by what they are for: they depend on the seed and the names, never on the order of asking."""

import math
import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")

_STEPS = 2.0**53


@frozen
class Draws:
    """Numbers drawn from a seed; the same names give the same number, in any process.

    >>> Draws(0).unit("org_1", "name") == Draws(0).unit("org_1", "name")
    True
    """

    seed: int

    def unit(self, *names: object) -> float:
        """Return a number in [0, 1)."""
        return _unit(int.from_bytes(self._digest(8, names), "little"))

    def eight(self, *names: object) -> list[float]:
        """Return eight numbers in [0, 1) for the cost of one."""
        return [_unit(integer) for integer in struct.unpack("<8Q", self._digest(64, names))]

    def normal(self, *names: object) -> float:
        """Return a number of the standard normal distribution."""
        first, second = self.eight(*names)[:2]
        return math.sqrt(-2.0 * math.log(1.0 - first)) * math.cos(2.0 * math.pi * second)

    def hexadecimal(self, *names: object) -> str:
        """Return 16 hexadecimal digits."""
        return self._digest(8, names).hex()

    def _digest(self, size: int, names: tuple[object, ...]) -> bytes:
        return blake2b("\0".join(map(str, (self.seed, *names))).encode(), digest_size=size).digest()


def pick(choices: Sequence[T], unit: float) -> T:
    """Return the choice that a number in [0, 1) points at."""
    return choices[int(unit * len(choices))]


def _unit(integer: int) -> float:
    return (integer >> 11) / _STEPS
