"""Plays a page that is a tutorial: saves its files, runs its commands in order, and says what they print.

``python -m tests.support.tutorial`` writes what differs into the page.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, field, frozen

from packcloud_async import Phase, read_ledger

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"

_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^\n]+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$(?:\n\n```text\n(?P<shown>.*?)^```$)?",
    flags=re.MULTILINE | re.DOTALL,
)
_NAME = re.compile(r"as `([\w.]+)`")
_PORT = re.compile(r"(--port |127\.0\.0\.1:)8080\b")
_VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "(time)"),
    (re.compile(r"2026-01-01T00:\d\d:\d\dZ"), "(moved)"),
    (re.compile(r"process \d+ on \S+,"), "process (id) on (host),"),
    (re.compile(r"\d+\.\d s\b"), "(seconds)"),
    (re.compile(r"\d+ requests(?! per)"), "(some) requests"),
)
_HOW_FAR = (
    (re.compile(r"\b(accepted|advanced|quiet) *"), "(state) "),
    (re.compile(r"\d+ (finished|unfinished|integrations)"), r"(some) \1"),
    (re.compile(r"orders: .*"), "orders: (some)"),
    (re.compile(r"budget: .*"), "budget: (spent)"),
)
"""What depends on how far a run came before it was killed."""
# The reader waits three seconds; a machine that is busy may need longer until each POST is answered.
_SLEEP = 'sleep() { "$PYTHON" -m tests.support.tutorial --wait-for night.sqlite 48; }\n'


@frozen
class Step:
    """One block: a file to save, or commands with what they print; ``mark`` says what is special about them."""

    name: str | None
    commands: str
    shown: str | None
    mark: str | None


@frozen
class Printed:
    """What the commands of a step printed."""

    text: str
    complaints: str
    code: int


def steps(page: str) -> list[Step]:
    """Take a page apart."""
    found: list[Step] = []
    end = 0
    for block in _BLOCK.finditer(page):
        is_shell = block["language"] == "sh"
        name = None if is_shell else _NAME.findall(page[end : block.start()])[-1]
        found.append(Step(name, block["text"], block["shown"], block["mark"]))
        end = block.end()
    return found


def likeness(text: str, mark: str | None = None) -> list[str]:
    """Return the lines of an output without what differs from run to run."""
    for pattern, name in (*_VOLATILE, *(_HOW_FAR if mark == "how far differs" else ())):
        text = pattern.sub(name, text)
    return [line.rstrip() for line in text.strip("\n").splitlines() if line.strip()]


def is_as_shown(step: Step, printed: str) -> bool:
    """Whether the output of a step is the one on the page, in which a line of three dots stands for any lines."""
    gap = r"(?:.*\n)*?"
    shown = likeness(step.shown or "", step.mark)
    pattern = "".join(gap if line == "..." else re.escape(line) + r"\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in likeness(printed, step.mark))) is not None


@define
class Play:
    """Someone who follows a page in a folder of their own."""

    folder: Path
    port: str = ""
    _said: str = ""
    _programs: list[subprocess.Popen[str]] = field(factory=list[Any])

    def follow(self, step: Step) -> Printed:
        """Do what a step says; a file prints nothing."""
        if step.name is not None:
            (self.folder / step.name).write_text(step.commands, encoding="utf-8")
            return Printed("", "", 0)
        if step.mark is not None and step.mark.startswith("not run"):
            return Printed(step.shown or "", "", 0)
        if step.mark == "runs on":
            return self._start(step)
        commands = _PORT.sub(rf"\g<1>{self.port}", step.commands)
        self._said += "".join(line for line in commands.splitlines(keepends=True) if line.startswith("export "))
        done = subprocess.run(
            ["bash", "-c", f"{_SLEEP}{self._said}{commands}\nlast=$?; wait; exit $last"],
            cwd=self.folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Printed(self._as_on_the_page(done.stdout), done.stderr, done.returncode)

    def ask_emulator(self) -> dict[str, Any]:
        """Return what the page of the emulator shows."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_emulator/now.json") as answer:
            return json.load(answer)

    def _start(self, step: Step) -> Printed:
        program = subprocess.Popen(
            ["bash", "-c", f"exec {_PORT.sub(r'--port 0', step.commands)}"],
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._programs.append(program)
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in (step.shown or "").splitlines()]
        (self.port,) = set(re.findall(r"127\.0\.0\.1:(\d+)", "".join(lines)))
        return Printed(self._as_on_the_page("".join(lines)), "", 0)

    def _as_on_the_page(self, text: str) -> str:
        return text.replace(f"127.0.0.1:{self.port}", "127.0.0.1:8080")

    def end(self) -> None:
        """End what still runs; not by Ctrl-C, which is ignored by what a shell runs in the background."""
        for program in self._programs:
            program.terminate()
            program.communicate(timeout=30)


@contextmanager
def playing(folder: Path) -> Iterator[Play]:
    """Begin in an empty folder, and leave nothing running."""
    play = Play(folder)
    try:
        yield play
    finally:
        play.end()


def _environment() -> dict[str, str]:
    own = {name: text for name, text in os.environ.items() if not name.startswith(("PACKCLOUD_", "COLUMNS"))}
    programs = str(Path(sys.executable).parent)
    root = str(PAGE.parents[1])
    return own | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "PYTHONPATH": root,
        "PYTHONUTF8": "1",
        "PACKCLOUD_CONFIG": os.devnull,
    }


def _wait_for(path: Path, jobs: int) -> None:
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        if path.exists():
            with read_ledger(path) as contents:
                states = [
                    kind.state for target in contents.targets() for job in target.jobs for kind in job.kinds.values()
                ]
            if len(states) == jobs and not {Phase.PLANNED, Phase.SENT} & set(states):
                return
        time.sleep(0.05)
    sys.exit("the ledger did not come so far in a minute")


def _rewrite() -> None:
    page = PAGE.read_text(encoding="utf-8")
    with TemporaryDirectory() as folder, playing(Path(folder)) as play:
        for step in steps(page):
            printed = play.follow(step)
            if step.shown is not None and not is_as_shown(step, printed.text):
                shown = "".join(f"{line.rstrip()}\n" for line in printed.text.strip("\n").splitlines())
                before, after = (f"```sh\n{step.commands}```\n\n```text\n{text}```" for text in (step.shown, shown))
                assert page.count(before) == 1
                page = page.replace(before, after)
                sys.stdout.write(f"$ {step.commands}{shown}{printed.complaints}")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--wait-for"]:
        _wait_for(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        _rewrite()
