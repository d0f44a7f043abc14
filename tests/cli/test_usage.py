"""What can be said without a server: help, usage errors, configuration, the missing extra."""

import io
import subprocess
import sys
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner

from packcloud_async.__main__ import main
from packcloud_async.cli.app import packcloud as command

CONTEXT = click.Context(command)
ITEMS = {name: command.get_command(CONTEXT, name) for name in command.list_commands(CONTEXT)}
COMMANDS = [
    (name, sub) for name, item in ITEMS.items() for sub in (item.commands if isinstance(item, click.Group) else [""])
]


@pytest.mark.parametrize("name", ITEMS)
def test_a_command_that_is_not_imported_yet_has_its_own_line_in_the_help(name):
    assert command.later[name].short_help == ITEMS[name].get_short_help_str(limit=80)


def test_the_help_imports_no_command():
    script = (
        "import sys; from packcloud_async.cli.app import run; run(['--help']);"
        "print([name for name in sys.modules if name.endswith(('.demo', '.emulator', '.sync', '.bulk', '.web'))])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("name", "sub"), COMMANDS)
def test_every_command_explains_itself_with_an_example(name, sub):
    result = CliRunner().invoke(command, [*(part for part in (name, sub) if part), "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"packcloud {name} {sub}".rstrip() in result.output


@pytest.mark.parametrize(("name", "sub"), [("", ""), *((name, "") for name in ITEMS), *COMMANDS])
def test_no_line_of_a_help_is_wider_than_80_columns(name, sub):
    arguments = [*(part for part in (name, sub) if part), "--help"]
    lines = CliRunner().invoke(command, arguments, terminal_width=80).output.splitlines()
    assert len(lines) > 5
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("group", [[], ["ledger"], ["integrations"]], ids=lambda group: " ".join(["packcloud", *group]))
def test_a_group_without_a_command_is_explained_on_the_lines_of_its_help(packcloud, group):
    ended = packcloud(*group)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == packcloud(*group, "--help").out
    assert ended.err.count("\n") > 5


def test_an_argument_cannot_make_a_line_of_its_own(packcloud):
    ended = packcloud("ledger", "x\nError: forged\x1b[2J")
    assert (ended.code, ended.out) == (2, "")
    assert "\x1b" not in ended.err
    assert not [line for line in ended.err.splitlines() if line.startswith("Error: forged")]


def test_the_help_of_sync_lists_its_exit_codes():
    output = CliRunner().invoke(command, ["sync", "--help"]).output
    assert [line.split()[0] for line in output.partition("Exit codes:")[2].splitlines()[1:5]] == ["0", "1", "2", "130"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Usage:"),
        (["sync"], "Missing argument 'ORG...'"),
        (["sync", "org_1"], "say what to sync: --all-kinds, or --kind with one of orders, products, stocks"),
        (["sync", "org_1", "--kind", "orders", "--all-kinds"], "not both"),
        (["sync", "org_1", "--kind", "invoices"], "'invoices' is not one of"),
        (["sync", "org_1", "org_2", "--integration", "int_1", "--all-kinds"], "exactly one ORG"),
        (["sync", "org_1", "--all-kinds", "--deadline", "-1"], "--deadline"),
        (
            ["sync", "org_1", "--all-kinds", "--deadline", "nan"],
            "Invalid value for '--deadline': 'nan' is not a number of seconds",
        ),
        (
            ["sync", "org_1", "--all-kinds", "--deadline", "inf"],
            "Invalid value for '--deadline': 'inf' is not a number of seconds",
        ),
        (["integrations", "update", "org_1", "int_1"], "say what to change"),
        (["integrations", "create", "org_1", "--name", "x"], "--connector-id"),
        (
            ["integrations", "create", "org_1", "--name", "x", "--connector-id", "y", "--settings", "/no/file"],
            "No such",
        ),
        (["demo", "--organizations", "0"], "--organizations"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_usage_error_is_exit_code_2_and_says_what_to_give(arguments, told):
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "told"), [(b"{'a': s3cret}", "the file is not JSON"), (b'["s3cret"]', "must hold one JSON object")]
)
def test_a_settings_file_that_is_no_json_object_is_refused_without_quoting_it(content, told):
    arguments = ["integrations", "create", "org_1", "--name", "x", "--connector-id", "y", "--settings", "-"]
    result = CliRunner().invoke(command, arguments, input=content)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "s3cret" not in result.output


READING = [
    ["sync", "--all-kinds", "--organizations-from", "-"],
    ["fleet", "submit", "--all-kinds", "--database", "postgresql:///x", "--organizations-from", "-"],
    ["integrations", "create", "org_1", "--name", "x", "--connector-id", "y", "--settings", "-"],
    ["integrations", "run-action", "org_1", "int_1", "x", "--payload", "-"],
]


class Unreadable(io.RawIOBase):
    """A file that opens and cannot be read."""

    def readable(self):
        return True

    def readinto(self, buffer):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("arguments", READING, ids=lambda arguments: arguments[-2])
@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        (lambda: None, "standard input is closed"),
        (lambda: io.TextIOWrapper(Unreadable()), "it cannot be read: Input/output error"),
    ],
    ids=["closed", "unreadable"],
)
def test_an_input_that_cannot_be_read_is_told_by_its_option(capsys, monkeypatch, arguments, stdin, told):
    monkeypatch.setattr(sys, "stdin", stdin())
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[-1]) == ("", f"Error: Invalid value for '{arguments[-2]}': {told}")


