"""Draw docs/plots/soak.svg from benchmarks/results.json: memory, descriptors and jobs over the time of a soak.

Run from the repository's root, with the extra ``bench``: ``python -m benchmarks.plot_soak``
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.results import FOLDER, tables_of

mpl.use("svg")
from matplotlib import pyplot as plt

ONLY_BY_NAME = "it draws a picture of the documentation"
TARGET = Path(__file__).parent.parent / "docs" / "plots" / "soak.svg"
PURPLE, GREEN, ORANGE, GRAY = "#7a5195", "#00796b", "#ef8a17", "#9e9e9e"


def by_minute(folder: Path = FOLDER) -> dict[str, Sequence[float]]:
    """Return the columns of the table that has one row for each minute."""
    (table,) = (table for table in tables_of("soak", folder) if table.title == "By the minute")
    return dict(zip(table.columns, zip(*table.rows, strict=True), strict=True))


def main(*, results: Path = FOLDER, target: Path = TARGET) -> None:
    """Draw it."""
    columns = by_minute(results)
    minutes = columns["minute"]
    # The same bytes from every run.
    plt.rcParams.update({"svg.hashsalt": "packcloud", "font.size": 10})
    figure, (above, below) = plt.subplots(2, 1, figsize=(9.5, 5.2), facecolor="white", sharex=True)
    above.plot(minutes, columns["memory, MB"], color=PURPLE, linewidth=1.8, label="memory, MB")
    above.fill_between(
        minutes,
        columns["fewest descriptors"],
        columns["most descriptors"],
        color=GREEN,
        alpha=0.25,
        linewidth=0,
        label="open descriptors, fewest to most of the minute",
    )
    for share in (1 / 3, 2 / 3):
        above.axvline(share * (len(minutes) + 1), color=GRAY, linestyle=":", linewidth=1)
    above.set_ylim(bottom=0)
    above.legend(loc="lower right", frameon=False, fontsize=9)
    below.bar(minutes, columns["jobs ended"], color=ORANGE, width=0.8)
    below.set_ylabel("jobs of waves that\nended in the minute")
    below.set_xlabel("minute")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, metadata={"Date": None})
    print(f"wrote {target.name}")


if __name__ == "__main__":
    main()
