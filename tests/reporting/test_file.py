"""Where a report may be written, and how."""

import os
import stat

import pytest

from packcloud_async.reporting import file
from packcloud_async.reporting.file import objection, write
from packcloud_async.reporting.page import BEGINNING

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
PAGE = BEGINNING + b"<html>"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.html"


def left_in(folder):
    return sorted(item.name for item in folder.iterdir())


@pytest.mark.parametrize("umask", [0, 0o077, 0o277, 0o777], ids=oct)
@pytest.mark.parametrize("before", [None, b"", PAGE + b"an earlier one"], ids=["new", "empty", "earlier"])
def test_it_is_for_its_owner_only_whatever_the_umask_and_what_was_there(path, tmp_path, umask, before):
    if before is not None:
        path.write_bytes(before)
        path.chmod(0o644)
    restored = os.umask(umask)
    try:
        write(path, PAGE)
    finally:
        os.umask(restored)
    assert path.read_bytes() == PAGE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert left_in(tmp_path) == ["run.html"]


def no_folder(path):
    return path / "below.html"


def folder(path):
    path.mkdir()
    return path


def text(path):
    path.write_bytes(b"<!doctype html>\nmine")
    return path


def nearly(path):
    path.write_bytes(BEGINNING[:-2])
    return path


def link(path):
    write(path.with_name("other.html"), PAGE)
    path.symlink_to("other.html")
    return path


def broken_link(path):
    path.symlink_to("nowhere.html")
    return path


def pipe(path):
    os.mkfifo(path)
    return path


def long(path):
    return path.with_name("x" * 300)


def with_a_null(path):
    return path.with_name("a\0b")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (no_folder, "there is no folder"),
        (folder, "is a folder: give the name of a file in it"),
        (text, "is there already and is no report"),
        (nearly, "is there already and is no report"),
        (link, "is a link, which is not followed"),
        (broken_link, "is a link, which is not followed"),
        (pipe, "is no regular file"),
        (long, "File name too long"),
        (with_a_null, "null"),
    ],
)
def test_anything_else_is_refused_and_left_as_it_is(path, tmp_path, make, told):
    asked = make(path)
    before = left_in(tmp_path), [item.lstat().st_mtime_ns for item in tmp_path.iterdir()]
    assert told in objection(asked)
    with pytest.raises(OSError, match=told[:20]):
        write(asked, PAGE)
    assert (left_in(tmp_path), [item.lstat().st_mtime_ns for item in tmp_path.iterdir()]) == before


def test_a_long_name_in_any_script_will_do(tmp_path):
    path = tmp_path / ("\u65e5" * 80 + ".html")
    write(path, PAGE)
    assert path.read_bytes() == PAGE


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told_beforehand(path, tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert "cannot be written" in objection(path)
    finally:
        tmp_path.chmod(0o700)


def test_what_somebody_puts_there_meanwhile_stays(path, tmp_path):
    assert objection(path) is None
    path.write_bytes(b"mine")
    with pytest.raises(OSError, match="is no report"):
        write(path, PAGE)
    assert path.read_bytes() == b"mine"
    assert left_in(tmp_path) == ["run.html"]


def test_a_link_put_there_at_the_last_moment_is_replaced_and_not_followed(path, tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    replace = file.Path.replace

    def interfere(made, target):
        path.symlink_to(victim)
        return replace(made, target)

    monkeypatch.setattr(file.Path, "replace", interfere)
    write(path, PAGE)
    assert victim.read_bytes() == b"mine"
    assert not path.is_symlink()


def test_a_full_disk_leaves_the_earlier_one_and_nothing_beside_it(path, tmp_path, monkeypatch):
    write(path, PAGE)

    def full(made, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file.Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write(path, PAGE + b"a later one")
    assert path.read_bytes() == PAGE
    assert left_in(tmp_path) == ["run.html"]
