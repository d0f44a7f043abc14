"""Every command of packcloud that a page shows is one that its parser takes; every option it names is there."""

import io
import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from packcloud_async.cli.app import packcloud as program

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`(packcloud [a-z][^`]+)`")
A_FILE = re.compile(r"\w+\.(txt|toml|json|sqlite)")


def shown_on(page):
    """The commands in blocks for the shell, up to a pipe."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            places = [place for place, word in enumerate(words) if Path(word).name == "packcloud"]
            for place in places:
                end = words.index("|", place) if "|" in words[place:] else len(words)
                yield words[place + 1 : end]


def named_on(page):
    """What a text calls by its name, which need not be whole: ``packcloud sync --ledger``."""
    for command in NAMED.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        yield [word.split("|")[0].rstrip("\\") for word in command.split()[1:]]


def cases(commands_of):
    return [pytest.param(words, id=f"{page.stem}: {' '.join(words)}") for page in PAGES for words in commands_of(page)]


@pytest.fixture
def parsed(monkeypatch, tmp_path):
    """Parse a command and do not carry it out, in a folder where every file that it names is there."""
    seen = []
    monkeypatch.chdir(tmp_path)
    # What the pages export.
    monkeypatch.setenv("PACKCLOUD_DATABASE", "postgresql://db.example/fleet")
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: seen.append(context.command_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"org_1\n")))

    def parse(words):
        for name in filter(A_FILE.fullmatch, words):
            (tmp_path / name).write_text("org_1\n" if name.endswith(".txt") else "")
        program.main(words, prog_name="packcloud", standalone_mode=False)
        return seen[-1]

    return parse


@pytest.mark.parametrize("words", cases(shown_on))
def test_a_command_that_is_shown_can_be_given(words, parsed):
    assert parsed(words).split()[1] == words[0]


@pytest.mark.parametrize("words", cases(named_on))
def test_a_command_and_the_options_that_are_named_are_there(words):
    command = program
    names = iter(words)
    for name in names:
        command = command.get_command(click.Context(command), name)
        assert command is not None, name
        if not isinstance(command, click.Group):
            break
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word.rstrip(".,") for word in names if word.startswith("-") and len(word) > 1} - options == set()


def test_the_commands_are_found():
    shown = [" ".join(param.values[0]) for param in cases(shown_on)]
    assert len(shown) >= 20
    assert {"demo", "ledger show run.sqlite", "sync --organizations-from - --all-kinds --ledger run.sqlite"} <= {*shown}
    assert ["completion", "bash"] in [param.values[0] for param in cases(named_on)]


@pytest.mark.parametrize(
    "wrong", ["sync org_1 --all-kind-of-things", "ledger shwo run.sqlite", "sync --kinds order org_1"]
)
def test_a_command_that_is_wrong_is_found(wrong, parsed):
    with pytest.raises(click.UsageError):
        parsed(wrong.split())
