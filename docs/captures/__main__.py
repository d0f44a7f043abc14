"""``python -m docs.captures`` makes the pictures of the command line anew, all or those of some scenes."""

import tempfile
from pathlib import Path
from typing import Final

import click

from docs.captures.playing import pictures_of
from docs.captures.scenes import SCENES

PICTURES: Final = Path(__file__).parents[1] / "pictures"


@click.command()
@click.argument("scenes", nargs=-1, type=click.Choice(list(SCENES)))
def main(scenes: tuple[str, ...]) -> None:
    """Make the pictures of SCENES anew, by default all of them, in docs/pictures."""
    for name in scenes or SCENES:
        with tempfile.TemporaryDirectory() as folder:
            for picture, svg in pictures_of(name, Path(folder)).items():
                path = PICTURES / f"{picture}.svg"
                path.write_text(svg, encoding="utf-8")
                click.echo(f"docs/pictures/{path.name}: {len(svg) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
