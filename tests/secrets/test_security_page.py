import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_tests_that_the_security_page_names_are_there():
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", page))
    assert {name for name in named if not (ROOT / name).is_file()} == set()
    beside = {f"tests/secrets/{file.name}" for file in Path(__file__).parent.glob("test_*.py")}
    assert beside - named == {"tests/secrets/test_security_page.py"}
