"""The tutorial, followed from its first line to its last, as a reader would."""

from collections import Counter

import pytest

from packcloud_async import SyncKind, read_ledger

from .support.tutorial import PAGE, Step, is_as_shown, playing, steps

STEPS = steps(PAGE.read_text(encoding="utf-8"))


@pytest.mark.sockets
def test_the_tutorial_does_what_it_says(tmp_path):
    with playing(tmp_path) as play:
        for step in STEPS:
            printed = play.follow(step)
            wanted = 2 if step.mark == "exit code 2" else 0
            assert (printed.code, step.commands) == (wanted, step.commands), printed.complaints
            assert step.shown is None or is_as_shown(step, printed.text), f"$ {step.commands}{printed.text}"
            if wanted == 2:
                assert "there is nothing to resume: its run is finished" in printed.complaints
            elif "kill -9" not in step.commands:
                assert printed.complaints == ""
        seen = play.ask_emulator()
    # Three kinds, one job, twelve organizations, two organizations of two kinds: each sent once, whoever was killed.
    assert seen["accepted_ever"] == 3 + 1 + 48 + 16
    with read_ledger(tmp_path / "night.sqlite") as contents:
        jobs = [job for target in contents.targets() for job in target.jobs]
    assert Counter(job.kinds[SyncKind.ORDERS].state.value for job in jobs) == {"advanced": 35, "quiet": 13}


def test_the_steps_are_found():
    assert len(STEPS) >= 15
    assert [step.name for step in STEPS if step.name] == [
        "shops.toml",
        "first.py",
        "sync.py",
        "fire.py",
        "wait.py",
        "night.py",
        "morning.py",
    ]
    assert sum(step.shown is not None for step in STEPS) == 9
    assert [step.commands.splitlines()[:2] for step in STEPS if step.mark and step.mark.startswith("not run")] == [
        ["python3 -m venv .venv", ". .venv/bin/activate"]
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "is_so"),
    [
        ("one\n...\nthree\n", "one\ntwo\nthree\n", True),
        ("one\n...\nthree\n", "one\nthree\n", True),
        ("one\n...\nthree\n", "one\ntwo\n", False),
        ("seen after 3.1 s\n", "seen after 4.0 s\n", True),
        ("2 failed\n", "3 failed\n", False),
        ("one\n", "one\ntwo\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_an_output_is_held_to_the_page(shown, printed, is_so):
    assert is_as_shown(Step(None, "", shown, None), printed) is is_so
