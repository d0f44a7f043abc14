"""Wherever the token of the command line comes from, or was put by mistake: nothing that is shown holds it."""

import click
import pytest

from packcloud_async.__main__ import main
from packcloud_async.cli.configuration import configured

from . import canaries

TOKEN = canaries.TOKEN
QUOTED = "'''" + TOKEN.replace("'", "") + "'''"
MISTAKES = {
    "a token in the file": f"token = {QUOTED}",
    "a token in a profile": f"[profiles.x]\napi_key = {QUOTED}",
    "a token among policies": f"[poll]\nauthorization = {QUOTED}",
    "a token in place of a file": f"token_file = {QUOTED}",
    "a list of tokens": f"token_file = [{QUOTED}]",
    "a table of tokens": f"token_keyring = {{a = {QUOTED}}}",
    "both": f"token_file = {QUOTED}\ntoken_keyring = {QUOTED}",
    "no TOML": f"token {QUOTED}",
    "a key that is not known": f"other = {QUOTED}",
    "a token beside a mistake": f"# {QUOTED}\npoll = 1",
    "a password in the address": f"base_url = 'https://user:{canaries.URL_WORD}@api.pack.cloud'",
    "no UTF-8": f"# {QUOTED}\n# \udcff",
}


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    for name in ("TOKEN", "BASE_URL", "ROUTES"):
        monkeypatch.delenv(f"PACKCLOUD_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("content", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_file_shows_neither_in_a_line_nor_in_a_traceback(search, capsys, place, content):
    (place / "packcloud.toml").write_bytes(content.encode(errors="surrogateescape"))
    for command in (["config", "show"], ["config", "show", "--json"], ["integrations", "list", "org_1"]):
        assert main(command) in {0, 2}
        search.text(" ".join(command), "".join(capsys.readouterr()))
    with pytest.raises(click.ClickException) as caught:
        configured().token()
    search.error("traceback", caught.value)


@pytest.mark.parametrize("content", [f"{TOKEN}\n{TOKEN}", TOKEN + "\n" * 20_000 + TOKEN, f"{TOKEN}\udcff", TOKEN * 999])
def test_a_file_that_gives_no_token_is_told_without_what_is_in_it(search, capsys, place, monkeypatch, content):
    (place / "token").write_bytes(content.encode(errors="surrogateescape"))
    monkeypatch.setenv("PACKCLOUD_TOKEN_FILE", "token")
    assert main(["integrations", "list", "org_1"]) == 2
    search.text("told", "".join(capsys.readouterr()))
    with pytest.raises(click.ClickException) as caught:
        configured().token()
    search.error("traceback", caught.value)


def test_what_is_in_force_shows_no_token(search, capsys, place, monkeypatch):
    (place / "token").write_text(TOKEN)
    (place / "token").chmod(0o600)
    (place / "packcloud.toml").write_text('token_file = "token"')
    held = configured().token()
    search.value("read from a file", held)
    monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
    search.value("configuration", configured())
    search.value("settings", configured().settings)
    search.value("client", configured().client(held))
    main(["config", "show"])
    search.text("shown", "".join(capsys.readouterr()))
