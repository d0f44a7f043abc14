"""Plays scenes, each in a folder of its own, and draws their pictures."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.text import Text

from docs.captures.drawing import drawn
from docs.captures.scenes import SCENES, Scene
from docs.captures.terminal import Program, Terminal

ROOT: Final = Path(__file__).parents[2]


def pictures_of(name: str, folder: Path) -> Mapping[str, str]:
    """Play a scene in an empty folder; return its pictures as SVG, by their names."""
    scene, pictures = SCENES[name], dict[str, str]()
    home = folder / "home"
    home.mkdir()
    (folder / "world.toml").write_text(scene.world, encoding="utf-8")
    for file, text in scene.files.items():
        (home / file).write_text(text, encoding="utf-8")
    terminal = Terminal(scene.columns, scene.rows)
    for number, act in enumerate(scene.acts):
        terminal.write(f"\x1b[1m$ {act.command}\x1b[0m\r\n")
        code, seen = terminal.run(_program(name, number, home), act.moments)
        if code != act.exits:
            shown = "\n".join(line.plain for line in terminal.lines())
            raise RuntimeError(f"{act.command!r} ended with {code} instead of {act.exits}:\n{shown}")
        for picture, lines in seen.items():
            pictures[picture] = _drawn(picture, lines, scene)
        if act.picture:
            pictures[act.picture] = _drawn(act.picture, terminal.lines(), scene)
        terminal.write("\r\n")
    return pictures


def _drawn(name: str, lines: list[Text], scene: Scene) -> str:
    command = scene.acts[0].command
    # Where the line with the command has scrolled away, the title of the window says it.
    return drawn(lines, columns=scene.columns, name=name, title="" if lines[0].plain[:2] == "$ " else command)


def _program(name: str, number: int, home: Path) -> Program:
    return Program(
        arguments=[sys.executable, "-W", "error::ResourceWarning", "-m", "docs.captures.stage", name, str(number)],
        folder=home,
        environment={
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PACKCLOUD_BASE_URL": "" if name == "config" else "http://127.0.0.1:8080",
            "PACKCLOUD_TOKEN": "" if name == "config" else "emulator-token",
            "PATH": os.environ.get("PATH", ""),
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
        },
    )
