import logging

import pytest

TOLD_OF_THE_SERVER = "Error on transport creation for incoming connection"
"""In debug mode the loop tells that a client broke off the handshake, which is the client's good right."""


@pytest.fixture(autouse=True)
def asyncio_has_nothing_to_complain_about(caplog):
    """Unclosed sessions and forgotten exceptions reach nobody but the loop's log."""
    yield
    complaints = [record for record in caplog.get_records("call") if record.name == "asyncio"]
    told = [record.getMessage() for record in complaints if record.levelno >= logging.WARNING]
    assert [text for text in told if not text.startswith(TOLD_OF_THE_SERVER)] == []
