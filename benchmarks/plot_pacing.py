"""Draw docs/plots/pacing.svg: when a job is read by the geometric rule, and by what was learned of earlier syncs.

Run from the repository's root, with the extra ``bench``: ``python benchmarks/plot_pacing.py``
"""

import math
from pathlib import Path
from random import Random

import matplotlib as mpl

from packcloud_async import LearnedPacing, PollPolicy, SyncKind

mpl.use("svg")
from matplotlib import pyplot as plt

ONLY_BY_NAME = "it draws a picture of the documentation"
TARGET = Path(__file__).parent.parent / "docs" / "plots" / "pacing.svg"
POLICY = PollPolicy()
SHOP = {"connector_id": "shopify", "category": "shop", "kind": SyncKind.ORDERS}
MEDIAN, SIGMA = 40.0, 0.5
RULES = (("geometric", "#7a5195"), ("learned", "#00796b"))


def reads(expected, *, until, spread=0.5):
    """The ages of the reads up to the first one at or after an age."""
    ages = [0.0]
    while ages[-1] < until or len(ages) == 1:
        age = ages[-1]
        delay = POLICY.delay_after(age, spread=spread)
        if expected is not None:
            delay = expected.delay_after(POLICY, age, spread=spread)
        ages.append(age + delay)
    return ages[1:]


def expectation():
    """What is expected after watching 200 syncs of log-normal durations."""
    pacing, draws = LearnedPacing(), Random(1)
    for _ in range(200):
        duration = draws.lognormvariate(math.log(MEDIAN), SIGMA)
        ages = [0.0, *reads(pacing.expect(**SHOP), until=duration, spread=draws.random())]
        pacing.learn(**SHOP, not_yet=ages[-2], seen=ages[-1])
    return pacing.expect(**SHOP)


def draw_reads(axes, y, ages, color):
    axes.plot([0, ages[-1]], [y, y], color=color, linewidth=1, alpha=0.5)
    axes.plot(ages[:-1], [y] * (len(ages) - 1), "|", color=color, markersize=11, markeredgewidth=1.6)


def draw_sync(axes, y, duration, expected):
    for offset, (name, color) in zip((0.2, -0.2), RULES, strict=True):
        ages = reads(expected if name == "learned" else None, until=duration)
        draw_reads(axes, y + offset, ages, color)
        axes.plot(ages[-1], y + offset, "o", color=color, markersize=7)
        told = f"  {len(ages)} reads, news {ages[-1] - duration:.1f} s late"
        axes.text(ages[-1] + 1, y + offset, told, va="center", fontsize=9, color=color)
    axes.plot([duration, duration], [y - 0.4, y + 0.4], color="black", linewidth=1.4)


def draw_quiet(axes, y, expected):
    for offset, (name, color) in zip((0.2, -0.2), RULES, strict=True):
        known = expected if name == "learned" else None
        window = POLICY.deadline if known is None else known.window(POLICY)
        ages = [*(age for age in reads(known, until=window) if age < window), window]
        draw_reads(axes, y + offset, ages, color)
        axes.plot(window, y + offset, "o", color=color, markersize=7, markerfacecolor="white")
        axes.text(window + 1, y + offset, f"  {len(ages)} reads", va="center", fontsize=9, color=color)


def main():
    # The same bytes from every run.
    plt.rcParams.update({"svg.hashsalt": "pacing", "font.size": 10})
    expected = expectation()
    # Faster than nearly all, a tenth, the median, nine tenths, slower than nearly all.
    durations = (8.0, 21.0, 40.0, 76.0, 130.0)
    figure, axes = plt.subplots(figsize=(9.5, 5.2), facecolor="white")
    axes.axvspan(expected.low, expected.high, color=RULES[1][1], alpha=0.1, linewidth=0)
    middle, top = (expected.low + expected.high) / 2, len(durations) + 0.62
    axes.text(middle, top, "8 of 10 earlier syncs", ha="center", fontsize=9, color=RULES[1][1])
    for row, duration in enumerate(durations):
        draw_sync(axes, len(durations) - row, duration, expected)
    draw_quiet(axes, 0, expected)
    axes.set_yticks(range(len(durations), -1, -1), [*(f"takes {duration:.0f} s" for duration in durations), "no news"])
    axes.set_xlim(0, 335)
    axes.set_ylim(-0.6, len(durations) + 0.95)
    axes.set_xlabel("seconds since the POST was answered")
    axes.spines[["top", "right"]].set_visible(False)
    handles = [
        *(plt.Line2D([], [], color=color, marker="|", markersize=10, label=f"reads, {name}") for name, color in RULES),
        plt.Line2D([], [], color="black", linewidth=1.4, label="the change"),
        plt.Line2D([], [], color="gray", marker="o", linewidth=0, label="the read that shows it"),
        plt.Line2D([], [], color="gray", marker="o", markerfacecolor="white", linewidth=0, label="quiet"),
    ]
    axes.legend(handles=handles, loc="upper right", frameon=False, fontsize=9)
    figure.tight_layout()
    TARGET.parent.mkdir(exist_ok=True)
    figure.savefig(TARGET, metadata={"Date": None})
    print(f"wrote {TARGET.relative_to(Path.cwd())}: {expected}")


if __name__ == "__main__":
    main()
