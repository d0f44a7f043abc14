"""The soak itself, a few seconds of it: it finds nothing in what is sound, and what is planted it finds."""

import json
import mmap
import os
import sys

import pytest

from benchmarks import soak
from benchmarks.results import tables_of
from benchmarks.soaking import jobs, meter, other_process, playing

pytestmark = [pytest.mark.sockets, pytest.mark.skipif(sys.platform != "linux", reason="looks at itself in /proc")]

ANSWERS_LOST = ("drop_before", "drop_after", "reset", "silent_before", "silent_after", "truncate")
ONE_WAVE = ["--seed", "1", "--wave", "3", "--jobs", "24"]


def test_a_few_waves_find_nothing_wrong(tmp_path, capsys):
    told = tmp_path / "told.json"
    # Both waves of this seed lose many answers and retry often: whatever repeats a POST shows.
    code = soak.main(
        ["--minutes", "0.5", "--waves", "2", "--seed", "57", "--jobs", "40", "--json", str(told), "--save"],
        folder=tmp_path,
    )
    found = json.loads(told.read_text())
    assert found["troubles"] == []
    assert code == 0
    assert found["totals"]["jobs"] > 40
    assert sum(found["faults"].get(fault, 0) for fault in ANSWERS_LOST) > 20
    assert len(found["outcomes"]) >= 4
    assert {sample["tasks"] for sample in found["samples"] if sample["quiet"]} == {2}
    tables = tables_of("soak", tmp_path)
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    assert str(tables[0]) in capsys.readouterr().out


def test_a_wrong_outcome_is_found_and_told_with_its_seed_and_wave(monkeypatch, capsys):
    def lie(outcome):
        told = truthful(outcome)
        return {**told, "state": "quiet"} if told["state"] == "advanced" else told

    truthful = playing.outcome_told
    monkeypatch.setattr(playing, "outcome_told", lie)
    assert soak.main(ONE_WAVE) == 1
    assert "seed 1, wave 3: " in (told := capsys.readouterr().out)
    assert ": quiet, but answer " in told


def test_a_lost_job_is_found(monkeypatch, capsys):
    async def forget_one(wave):
        await jobs.play(wave)
        wave.jobs.pop()

    monkeypatch.setattr(soak, "play", forget_one)
    assert soak.main(ONE_WAVE) == 1
    assert "results in place of" in (told := capsys.readouterr().out) or "lost, it has no result" in told


def test_a_repeated_post_is_found(monkeypatch, capsys):
    async def repeat_one(wave):
        await jobs.play(wave)
        sent = wave.log.sent
        path = next(path for path, _, _, became, _ in sent if became == 202)
        while sent[-1][3] != 202 or sent[-1][0] != path:
            await wave.large.request("POST", path)

    monkeypatch.setattr(soak, "play", repeat_one)
    assert soak.main(ONE_WAVE) == 1
    told = capsys.readouterr().out
    assert "POSTs that may have arrived were sent for" in told
    assert "POSTs that may have acted arrived for" in told


def test_nothing_is_measured_before_the_server_stands(monkeypatch):
    async def answer(server):
        told = await really_answer(server)
        happened.append("an answer")
        return told

    def look(*args, **kwargs):
        happened.append("a look")
        return really_look(*args, **kwargs)

    async def nothing(_):
        pass

    happened = []
    really_answer, really_look = other_process.Server.answer, meter.look
    monkeypatch.setattr(other_process.Server, "answer", answer)
    monkeypatch.setattr(meter, "look", look)
    monkeypatch.setattr(soak, "play", nothing)
    assert soak.main(ONE_WAVE) == 0
    assert happened[:2] == ["an answer", "a look"]


def test_what_grows_is_found(monkeypatch, capsys):
    kept, opened = [], []

    async def leak(_):
        # Pages of its own: what is freed before would be given to a plain allocation.
        pages = mmap.mmap(-1, 6_000_000)
        pages.write(os.urandom(1) * 6_000_000)
        kept.append(pages)
        opened.append(os.open(os.devnull, os.O_RDONLY))

    monkeypatch.setattr(soak, "play", leak)
    try:
        assert soak.main(["--minutes", "1", "--waves", "60", "--jobs", "10"]) == 1
    finally:
        for descriptor in opened:
            os.close(descriptor)
    told = capsys.readouterr().out
    assert "memory grew by" in told
    assert "descriptors between waves grew from" in told


def test_a_wave_that_hangs_is_found(monkeypatch, capsys):
    async def hang(_):
        await soak.asyncio.Event().wait()

    monkeypatch.setattr(soak, "play", hang)
    monkeypatch.setattr(soak, "LONGEST_WAVE", 0.05)
    assert soak.main(ONE_WAVE) == 1
    assert "wave 3: not at its end after" in capsys.readouterr().out


def test_a_scenario_that_fails_is_found(monkeypatch, capsys):
    async def fail(*_):
        raise LookupError("nothing there")

    monkeypatch.setitem(jobs.PLAYS, "single", fail)
    assert soak.main(ONE_WAVE) == 1
    assert "a scenario failed: LookupError('nothing there')" in capsys.readouterr().out


def test_its_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra bench")
    from benchmarks import plot_soak

    plot_soak.main(target=tmp_path / "soak.svg")
    assert (tmp_path / "soak.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def test_the_soak_of_the_documentation_found_nothing_wrong():
    found = dict(tables_of("soak")[0].rows)
    assert found["minutes"] >= 30
    assert found["jobs"] > 10_000
    assert found["jobs lost, POSTs repeated, outcomes wrong, and the like"] == 0
