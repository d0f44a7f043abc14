"""What .ci/audit.py makes of the things that pip-audit may print."""

import importlib.util
import json
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / ".ci" / "audit.py"


@pytest.fixture(scope="module")
def audit():
    specification = importlib.util.spec_from_file_location("audit", FILE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


CLEAN = {"name": "a", "version": "1", "vulns": []}
FOUND = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1"}, {"id": "CVE-2"}]}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("packages", "said", "code"),
    [
        ([CLEAN, CLEAN], "no published vulnerability in 2 packages", 0),
        ([CLEAN, FOUND], "FAILED: published vulnerabilities in b 2: CVE-1, CVE-2", 1),
        ([UNKNOWN, FOUND], "FAILED: published vulnerabilities in b 2: CVE-1, CVE-2", 1),
        ([CLEAN, UNKNOWN], "FAILED: the advisory service does not know c", 1),
        ([UNKNOWN, UNKNOWN], "SKIPPED: the advisory service knows none of 2 packages; it was not reached", 0),
        ([], "SKIPPED: the advisory service knows none of 0 packages; it was not reached", 0),
    ],
    ids=["clean", "found", "found-and-unknown", "partly-unknown", "all-unknown", "empty"],
)
def test_a_report(audit, packages, said, code):
    assert audit.verdict(json.dumps({"dependencies": packages}), "") == (said, code)


@pytest.mark.parametrize(
    ("stdout", "stderr", "begins", "code"),
    [
        ("", "Traceback\nrequests.exceptions.ConnectionError: no name", "SKIPPED", 0),
        ("", "ERROR:pip_audit._cli:Could not connect to the feed\nERROR:pip_audit._cli:Tip: ...", "SKIPPED", 0),
        ("", "requests.exceptions.ReadTimeout: slow", "SKIPPED", 0),
        ("", "No module named pip_audit", "FAILED", 1),
        ("", "ERROR:pip_audit._cli:requirement without a hash", "FAILED", 1),
        ("", "", "FAILED", 1),
        ("{}", "", "FAILED", 1),
        ("[]", "", "FAILED", 1),
        ("not JSON", "", "FAILED", 1),
    ],
)
def test_no_report(audit, stdout, stderr, begins, code):
    said, exit_code = audit.verdict(stdout, stderr)
    assert (said.partition(":")[0], exit_code) == (begins, code)


def test_it_audits_the_lock(audit):
    assert audit.LOCK.samefile(FILE.with_name("requirements.txt"))
