"""The two commands of the README's first screen: the first line of each ``sh`` block, in order."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [block.strip() for block in blocks[:2]]


if __name__ == "__main__":
    print("\n".join(commands()))
