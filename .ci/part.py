"""Prints a part of the lock: the named packages, with all that they need.

.ci/part.py pytest aiohttp > requirements.txt
"""

import re
import sys
from collections.abc import Set
from pathlib import Path

LOCK = Path(__file__).with_name("requirements.txt")


def part(lock: str, names: Set[str]) -> str:
    """Return the entries of these packages, and of all that are there because of one of them."""
    # A package has an entry for each condition under which another version of it is taken.
    entries = [(re.split(r"[=\[]", entry)[0], entry) for entry in re.split(r"\n(?=[a-z0-9])", lock)[1:]]
    if missing := names - {name for name, _ in entries}:
        raise SystemExit(f"not in the lock: {', '.join(sorted(missing))}")
    wanted: Set[str] = set()
    while wanted != (wanted := wanted | names):
        names = {name for name, entry in entries if wanted & because_of(entry)}
    return "\n".join(entry for name, entry in entries if name in wanted)


def because_of(entry: str) -> set[str]:
    """Return the packages of which uv has noted that they need this one."""
    return set(re.findall(r"^    #\s+(?:via )?([a-z0-9][\w.-]*)", entry, flags=re.MULTILINE))


if __name__ == "__main__":
    print(part(LOCK.read_text(encoding="utf-8"), set(sys.argv[1:])))  # noqa: T201 - a command
