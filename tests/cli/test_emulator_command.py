"""packcloud emulator, used the way it tells."""

import re
import signal
import socket

import pytest

from .conftest import ended

pytestmark = pytest.mark.sockets


def test_it_serves_what_it_prints_until_it_is_interrupted(start, packcloud, monkeypatch):
    process = start("emulator", "--organizations", "2", "--integrations", "1")
    printed = ""
    while "and then" not in printed:
        printed += process.stdout.readline()
    exported = dict(re.findall(r"^ *export (\w+)=(\S+)$", printed, re.MULTILINE))
    assert exported.keys() == {"PACKCLOUD_BASE_URL", "PACKCLOUD_TOKEN"}
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    assert "int_1" in packcloud("integrations", "list", "org_2").out
    process.send_signal(signal.SIGINT)
    result = ended(process)
    assert (result.code, result.err) == (130, "Stopped.\n")


def test_a_port_that_is_taken_is_exit_code_2_in_one_line(packcloud):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = packcloud("emulator", "--port", str(port))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert f"port {port} cannot be used" in result.err
