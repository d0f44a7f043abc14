"""packcloud integrations, against a served emulator."""

import json

import pytest

pytestmark = pytest.mark.sockets


@pytest.fixture
def created(world, packcloud):
    """The id of an integration of its own for one test."""
    result = packcloud(
        "integrations", "create", "org_1", "--name", "My shop", "--connector-id", "shopify", "--json",
        "--settings", "-", stdin=b'{"url": "https://shop.example", "api_key": "s3cret"}',
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    assert "s3cret" not in result.out
    yield json.loads(result.out)["id"]
    packcloud("integrations", "delete", "org_1", json.loads(result.out)["id"], "--yes")


def test_list_is_a_table_that_is_never_cut_in_a_pipe(world, packcloud):
    result = packcloud("integrations", "list", "org_1")
    assert (result.code, result.err) == (0, "")
    rows = [line.split()[0] for line in result.out.splitlines() if line.strip().startswith("int_")]
    assert rows == ["int_1", "int_2", "int_3"]


def test_list_as_json_is_one_object_on_each_line(world, packcloud):
    result = packcloud("integrations", "list", "org_2", "--json")
    objects = [json.loads(line) for line in result.out.splitlines()]
    assert [item["id"] for item in objects] == ["int_1", "int_2", "int_3"]
    assert "order_sync_updated_at" in objects[0]


def test_get_shows_every_field(world, packcloud):
    shown = packcloud("integrations", "get", "org_1", "int_1").out
    fields = json.loads(packcloud("integrations", "get", "org_1", "int_1", "--json").out)
    assert [line.split()[0] for line in shown.splitlines()] == list(fields)


def test_settings_are_masked_until_they_are_asked_for(created, packcloud):
    command = ("integrations", "settings", "org_1", created)
    for form in ([], ["--json"]):
        masked, shown = packcloud(*command, *form).out, packcloud(*command, "--show-values", *form).out
        assert "api_key" in masked
        assert "s3cret" not in masked
        assert "s3cret" in shown
    assert json.loads(masked) == {"url": "***", "api_key": "***"}
    assert json.loads(shown) == {"url": "https://shop.example", "api_key": "s3cret"}


def test_settings_can_come_from_a_file(world, packcloud, created, tmp_path):
    (tmp_path / "settings.json").write_text('{"api_key": "an0ther"}')
    result = packcloud("integrations", "update", "org_1", created, "--settings", str(tmp_path / "settings.json"))
    assert (result.code, "an0ther" in result.out) == (0, False)
    shown = packcloud("integrations", "settings", "org_1", created, "--show-values", "--json").out
    assert json.loads(shown) == {"api_key": "an0ther"}


def test_update_sends_what_is_given_and_nothing_else(created, packcloud):
    command = ("integrations", "update", "org_1", created)
    assert packcloud(*command, "--order-sync", "--stock-sync").code == 0
    result = packcloud(*command, "--no-order-sync", "--name", "Other name", "--json")
    fields = json.loads(result.out)
    assert fields["name"] == "Other name"
    assert (fields["order_sync_enabled"], fields["product_sync_enabled"]) == (False, False)
    assert fields["stock_sync_enabled"] is True


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [(b"y\n", 0, ""), (b"n\n", 1, "Nothing was deleted."), (b"\n", 1, "Nothing was deleted."), (b"", 1, "no answer")],
    ids=["yes", "no", "default", "no stdin"],
)
def test_delete_asks_first(created, packcloud, answer, code, told):
    result = packcloud("integrations", "delete", "org_1", created, stdin=answer)
    assert result.code == code
    assert f"Delete org_1/{created}, 'My shop'?" in result.err
    assert told in result.err
    assert (packcloud("integrations", "get", "org_1", created).code == 0) is (code != 0)


def test_delete_does_not_ask_with_yes(created, packcloud):
    result = packcloud("integrations", "delete", "org_1", created, "--yes")
    assert (result.code, result.out, result.err) == (0, f"Deleted org_1/{created}.\n", "")


def test_actions_are_listed_by_the_name_that_run_action_takes(world, packcloud):
    assert "test_connection" in packcloud("integrations", "actions", "org_1", "int_1").out
    listed = packcloud("integrations", "actions", "org_1", "int_1", "--json").out.splitlines()
    assert {json.loads(line)["code"] for line in listed} == {"reimport_orders", "test_connection"}


def test_run_action_shows_the_answer(world, packcloud):
    command = ("integrations", "run-action", "org_1", "int_1", "reimport_orders", "--payload", "-")
    result = packcloud(*command, stdin=b'{"since": "2026-01-01"}')
    assert result.out.startswith("The server accepted reimport_orders.\n")
    result = packcloud(*command, "--json", stdin=b"{}")
    assert json.loads(result.out) == {"code": "reimport_orders"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "org_99"],
        ["get", "org_1", "int_99"],
        ["settings", "org_1", "int_99"],
        ["actions", "org_1", "int_99"],
        ["delete", "org_1", "int_99", "--yes"],
        ["run-action", "org_1", "int_1", "no_such_action"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_not_there_is_exit_code_1_in_one_line(world, packcloud, arguments):
    result = packcloud("integrations", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "404 Not Found" in result.err


def test_a_wrong_token_is_exit_code_1_in_one_line(world, packcloud, monkeypatch):
    monkeypatch.setenv("PACKCLOUD_TOKEN", "wrong-token")
    result = packcloud("integrations", "list", "org_1")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "[check PACKCLOUD_TOKEN]" in result.err


def test_a_name_cannot_write_on_the_terminal(created, packcloud):
    evil = "\x1b[31mred\x07 [bold]x[/bold] \u202e:smile:"
    result = packcloud("integrations", "update", "org_1", created, "--name", evil)
    outputs = [
        result.out,
        packcloud("integrations", "list", "org_1").out,
        packcloud("integrations", "get", "org_1", created, "--json").out,
        packcloud("integrations", "delete", "org_1", created, stdin=b"n\n").err,
    ]
    for output in outputs:
        assert not set(output) & {"\x1b", "\x07", "\u202e"}
        assert "[bold]x[/bold]" in output
        assert ":smile:" in output


def test_a_refused_value_is_told_without_the_settings(world, packcloud):
    result = packcloud(
        "integrations", "create", "org_1", "--name", "", "--connector-id", "shopify", "--settings", "-",
        stdin=b'{"api_key": "s3cret"}',
    )  # fmt: skip
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "The name field is required." in result.err
    assert "s3cret" not in result.err
