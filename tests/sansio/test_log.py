"""What is written to the log, and what becomes of it when that fails."""

import io
import logging

import pytest

from packcloud_async._sansio.log import logger, write


class Raising(logging.Handler):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def emit(self, record):
        raise self.error


@pytest.fixture
def raising():
    handlers = []

    def add(error):
        handlers.append(Raising(error))
        logger.addHandler(handlers[0])

    yield add
    for handler in handlers:
        logger.removeHandler(handler)


def test_a_record_has_its_message_its_fields_and_its_place(caplog):
    write(logging.WARNING, "the ledger %s is open", "run.sqlite", extra={"organization": "org_1"})
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("packcloud_async", "WARNING")
    assert record.getMessage() == "the ledger run.sqlite is open"
    assert record.organization == "org_1"
    assert record.funcName == "test_a_record_has_its_message_its_fields_and_its_place"


def test_an_error_has_its_traceback(caplog):
    try:
        raise LookupError
    except LookupError:
        write(logging.ERROR, "a hook failed", exc_info=True)
    assert caplog.records[0].exc_info[0] is LookupError


def test_one_that_cannot_be_written_is_told_on_stderr(raising, capsys):
    raising(OSError("no space left"))
    write(logging.WARNING, "the ledger %s is open", "run.sqlite")
    told = capsys.readouterr().err
    assert "OSError: no space left" in told
    assert "the ledger %s is open" in told


def test_or_nowhere_if_the_program_says_so(raising, capsys, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    raising(OSError("no space left"))
    write(logging.WARNING, "the ledger is open")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("end", ["closed", "gone"])
def test_a_stderr_that_takes_nothing_changes_nothing(raising, monkeypatch, end):
    raising(OSError("no space left"))
    stderr = io.StringIO() if end == "closed" else None
    if stderr is not None:
        stderr.close()
    monkeypatch.setattr("sys.stderr", stderr)
    write(logging.WARNING, "the ledger is open")


def test_ctrl_c_passes(raising):
    raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write(logging.WARNING, "the ledger is open")
