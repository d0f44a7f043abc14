"""CONTRIBUTING.md names what there is: files, checks, and the tables that a new endpoint goes into."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHECKS = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
STEPS = [step for step in re.findall(r'step "([^"]+)"', CHECKS) if step != "tools"]
NAMED = re.findall(r"`([^`\n]+)`", PAGE)
PATHS = [
    name for name in NAMED if re.fullmatch(r"(packcloud_async|tests|docs|examples|benchmarks|\.ci)/[\w/.-]*", name)
]
ROWS = re.findall(r"^\| ([^|]+) \| (.+) \|$", PAGE.partition("## Every check")[2], flags=re.MULTILINE)[1:]


def commands_in(text, tools):
    """The commands that are run by our tools, each on one line, as words."""
    found = re.findall(rf"{re.escape(tools)}/([^\n`&]+)", text.replace("\\\n", " "))
    return {" ".join(command.replace('"', " ").replace(f"{tools}/", " ").split()) for command in found}


@pytest.mark.parametrize("path", sorted(set(PATHS)))
def test_a_path_that_is_named_is_there(path):
    assert (ROOT / path).exists()


def test_the_paths_are_found():
    assert {"packcloud_async/_sansio/", "packcloud_async/calls.py", "tests/wire/", "tests/fuzz/oracle.py"} <= set(PATHS)


def test_every_step_of_the_checks_has_its_row_in_order():
    told = [step.replace("Python $version", "other Pythons") for step in STEPS]
    assert len(ROWS) == len(told)
    for (row, _), step in zip(ROWS, told, strict=True):
        assert step.startswith(row), row


def test_a_check_is_run_alone_as_it_is_run_with_all_others():
    alone = commands_in(" ".join(command for _, command in ROWS).replace("`", "\n"), ".venv/bin")
    together = commands_in(CHECKS, "$tools/bin")
    checks = [
        command for command in together if command.startswith(("pytest", "mypy", "openapi", "sphinx", "python .ci"))
    ]
    assert len(checks) >= 9
    assert set(checks) - alone == set()


def test_links_lead_somewhere():
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", PAGE)
    assert "SECURITY.md" in targets
    assert all((ROOT / target).exists() for target in targets)


def test_the_readme_leads_to_it():
    assert "](CONTRIBUTING.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
