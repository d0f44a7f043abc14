"""Numbers of a command line: argparse says which argument is wrong and why, before anything is measured."""

import math
from argparse import ArgumentTypeError


def counting(text: str) -> int:
    """Read a whole number of at least one."""
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"at least 1, not {text}")
    return number


def positive(text: str) -> float:
    """Read a number above zero that has an end."""
    number = float(text)
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"more than 0, not {text}")
    return number


def share(text: str) -> float:
    """Read a share of nothing or more that has an end."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise ArgumentTypeError(f"at least 0, not {text}")
    return number
