"""Write the tables of the pages below from results.json: ``python -m benchmarks.readme``.

A table stands between ``<!-- pacing -->`` and ``<!-- end -->``; the rest of a page is left as it is, and so is a table
whose benchmark is not among the results. ``<!-- goals -->`` is every figure of every benchmark that has a goal, and is
left as it is while one of the benchmarks of its page is not there. ``<!-- costs -->`` is what ``costs.py`` takes of
several, ``<!-- fleet_bounds -->`` what ``fleet_bounds.py`` works out from two.
"""

import re
from pathlib import Path

from benchmarks import costs, fleet_bounds
from benchmarks.results import FILE, FOLDER, ROOT, Figure, Table, load, tables_of, written

GOALS, COSTS, BOUNDS = "goals", "costs", "fleet_bounds"
ONLY_BY_NAME = "it writes what others found"
DOCS = ("budget", "comparison", "explanation-fleet", "fairness", "ledger", "sharing", "soak")
PAGES = (ROOT / "benchmarks" / "README.md", *(ROOT / "docs" / f"{name}.md" for name in DOCS))
_SECTION = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def filled(page: str, folder: Path = FOLDER) -> str:
    """Return the page with the tables of the results in it."""
    there = set(load(folder)) if (folder / FILE).exists() else set[str]()
    if there >= {section[2] for section in _SECTION.finditer(page)} - {GOALS, COSTS, BOUNDS}:
        there |= {GOALS}
    if there >= costs.NEEDED:
        there |= {COSTS}
    if there >= fleet_bounds.NEEDED:
        there |= {BOUNDS}

    def section(found: re.Match[str]) -> str:
        return f"{found[1]}\n{_written(found[2], folder)}\n\n{found[3]}" if found[2] in there else found[0]

    return _SECTION.sub(section, page)


def goals(folder: Path = FOLDER) -> Table:
    """Return every figure that has a goal, with both, and with the floor where there is one."""
    figures = [(name, Figure(**figure)) for name, entry in load(folder).items() for figure in entry.get("figures", ())]
    rows = [
        (
            name,
            figure.name,
            f"{'≤' if figure.better == 'lower' else '≥'} {written(figure.goal)}",
            figure.floor,
            figure.value,
            figure.low,
            figure.high,
            ("yes" if figure.reached else "**no**") + ("" if figure.quiet else " (too noisy)"),
        )
        for name, figure in figures
        if figure.goal is not None
    ]
    return Table("Goals", ("benchmark", "figure", "goal", "floor", "found", "25 %", "75 %", "reached"), tuple(rows))


def _written(name: str, folder: Path) -> str:
    if name == GOALS:
        return str(goals(folder))
    if name == COSTS:
        return "\n\n".join(map(str, costs.tables(load(folder))))
    if name == BOUNDS:
        return "\n\n".join(map(str, fleet_bounds.tables(load(folder))))
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
