"""Write the tables of the pages below from results.json: ``python -m benchmarks.readme``.

A table stands between ``<!-- pacing -->`` and ``<!-- end -->``; the rest of a page is left as it is.
"""

import re
from pathlib import Path

from benchmarks.results import FOLDER, ROOT, load, tables_of

ONLY_BY_NAME = "it writes what others found"
PAGES = (ROOT / "benchmarks" / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("sharing", "fairness", "soak")))
_SECTION = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def filled(page: str, folder: Path = FOLDER) -> str:
    """Return the page with the tables of the results in it."""
    return _SECTION.sub(lambda found: f"{found[1]}\n{_written(found[2], folder)}\n\n{found[3]}", page)


def _written(name: str, folder: Path) -> str:
    found = load(folder)[name]
    tables = "\n\n".join(map(str, tables_of(name, folder)))
    smoke = " · **a smoke run: too short to mean anything**" if found.get("quick") else ""
    return f"`{found['command']}` · {found['machine']}{smoke}\n\n{tables}"


def main() -> None:
    """Fill every page."""
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {page.name}")


if __name__ == "__main__":
    main()
