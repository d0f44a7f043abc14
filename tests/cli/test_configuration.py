"""Where the configuration of a command comes from, and that it is what a command runs with."""

import builtins
import json
import logging
import os
import re
import sys
from pathlib import Path

import pytest

from packcloud_async.__main__ import main
from packcloud_async.cli import results
from packcloud_async.emulator import Emulator, FaultPlan

from ..secrets import canaries
from .conftest import ended, serving

S3CRET = "s3cret-token-Zw"
OUT_OF_REACH = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """A working directory with nothing in it, and no variable set."""
    for name in ("TOKEN", "BASE_URL", "ROUTES"):
        monkeypatch.delenv(f"PACKCLOUD_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shown(packcloud):
    """The configuration in force, as a program reads it."""

    def run(*arguments):
        ended = packcloud("config", "show", "--json", *arguments)
        assert (ended.code, ended.err) == (0, "")
        return json.loads(ended.out)

    return run


def value(document, key):
    setting = document["settings"][key]
    return setting["value"], setting["from"]


PAGE = (Path(__file__).parents[2] / "docs" / "howto-configuration.md").read_text(encoding="utf-8")


def test_the_file_and_the_complaints_of_the_documentation_are_true(shown, packcloud, place):
    (content,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (place / "packcloud.toml").write_text(content)
    document = shown("--config", "packcloud.toml", "--profile", "staging")
    assert value(document, "base_url")[0] == "https://staging.example"
    assert value(document, "rate_limit.requests") == (5, "packcloud.toml, profile staging")
    assert value(shown(), "token") == ("***", "token_keyring in packcloud.toml, profile production")
    told = []
    for wrong in ("[poll]\ndedline = 1", '[poll]\ndeadline = "soon"'):
        (place / "packcloud.toml").write_text(wrong)
        told.append(packcloud("config", "show").err)
    assert "".join(told) in PAGE


def test_without_a_file_the_defaults_are_in_force(shown, packcloud):
    document = shown()
    assert (document["file"], document["profile"]) == (None, None)
    assert value(document, "base_url") == ("https://api.pack.cloud", "default")
    assert value(document, "token") == (None, "default")
    assert packcloud("config", "show").out.startswith("No packcloud.toml was found.\n")


def test_the_file_here_comes_before_the_one_of_the_user_and_a_named_one_before_both(shown, place, monkeypatch):
    own = place / "home" / "packcloud" / "packcloud.toml"
    own.parent.mkdir(parents=True)
    own.write_text("max_connections = 1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "home"))
    assert value(shown(), "max_connections") == (1, str(own))
    (place / "packcloud.toml").write_text("max_connections = 2")
    assert value(shown(), "max_connections") == (2, "packcloud.toml")
    (place / "other.toml").write_text("max_connections = 3")
    monkeypatch.setenv("PACKCLOUD_CONFIG", "other.toml")
    assert value(shown(), "max_connections") == (3, "other.toml")
    (place / "third.toml").write_text("max_connections = 4")
    assert value(shown("--config", "third.toml"), "max_connections") == (4, "third.toml")


def test_flags_come_before_the_environment_and_that_before_the_file(shown, place, monkeypatch):
    (place / "packcloud.toml").write_text(
        "[rate_limit]\nrequests = 1\n[poll]\ndeadline = 1\n[profiles.x.poll]\nfirst = 2"
    )
    monkeypatch.setenv("PACKCLOUD_RATE", "2/s")
    monkeypatch.setenv("PACKCLOUD_PROFILE", "x")
    document = shown("--rate", "3/s", "--deadline", "7", "--base-url", OUT_OF_REACH)
    assert (document["file"], document["profile"]) == ("packcloud.toml", "x")
    assert value(document, "rate_limit.requests") == (3, "--rate")
    assert value(document, "poll.deadline") == (7, "--deadline")
    assert value(document, "base_url") == (OUT_OF_REACH, "--base-url")
    assert value(document, "poll.first") == (2, "packcloud.toml, profile x")
    assert value(shown(), "rate_limit.requests") == (2, "PACKCLOUD_RATE")


def test_routes_come_from_a_flag_or_the_environment(shown, place, monkeypatch):
    path = "/v2/{organizationId}/{integrationId}"
    (place / "routes.toml").write_text(f'[routes]\nsync_stocks = "{path}"')
    assert value(shown("--routes", "routes.toml"), "routes.sync_stocks") == (path, "--routes")
    monkeypatch.setenv("PACKCLOUD_ROUTES", "routes.toml")
    assert value(shown(), "routes.sync_stocks") == (path, "PACKCLOUD_ROUTES")


def test_a_reader_sees_every_setting_with_its_source(packcloud, monkeypatch):
    monkeypatch.setenv("PACKCLOUD_TOKEN", S3CRET)
    lines = {line.split()[0]: line.split()[1:] for line in packcloud("config", "show").out.splitlines() if line.strip()}
    assert lines["token"] == ["***", "PACKCLOUD_TOKEN"]
    assert lines["rate_limit.requests"] == ["none", "default"]
    assert lines["rate_limit.adaptive"] == ["false", "default"]
    assert lines["poll.jitter"] == ["0.1", "default"]


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_token_is_never_shown_nor_read(packcloud, place, monkeypatch, form):
    (place / "packcloud.toml").write_text(f'token_file = "{canaries.TOKEN_WORD}"')
    assert canaries.found_in(packcloud("config", "show", *form).out) == []
    monkeypatch.setenv("PACKCLOUD_TOKEN", canaries.TOKEN)
    assert canaries.found_in(packcloud("config", "show", *form).out) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("poll = 1", "packcloud.toml: poll must be a table"),
        (f'token = "{S3CRET}"', "packcloud.toml: 'token': a token has no place in this file: set PACKCLOUD_TOKEN, or"),
        ('base_url = "https://evil.example"', "packcloud.toml: base_url decides where the token is sent, and that"),
        ("\x1b[2J = 1", "packcloud.toml: it is not TOML"),
        ('"\\u001b[2J" = 1', "packcloud.toml: unknown key '\\x1b[2J'"),
        (b"\xff", "the configuration names a file that cannot be read: 'packcloud.toml' (it is not UTF-8)"),
        (b"#" * (1024 * 1024 + 1), "the configuration names a file that cannot be read: 'packcloud.toml' (it is lar"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_exit_code_2_in_one_line_and_nothing_is_sent(packcloud, place, content, told):
    (place / "packcloud.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    for command in (["config", "show"], ["sync", "org_1", "--all-kinds"], ["integrations", "list", "org_1"]):
        ended = packcloud(*command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert ended.err.startswith(f"Error: {told}")
        assert S3CRET not in ended.err
        assert "\x1b" not in ended.err


@pytest.mark.skipif(os.name != "posix", reason="pipes and links")
def test_what_is_found_and_is_no_file_is_told_and_not_waited_for(packcloud, place):
    for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("nowhere", path)):
        make("packcloud.toml")
        ended = packcloud("config", "show")
        told = "Error: packcloud.toml is no file that can be read; --config names another\n"
        assert (ended.code, ended.out, ended.err) == (2, "", told)
        (os.rmdir if make is os.mkdir else os.unlink)("packcloud.toml")


def test_a_place_that_cannot_be_looked_at_is_told_and_not_passed_over(packcloud, place, monkeypatch):
    # Too long for any file: whoever looks for it gets an error, as with the home of somebody else.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / ("x" * 300)))
    ended = packcloud("config", "show")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith(
        "x/packcloud/packcloud.toml cannot be read (File name too long); --config names another\n"
    )


def test_flags_may_stand_before_the_command_and_those_after_it_count_more(packcloud, shown, place):
    (place / "packcloud.toml").write_text("[profiles.a]\nmax_connections = 1\n[profiles.b]\nmax_connections = 2")
    before = packcloud("--profile", "a", "config", "show", "--json")
    assert value(json.loads(before.out), "max_connections")[0] == 1
    after = packcloud("--profile", "a", "config", "show", "--json", "--profile", "b")
    assert value(json.loads(after.out), "max_connections")[0] == 2


def test_a_file_that_somebody_named_may_name_the_server(shown, place, monkeypatch):
    (place / "packcloud.toml").write_text('base_url = "https://other.example"')
    assert value(shown("--config", "packcloud.toml"), "base_url") == ("https://other.example", "packcloud.toml")
    monkeypatch.setenv("PACKCLOUD_CONFIG", "packcloud.toml")
    assert value(shown(), "base_url")[0] == "https://other.example"


@pytest.mark.skipif(os.name != "posix", reason="users have numbers")
def test_a_file_of_another_user_does_not_send_the_token_to_this_machine(shown, packcloud, place, monkeypatch):
    (place / "packcloud.toml").write_text(f'base_url = "{OUT_OF_REACH}"')
    assert value(shown(), "base_url")[0] == OUT_OF_REACH
    if os.geteuid():
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    else:
        os.chown("packcloud.toml", 65534, -1)
    ended = packcloud("config", "show")
    assert (ended.code, "decides where the token is sent" in ended.err) == (2, True)
    assert value(shown("--config", "packcloud.toml"), "base_url")[0] == OUT_OF_REACH


def test_how_long_may_be_said_with_a_unit_or_without_end(shown):
    for given, seconds in (("90", 90), ("5m", 300), ("1.5", 1.5), ("0", 0), ("none", "none")):
        assert value(shown("--deadline", given), "poll.deadline") == (seconds, "--deadline")


def test_a_flag_that_names_nothing_is_not_passed_over(packcloud, place):
    (place / "packcloud.toml").write_text('profile = "x"\n[profiles.x]\n')
    ended = packcloud("config", "show", "--profile", "")
    assert (ended.code, ended.err) == (2, "Error: --profile: there is no profile '' in packcloud.toml; it has: x\n")
    assert packcloud("config", "show", "--config", "").code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--config", "/no/such"], "the configuration names a file that cannot be read: '/no/such' (No such file"),
        (["--routes", "/no/such"], "--routes names a file that cannot be read: '/no/such' (No such file"),
        (["--profile", "x"], "--profile: there is no profile 'x': there is no packcloud.toml here, nor "),
        (["--base-url", "http://x.example"], "--base-url 'http://x.example' would send the credential unencrypted"),
        (["--rate", "99999999/s"], "--rate: rate_limit must lie between"),
    ],
)
def test_a_flag_that_cannot_be_used_is_told_by_its_name(packcloud, arguments, told):
    ended = packcloud("config", "show", *arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith(f"Error: {told}")


def test_a_rate_that_is_none_is_a_usage_error(packcloud):
    ended = packcloud("sync", "org_1", "--all-kinds", "--rate", "fast")
    assert ended.code == 2
    assert "Invalid value for '--rate': must be a rate such as 50/s, 600/min or 10/2s, not 'fast'" in ended.err


OWN_KEYRING = """
from keyring.backend import KeyringBackend
class Own(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        return {{("packcloud", "me"): {token!r}}}.get((service, username))
    def set_password(self, service, username, password):
        raise NotImplementedError
"""


class TestTokens:
    """Who a command is to the server: told by whether that answers."""

    @pytest.fixture(autouse=True)
    def server(self, place, served, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_BASE_URL", served.base_url)
        self.token = served.emulator.token
        return served

    def write(self, place, content, mode=0o600):
        (place / "token").write_bytes(content if isinstance(content, bytes) else content.encode())
        (place / "token").chmod(mode)

    @pytest.mark.sockets
    def test_a_file_beside_the_configuration_gives_it(self, packcloud, place, monkeypatch):
        folder = place / "folder"
        folder.mkdir()
        self.write(folder, f"{self.token}\n")
        (folder / "own.toml").write_text('token_file = "token"')
        ended = packcloud("integrations", "list", "org_1", "--config", str(folder / "own.toml"))
        assert (ended.code, ended.err) == (0, "")

    @pytest.mark.sockets
    def test_a_file_named_by_the_environment_gives_it(self, packcloud, place, monkeypatch):
        self.write(place, self.token)
        monkeypatch.setenv("PACKCLOUD_TOKEN_FILE", "token")
        assert packcloud("integrations", "list", "org_1").code == 0
        monkeypatch.setenv("HOME", str(place))
        monkeypatch.setenv("PACKCLOUD_TOKEN_FILE", "~/token")
        assert packcloud("integrations", "list", "org_1").code == 0

    @pytest.mark.sockets
    @pytest.mark.skipif(os.name != "posix", reason="modes of files")
    def test_a_file_that_others_may_open_is_warned_of(self, packcloud, place, monkeypatch):
        self.write(place, self.token, mode=0o644)
        monkeypatch.setenv("PACKCLOUD_TOKEN_FILE", "token")
        ended = packcloud("integrations", "list", "org_1")
        assert ended.code == 0
        told = "Warning: the file of PACKCLOUD_TOKEN_FILE is open to other users (mode 0644): chmod 600 it\n"
        assert ended.err == told

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", "it is empty"),
            (" \n", "it is empty"),
            (f"{S3CRET}\n{S3CRET}", "it must hold one line, the token"),
            (S3CRET * 2000, "it must hold one line, the token"),
            (b"\xff" + S3CRET.encode(), "it is not a text"),
            (None, "No such file or directory"),
        ],
    )
    def test_a_file_that_gives_none_is_told_without_its_content(self, packcloud, place, monkeypatch, content, told):
        if content is not None:
            self.write(place, content)
        monkeypatch.setenv("PACKCLOUD_TOKEN_FILE", "token")
        ended = packcloud("integrations", "list", "org_1")
        assert (ended.code, ended.err) == (2, f"Error: PACKCLOUD_TOKEN_FILE names a file that gives no token: {told}\n")

    def test_a_token_in_place_of_a_file_is_not_told(self, packcloud, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN_FILE", canaries.TOKEN)
        assert canaries.found_in(packcloud("integrations", "list", "org_1").err) == []

    @pytest.mark.sockets
    @pytest.mark.parametrize(
        "command",
        [["integrations", "list", "org_1"], ["sync", "org_1", "--all-kinds"], ["doctor", "--organization", "org_1"]],
        ids=lambda command: command[0],
    )
    def test_who_is_refused_is_told_where_the_token_comes_from(self, packcloud, place, monkeypatch, command):
        self.write(place, S3CRET)
        (place / "packcloud.toml").write_text('[profiles.x]\ntoken_file = "token"')
        found = packcloud(*command, "--profile", "x")
        assert (found.code, "check token_file in packcloud.toml, profile x" in found.out + found.err) == (1, True)
        monkeypatch.setenv("PACKCLOUD_TOKEN", S3CRET)
        found = packcloud(*command, "--profile", "x")
        assert (found.code, "check PACKCLOUD_TOKEN" in found.out + found.err) == (1, True)
        assert S3CRET not in found.out + found.err

    @pytest.fixture
    def rotating(self):
        """An emulator of its own, whose token may change while a command runs."""
        with serving(Emulator(organizations=1, integrations=1)) as world:
            yield world

    @pytest.mark.sockets
    def test_a_file_that_was_rotated_is_read_anew_by_runs_that_are_repeated(
        self, rotating, start, place, monkeypatch, tmp_path
    ):
        self.write(place, rotating.emulator.token)
        monkeypatch.setenv("PACKCLOUD_BASE_URL", rotating.base_url)
        monkeypatch.setenv("PACKCLOUD_TOKEN_FILE", "token")
        process = start("sync", "org_1", "--kind", "stocks", "--watch", "0.2s", "--json")
        assert json.loads(process.stdout.readline())["run"] == 1
        self.write(place, "another-token")
        rotating.emulator.set_token("another-token")
        last = [json.loads(process.stdout.readline()) for _ in range(4)][-1]
        assert (last["error"], last["kinds"]["stocks"]["state"]) == (None, "unobservable")
        # Taken away: nothing to be done about it, and no end.
        (place / "token").unlink()
        rotating.emulator.set_token("a-third-token")
        assert "PACKCLOUD_TOKEN_FILE names a file that gives no token: No such file" in process.stderr.readline()
        process.terminate()
        result = ended(process)
        assert result.code == 143
        assert "another-token" not in result.out + result.err

    @pytest.mark.sockets
    def test_an_entry_of_the_keyring_that_was_rotated_is_asked_for_anew(self, packcloud, place, monkeypatch):
        answers = [S3CRET, self.token]
        asked = self.keyring(place, monkeypatch, answers=answers)
        assert packcloud("integrations", "list", "org_1").code == 0
        assert (len(asked), answers) == (2, [])

    @pytest.mark.sockets
    def test_a_token_of_the_environment_is_not_asked_for_again(self, packcloud, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN", S3CRET)
        assert packcloud("integrations", "list", "org_1").code == 1

    def keyring(self, place, monkeypatch, *, answer=None, answers=None):
        (place / "packcloud.toml").write_text('[profiles.x]\ntoken_keyring = "me"')
        monkeypatch.setenv("PACKCLOUD_PROFILE", "x")
        keyring = pytest.importorskip("keyring", reason="the extra keyring")
        asked = []

        def get_password(service, user):
            asked.append((service, user))
            if isinstance(answer, Exception):
                raise answer
            return answer if answers is None else answers.pop(0)

        monkeypatch.setattr(keyring, "get_password", get_password)
        return asked

    @pytest.mark.sockets
    def test_the_keyring_gives_it(self, packcloud, place, monkeypatch):
        asked = self.keyring(place, monkeypatch, answer=self.token)
        assert packcloud("integrations", "list", "org_1").code == 0
        assert asked == [("packcloud", "me")]
        assert packcloud("config", "show").code == 0
        assert len(asked) == 1

    @pytest.mark.parametrize("answer", [None, ""])
    def test_an_entry_that_is_not_there_is_told_with_the_way_out(self, packcloud, place, monkeypatch, answer):
        self.keyring(place, monkeypatch, answer=answer)
        ended = packcloud("integrations", "list", "org_1")
        assert ended.code == 2
        assert ended.err == (
            "Error: token_keyring in packcloud.toml, profile x: the keyring has no such entry; "
            "keyring set packcloud NAME makes one\n"
        )

    @pytest.mark.parametrize("name", ["NoKeyringError", "OSError", "RuntimeError"])
    def test_a_keyring_that_cannot_be_read_is_told(self, packcloud, place, monkeypatch, name):
        errors = pytest.importorskip("keyring.errors", reason="the extra keyring")
        self.keyring(place, monkeypatch, answer=getattr(errors, name, getattr(builtins, name, None))(S3CRET))
        ended = packcloud("integrations", "list", "org_1")
        assert (ended.code, f"the keyring cannot be read ({name})" in ended.err) == (2, True)
        assert S3CRET not in ended.err

    @pytest.mark.sockets
    def test_a_keyring_of_the_system_gives_it(self, start, place):
        pytest.importorskip("keyring", reason="the extra keyring")
        (place / "own_keyring.py").write_text(OWN_KEYRING.format(token=self.token))
        (place / "packcloud.toml").write_text('token_keyring = "me"')
        environment = os.environ | {"PYTHON_KEYRING_BACKEND": "own_keyring.Own", "PYTHONPATH": str(place)}
        found = ended(start("integrations", "list", "org_1", env=environment))
        assert (found.code, found.err) == (0, "")

    def test_without_the_extra_it_says_what_to_install(self, packcloud, place, monkeypatch):
        self.keyring(place, monkeypatch, answer=None)
        monkeypatch.setitem(sys.modules, "keyring", None)
        ended = packcloud("integrations", "list", "org_1")
        assert (ended.code, "pip install 'packcloud_async[keyring]'" in ended.err) == (2, True)

    def test_without_any_it_says_how_to_give_one(self, packcloud):
        told = "Error: no token: set PACKCLOUD_TOKEN, or name a file with token_file in packcloud.toml; "
        ended = packcloud("integrations", "list", "org_1")
        assert (ended.code, ended.err) == (2, f"{told}packcloud config show tells what is in force\n")


@pytest.mark.sockets
def test_a_sync_watches_as_long_and_sends_as_fast_as_is_configured(world, place, packcloud):
    (place / "packcloud.toml").write_text("[poll]\nfirst = 0.05\ndeadline = 0.2\n")
    world.emulator.plan_sync("org_1", "int_1", "orders", moves=[])
    ended = packcloud("sync", "org_1", "--integration", "int_1", "--kind", "orders", "--rate", "1000/s")
    assert (ended.code, "quiet" in ended.out) == (0, True)
    assert float(ended.out.split()[1]) < 20


@pytest.mark.sockets
class TestPolicies:
    """What is configured is what the client of a command does."""

    @pytest.fixture
    def shop(self, place, monkeypatch):
        with serving(Emulator(organizations=3, integrations=1)) as world:
            for name, value in world.environment.items():
                monkeypatch.setenv(name, value)
            yield world.emulator

    def listed(self, packcloud, place, content):
        (place / "packcloud.toml").write_text(content)
        return packcloud("integrations", "list", "org_1").code

    def test_attempts(self, shop, packcloud, place):
        for content, code, sent in (("", 0, 2), ("[retry]\nattempts = 1", 1, 3)):
            shop.set_faults(FaultPlan(script=[503]))
            assert (self.listed(packcloud, place, content), shop.counters.total) == (code, sent)

    def test_timeouts(self, shop, packcloud, place):
        shop.set_faults(FaultPlan(latency=20))
        assert self.listed(packcloud, place, "[retry]\nattempts = 1\n[timeouts]\ntotal = 0.1") == 1

    def test_connections(self, shop, packcloud, place):
        shop.set_faults(FaultPlan(latency=0.2))
        for content, peak in (("max_connections = 1", 1), ("", 3)):
            (place / "packcloud.toml").write_text(content)
            assert packcloud("sync", "org_1", "org_2", "org_3", "--all-kinds", "--dry-run").code == 0
            assert shop.counters.peak_requests == peak

    @pytest.mark.parametrize("given", [["--rate", "1000/s"], []], ids=["flag", "file"])
    def test_a_rate(self, shop, packcloud, place, monkeypatch, given):
        (place / "packcloud.toml").write_text("[rate_limit]\nrequests = 1000")
        monkeypatch.setattr(results, "LINE_EVERY", 0.01)
        shop.set_faults(FaultPlan(latency=0.2))
        assert " of 1000 per second, " in packcloud("sync", "org_1", "--kind", "stocks", *given).out


@pytest.mark.sockets
def test_verbose_logs_what_the_library_does_and_quiets_down_afterwards(world, packcloud):
    before = logging.getLogger("packcloud_async").level
    ended = packcloud("sync", "org_1", "--kind", "stocks", "--verbose")
    assert ended.code == 0
    assert ended.err.count("sync of org_1/int_") == 3
    assert logging.getLogger("packcloud_async").level == before
    assert packcloud("sync", "org_1", "--kind", "stocks").err == ""


class TestCompletion:
    """What a shell asks, and what it is told."""

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_a_shell_is_told_how_to_ask(self, packcloud, shell):
        ended = packcloud("completion", shell)
        assert ended.code == 0
        assert f"_PACKCLOUD_COMPLETE={shell}_complete" in ended.out

    def completed(self, monkeypatch, capsys, words, count):
        monkeypatch.setenv("_PACKCLOUD_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(count))
        with pytest.raises(SystemExit):
            main([])
        return [line.partition(",")[2] for line in capsys.readouterr().out.split()]

    def test_commands_options_and_kinds_are_completed(self, monkeypatch, capsys):
        assert self.completed(monkeypatch, capsys, "packcloud sy", 1) == ["sync"]
        assert "--deadline" in self.completed(monkeypatch, capsys, "packcloud sync --d", 2)
        assert self.completed(monkeypatch, capsys, "packcloud sync --kind o", 3) == ["orders"]
        assert self.completed(monkeypatch, capsys, "packcloud sync --kinds orders,st", 3) == ["orders,stocks"]

    def test_profiles_are_those_of_the_file(self, monkeypatch, capsys, place):
        words = "packcloud sync --profile s"
        assert self.completed(monkeypatch, capsys, words, 3) == []
        (place / "packcloud.toml").write_text("[profiles.staging]\n[profiles.second]\n[profiles.other]")
        assert self.completed(monkeypatch, capsys, words, 3) == ["staging", "second"]
        (place / "packcloud.toml").write_text("broken")
        assert self.completed(monkeypatch, capsys, words, 3) == []
