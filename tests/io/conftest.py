import logging

import pytest


@pytest.fixture(autouse=True)
def asyncio_has_nothing_to_complain_about(caplog):
    """Unclosed sessions and forgotten exceptions reach nobody but the loop's log."""
    yield
    complaints = [record for record in caplog.get_records("call") if record.name == "asyncio"]
    assert [record.getMessage() for record in complaints if record.levelno >= logging.WARNING] == []
