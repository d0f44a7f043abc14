"""Nothing that a server writes can act on the terminal, forge a line, hide, or be read as markup, in any command."""

import json
import os
import re

import pytest

from packcloud_async.__main__ import main
from packcloud_async._sansio.inquiries import shortened
from packcloud_async.cli.console import clean

from ..cli.terminal import on_a_terminal, read_until
from .hostile_shop import HostileShop, served

pytestmark = pytest.mark.sockets

FORGED = "FORGED: everything went well"
HOSTILE = {
    "colour": "a\x1b[31;1mb",
    "clear and home": "a\x1b[2J\x1b[Hb",
    "title": "a\x1b]0;b\x07c",
    "link": "a\x1b]8;;https://evil.example\x1b\\b\x1b]8;;\x1b\\",
    "clipboard": "a\x1b]52;c;ZXZpbA==\x07b",
    "report": "a\x1b[6n\x1b[cb",
    "C1 sequence": "a\x9b31mb\x9d0;c\x9c",
    "every C0": "a" + "".join(map(chr, range(32))) + "b",
    "every C1": "a" + "".join(map(chr, range(127, 160))) + "b",
    "DEL and backspace": "abc\x7f\x7f\x08\x08d",
    "line feed": f"a\n{FORGED}",
    "carriage return": f"a\r{FORGED}",
    "line tabulation and form feed": f"a\x0b{FORGED}\x0c{FORGED}",
    "next line": f"a\x85{FORGED}",
    "line and paragraph separator": f"a\u2028{FORGED}\u2029{FORGED}",
    "much white space": "a" + "\t" * 30 + " " * 80 + FORGED,
    "direction": "a\u202eb\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069\u200e\u200f\u061cc",
    "zero width": "a\u200b\u200c\u200d\u2060\ufeff\u00adb",
    "invisible letters": "a\u115f\u1160\u3164\uffa0\u2800\u034f\u180b\u180fb",
    "tags": "a\U000e0041\U000e007fb",
    "variation selectors": "a\ufe00\ufe0e\ufe0fb" + "".join(map(chr, range(0xE0100, 0xE01F0))) + "c",
    "annotation": "a\ufff9b\ufffac\ufffbd",
    "not assigned and private": "a\u0378\ue000\U0010fffdb",
    "markup": "[bold red]a[/bold red] [/] [link=https://evil.example]b[/link] \\[c]",
    "markup that does not close": "[/bold] [@click=evil] [[a]]",
    "emoji code": ":smile: :warning:",
    "a prompt": "$ rm -rf / # y",
    "an option": "--yes",
    "format": "%s {0} {self} %(name)s ${HOME}",
}
BEYOND = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)

ORG = ["org_1"]
ITEM = ["org_1", "int_1"]
COMMANDS = {
    "list": ["integrations", "list", *ORG],
    "get": ["integrations", "get", *ITEM],
    "actions": ["integrations", "actions", *ITEM],
    "settings": ["integrations", "settings", *ITEM],
    "settings with values": ["integrations", "settings", *ITEM, "--show-values"],
    "create": ["integrations", "create", *ORG, "--name", "x", "--connector-id", "y"],
    "update": ["integrations", "update", *ITEM, "--name", "x"],
    "run action": ["integrations", "run-action", *ITEM, "go"],
    "delete": ["integrations", "delete", *ITEM, "--yes"],
    "sync": ["sync", "org_1", "--all-kinds", "--deadline", "0"],
    "dry run": ["sync", "org_1", "--all-kinds", "--dry-run"],
    "sync of one": ["sync", "org_1", "--integration", "int_1", "--all-kinds", "--deadline", "0"],
}
WITHOUT_JSON = {"delete"}


@pytest.fixture(scope="module")
def shop():
    with served(HostileShop()) as shop:
        yield shop


@pytest.fixture(autouse=True)
def environment(shop, monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "PACKCLOUD_ROUTES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PACKCLOUD_BASE_URL", shop.base_url)
    monkeypatch.setenv("PACKCLOUD_TOKEN", "t")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    shop.refuses = ("nothing",)


def check(out, *, text):
    """What was written holds nothing but text on lines of its own."""
    assert [line for line in out.split("\n") if line.lstrip().startswith("FORGED")] == []
    check_signs(out, text=text)


def check_signs(out, *, text):
    """What was written holds no control character and no sequence of a text's."""
    assert BEYOND.findall(out) == []
    assert INVISIBLE.findall(out) == []
    # Markup and codes stay what they are; what a table cuts into pieces is looked for without its white space.
    if "[" in text and out.strip():
        assert "".join(clean(text).split()) in "".join(out.split())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("refuses", [("nothing",), ("",)], ids=["data", "errors"])
