"""Write the tables of the pages below from results/*.json: ``python -m benchmarks.readme``.

A table stands between ``<!-- pacing -->`` and ``<!-- end -->``; the rest of a page is left as it is.
"""

import json
import re
from pathlib import Path

from benchmarks.results import FOLDER, ROOT, Table

PAGES = (ROOT / "benchmarks" / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("sharing", "fairness", "soak")))
_SECTION = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def filled(page: str, folder: Path = FOLDER) -> str:
    """Return the page with the tables of the results in it."""
    return _SECTION.sub(lambda found: f"{found[1]}\n{_written(folder / f'{found[2]}.json')}\n\n{found[3]}", page)


def _written(path: Path) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))
    tables = "\n\n".join(str(Table.from_json(table)) for table in found["tables"])
    return f"`{found['command']}` · {found['machine']}\n\n{tables}"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {page.name}")