TOO_LONG = "x" * 300
"""A name that no file has, so that to look for it is an error, whoever looks."""


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (["sync", "org_1", "--all-kinds", "--ledger", TOO_LONG], f"ledger {TOO_LONG}: File name too long", 2),
        (["emulator", "--save", f"{TOO_LONG}.json"], f"{TOO_LONG}.json cannot be used: File name too long", 1),
    ],
    ids=["ledger", "state"],
)
def test_a_file_that_cannot_even_be_looked_for_is_told_by_its_name(packcloud, arguments, told, code):
    ended = packcloud(*arguments)
    assert (ended.code, ended.out, ended.err) == (code, "", f"Error: {told}\n")


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "no token"),
        ({"PACKCLOUD_TOKEN": "x", "PACKCLOUD_BASE_URL": "http://example.com"}, "unencrypted"),
        ({"PACKCLOUD_TOKEN": "x", "PACKCLOUD_ROUTES": "/no/such/file"}, "PACKCLOUD_ROUTES"),
    ],
    ids=["token", "base url", "routes"],
)
@pytest.mark.parametrize("arguments", [["sync", "org_1", "--all-kinds"], ["integrations", "list", "org_1"]])
def test_an_unusable_environment_is_exit_code_2_in_one_line(packcloud, monkeypatch, arguments, environment, told):
    for name in ("PACKCLOUD_TOKEN", "PACKCLOUD_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = packcloud(*arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert told in ended.err


@pytest.mark.parametrize(
    "url", ["http://example.com", "example.com", "https://user:hush@example.com", "https://[", "https://x y"]
)
def test_an_unusable_address_is_told_by_the_name_of_its_variable(packcloud, monkeypatch, url):
    monkeypatch.setenv("PACKCLOUD_TOKEN", "x")
    monkeypatch.setenv("PACKCLOUD_BASE_URL", url)
    ended = packcloud("integrations", "list", "org_1")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith("Error: PACKCLOUD_BASE_URL ")
    assert "allow_insecure" not in ended.err
    assert "hush" not in ended.err


@pytest.mark.parametrize("arguments", [["", "--all-kinds"], ["org_1", "--integration", "..", "--all-kinds"]])
def test_an_id_that_cannot_be_one_is_exit_code_2(packcloud, monkeypatch, arguments):
    monkeypatch.setenv("PACKCLOUD_TOKEN", "x")
    monkeypatch.setenv("PACKCLOUD_BASE_URL", "http://127.0.0.1:9")
    assert packcloud("sync", *arguments).code == 2


def test_the_version_is_the_one_of_the_package(packcloud):
    assert packcloud("--version").out == f"packcloud {version('packcloud_async')}\n"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_says_what_to_install(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from packcloud_async.__main__ import main; sys.exit(main([]))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr == "packcloud: the command line needs the extra: pip install 'packcloud_async[cli]'\n"


def test_the_package_and_its_main_module_need_no_extra():
    code = "import sys, packcloud_async.__main__; print({'click', 'rich'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "set()\n"