def test_no_command_lets_a_text_act(shop, capsys, text, refuses):
    shop.text, shop.refuses = text, refuses
    for name, command in COMMANDS.items():
        code = main(command)
        out, err = capsys.readouterr()
        assert code in {0, 1}, err
        told = out + err if refuses == ("",) or name in {"list", "get", "actions"} else ""
        check(out + err, text=text if told else "")
        if code == 1:
            assert err


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("refuses", [("nothing",), ("/sync",), ("",)], ids=["data", "errors", "all errors"])
def test_doctor_lets_no_text_act(shop, capsys, text, refuses):
    shop.text, shop.refuses = text, refuses
    # An id that it was given, or took from the list, is all it quotes.
    for given in ([], ["--integration", text]):
        assert main(["doctor", "--organization", "org_1", *given]) == 1
        out, err = capsys.readouterr()
        assert err == ""
        # A long id is cut in its middle, and what is left of its markup is as plain.
        check(out, text=shortened(text) if given else "")
        assert main(["doctor", "--organization", "org_1", *given, "--json"]) == 1
        told = capsys.readouterr().out.removesuffix("\n")
        assert (told.isascii(), told.isprintable()) == (True, True)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("refuses", [("nothing",), ("/sync",)], ids=["data", "errors"])
def test_json_lines_are_whole_and_printable_ascii(shop, capsys, text, refuses):
    shop.text, shop.refuses = text, refuses
    for name in sorted(set(COMMANDS) - WITHOUT_JSON):
        main([*COMMANDS[name], "--json"])
        out, err = capsys.readouterr()
        assert out.isascii()
        assert out.replace("\n", "").isprintable()
        objects = [json.loads(line) for line in out.splitlines()]
        assert objects
        if name in {"list", "get", "create", "update"}:
            assert objects[0]["name"] == text
            assert objects[0]["more"] == {text: [text]}
        check(err, text="")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_ledger_holds_of_a_server_does_not_act_either(shop, capsys, tmp_path, text):
    shop.text, shop.refuses = text, ("/orders/sync",)
    file = str(tmp_path / "run.sqlite")
    main(["sync", "org_1", "--all-kinds", "--deadline", "0", "--ledger", file])
    for command in (["ledger", "show", file], ["ledger", "show", file, "--json"], ["resume", file]):
        main(command)
        out, err = capsys.readouterr()
        assert out + err
        check(out + err, text="")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_question_shows_the_name_as_text(shop, capsys, monkeypatch, text):
    shop.text = text
    monkeypatch.setattr("sys.stdin", open(os.devnull, encoding="utf-8"))  # noqa: SIM115 - closed with the test
    main(["integrations", "delete", *ITEM])
    out, err = capsys.readouterr()
    os.sys.stdin.close()
    assert "Delete org_1/int_1, " in err
    check(out + err, text="")


USED_WRONG = {
    "command": lambda text: [text],
    "command of a group": lambda text: ["integrations", text],
    "option": lambda text: ["sync", f"--{text}"],
    "kind": lambda text: ["sync", "org_1", "--kind", text],
    "number": lambda text: ["sync", "org_1", "--all-kinds", "--deadline", text],
    "file": lambda text: ["resume", f"/nowhere/{text}"],
    "settings": lambda text: ["integrations", "update", *ITEM, "--settings", f"/nowhere/{text}"],
    "too many": lambda text: ["integrations", "get", *ITEM, text],
    "id": lambda text: ["integrations", "get", "org_1", text],
    "organization": lambda text: ["integrations", "list", text],
    "organization of a sync": lambda text: ["sync", text, "--all-kinds"],
    "action": lambda text: ["integrations", "run-action", *ITEM, text],
    "ledger": lambda text: ["sync", "org_1", "--all-kinds", "--ledger", f"/nowhere/{text}"],
}


@pytest.mark.parametrize("text", [text for text in HOSTILE.values() if "\0" not in text])
@pytest.mark.parametrize("arguments", USED_WRONG.values(), ids=USED_WRONG)
def test_an_argument_copied_from_a_server_does_not_act(shop, capsys, arguments, text):
    shop.text, shop.refuses = text, ("",)
    assert main(arguments(text)) in {1, 2}
    out, err = capsys.readouterr()
    assert err
    check(out + err, text="")


# What rich itself writes: styles, the cursor, and lines erased or left.
RICHS_OWN = re.compile(r"\x1b\[[0-9;]*[mKAG]|\x1b\[\?25[lh]|\r")


@pytest.mark.parametrize("refuses", ["nothing", "/sync", "/integrations"])
def test_on_a_terminal_only_rich_writes_sequences(shop, monkeypatch, refuses):
    monkeypatch.setenv("TERM", "xterm-256color")
    shop.text, shop.refuses = " ".join(HOSTILE.values()), (refuses,)
    process, terminal = on_a_terminal("sync", "org_1", "--all-kinds", "--deadline", "0")
    shown = read_until(terminal, None)
    os.close(terminal)
    assert process.wait(20) in {0, 1}
    assert "org_1" in shown
    assert "\x1b[" in shown or refuses == "/integrations"
    plain = RICHS_OWN.sub("", shown)
    check_signs(plain, text="")
    # A terminal is narrow: what goes on below stands under where it began, never where a line of ours begins.
    assert [line for line in plain.split("\n") if re.match(r"\s{0,19}FORGED", line)] == []
    assert "evil.example\x1b" not in shown
