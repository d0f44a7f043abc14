"""A part of the lock is whole: what is named, and everything that needs."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8")


def part(*names):
    command = [sys.executable, ROOT / ".ci" / "part.py", *names]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def names_in(lock):
    return set(re.findall(r"^([a-z0-9][\w.-]*)", lock, flags=re.MULTILINE))


def test_it_has_what_is_named_and_all_that_needs():
    found = names_in(part("aiohttp").stdout)
    assert {"aiohttp", "multidict", "yarl", "idna", "propcache", "typing-extensions"} <= found
    assert not found & {"cattrs", "pytest", "sphinx"}
    assert names_in(part("aiohttp", "pytest").stdout) == found | names_in(part("pytest").stdout)


def test_what_an_installed_package_needs_is_in_its_part():
    for name in ("aiohttp", "pytest", "cattrs"):
        found = names_in(part(name).stdout)
        for line in metadata.requires(name):
            needed, _, condition = line.partition(";")
            if not condition:
                assert re.split(r"[<>=!~ \[(]", needed)[0].lower().replace("_", "-") in found, (name, line)


def test_what_stands_there_is_what_the_lock_has():
    whole = part(*names_in(LOCK)).stdout
    assert whole.strip() == re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE).strip()
    (entry,) = re.findall(r"^backoff==(?:.|\n)*?(?=^[a-z])", LOCK, flags=re.MULTILINE)
    assert part("backoff").stdout.strip() == entry.strip()


def test_what_is_not_in_the_lock_is_refused():
    done = part("backoff", "no-such-thing")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "not in the lock: no-such-thing\n")
