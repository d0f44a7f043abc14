"""Organizations from a file, and what is saved of them."""

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async import PackCloudClient, SyncKind
from packcloud_async._sansio.wire import Request
from packcloud_async.emulator import AnswerLog, Emulator, FaultPlan, InvalidData, State, SyncTimes, World
from packcloud_async.emulator.contents import Contents
from packcloud_async.emulator.documents import read_document, write_document
from packcloud_async.emulator.reading import contents_of
from packcloud_async.emulator.saving import document_of

TWO_SHOPS = """
per_page = 1
conflict_while_running = true
watermarks = ["orders", "stocks"]
sync_times = {median = 2.0, spread = 0.0}

[generated]
organizations = 1

[paths]
sync_orders = "/v1/organizations/{organizationId}/integrations/{integrationId}/order-sync"

[[organizations]]
id = "acme"

[[organizations.integrations]]
id = "nl shop"
name = "Acme <NL>"
connector_id = "magento"
order_sync_enabled = true
order_sync_updated_at = 2025-12-24T10:00:00Z
stock_sync_updated_at = "24/12/2025"
created_at = "2025-01-01T00:00:00Z"
settings = {url = "https://acme.example", api_key = "s3cret", scopes = ["read", 1.5, true]}
moves = {stock_sync_updated_at = [[5, "later"], [6]]}
planned = [{kind = "orders", moves = [[1, "found"], [3]], takes = 4}]

[[organizations.integrations]]
id = "post"
category = "shipping"

[[organizations.shipping_services]]
id = "standard"
integration_id = "post"
carrier_code = "postnl"
label_types = ["pdf"]
updated_at = 2026-01-01T00:00:00Z
"""


def state_of(contents: Contents) -> State:
    state = State(contents.world, token="t", paths=contents.paths, log=AnswerLog())
    state.restore(contents)
    return state


def read(text: str, name: str = "shops.toml") -> State:
    return state_of(contents_of(read_document(text.encode(), name=name)))


def reread(state: State, now: float) -> State:
    content = write_document(document_of(state.contents(now)))
    again = contents_of(read_document(content, name="state.json"))
    assert again.clock == now
    return state_of(again)


def ask(state: State, path: str, now: float = 0.0, *, method: str = "GET", body: Any = None) -> Any:
    url = path if "://" in path else f"https://api.pack.cloud/v1/organizations/{path}"
    content = None if body is None else json.dumps(body).encode()
    response = state.answer(Request(method, url, {"Authorization": "Bearer t"}, content), now).response
    assert response is not None
    return (response.status, response.json() if response.body else None)


def whole(state: State, now: float) -> Any:
    """Everything that a client can read."""
    shown: dict[str, Any] = {}
    for organization in state.organizations.ids:
        for first in (f"{organization}/integrations", f"{organization}/shipping-services"):
            path = first
            while path:
                status, body = shown[path] = ask(state, path, now)
                assert status == 200
                for item in body["data"] if "integrations" in path else ():
                    one = f"{organization}/integrations/{item['id'].replace(' ', '%20')}"
                    shown[one], shown[f"{one}/settings"] = ask(state, one, now), ask(state, f"{one}/settings", now)
                path = body["links"]["next"]
    return shown


class TestReading:
    def test_what_is_written_down_is_answered(self) -> None:
        state = read(TWO_SHOPS)
        assert list(state.organizations.ids) == ["org_1", "acme"]
        assert ask(state, "acme/integrations/nl%20shop")[1]["data"] == {
            "id": "nl shop",
            "category": "shop",
            "name": "Acme <NL>",
            "order_sync_enabled": True,
            "product_sync_enabled": False,
            "stock_sync_enabled": False,
            "created_at": "2025-01-01T00:00:00Z",
            "updated_at": "2025-01-01T00:00:00Z",
            "order_sync_updated_at": "2025-12-24T10:00:00Z",
            "stock_sync_updated_at": "24/12/2025",
        }
        settings = ask(state, "acme/integrations/nl%20shop/settings")[1]["data"]
        assert (settings["api_key"], settings["scopes"]) == ("s3cret", ["read", 1.5, True])
        assert ask(state, "acme/shipping-services")[1]["data"][0] == {
            "id": "standard",
            "integration_id": "post",
            "name": "standard",
            "default_label_type": "pdf",
            "enabled": True,
            "label_types": ["pdf"],
            "type": "delivery",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        }
        assert len(ask(state, "org_1/integrations")[1]["data"]) == 1
        assert ask(state, "org_2/integrations")[0] == 404

    def test_moves_come_at_their_second(self) -> None:
        state = read(TWO_SHOPS)
        values = [
            ask(state, "acme/integrations/nl%20shop", now)[1]["data"]["stock_sync_updated_at"] for now in (4, 5, 6)
        ]
        assert values == ["24/12/2025", "later", None]

    def test_a_planned_sync_does_what_is_planned_on_the_path_that_is_given(self) -> None:
        state = read(TWO_SHOPS)
        one = "acme/integrations/nl%20shop"
        assert ask(state, f"{one}/orders/sync", method="POST")[0] == 404
        assert ask(state, f"{one}/order-sync", 10, method="POST")[0] == 202
        assert ask(state, f"{one}/order-sync", 11, method="POST")[0] == 409
        values = [ask(state, one, now)[1]["data"]["order_sync_updated_at"] for now in (10.5, 11, 13)]
        assert values == ["2025-12-24T10:00:00Z", "found", "2026-01-01T00:00:13Z"]
        assert [(run.accepted_at, run.ends_at) for run in state.books.runs] == [(10, 14)]

    def test_the_least_that_is_needed_are_ids(self) -> None:
        state = read('{"organizations": [{"id": "a", "integrations": [{"id": "b"}]}]}', "x.json")
        assert ask(state, "a/integrations/b")[1]["data"]["name"] == "b"

    def test_what_is_made_later_takes_no_id_that_was_there(self) -> None:
        state = read('{"organizations": [{"id": "a", "integrations": [{"id": "int_7"}, {"id": "x"}]}]}', "x.json")
        new = {"name": "N", "connector_id": "c"}
        assert ask(state, "a/integrations", method="POST", body=new)[1]["data"]["id"] == "int_9"
        assert [item["id"] for item in ask(state, "a/integrations")[1]["data"]] == ["int_7", "x", "int_9"]

    def test_a_carrier_nobody_knows_finds_services_too(self) -> None:
        post = {"id": "a", "integrations": [{"id": "post", "category": "shipping", "connector_id": "own"}]}
        state = read(json.dumps({"organizations": [post], "sync_times": {"median": 1, "spread": 0}}), "x.json")
        assert ask(state, "a/integrations/post/shipping-services/sync", method="POST")[0] == 202
        assert [item["id"] for item in ask(state, "a/shipping-services", 2)[1]["data"]] == ["svc_1"]

    def test_an_empty_file_is_a_cloud_without_organizations(self) -> None:
        assert list(read("").organizations.ids) == []


def organization(**fields: Any) -> dict[str, Any]:
    return {"organizations": [{"id": "a", **fields}]}


def integration(**fields: Any) -> dict[str, Any]:
    return organization(integrations=[{"id": "b"}, {"id": "c", **fields}])


HERE = "$.organizations[0].integrations[1]"


@pytest.mark.parametrize(
    ("document", "place", "told"),
    [
        ([], "$", "must be an object, not a list"),
        ({"organisations": []}, "$", "has an unknown field 'organisations'; known: version, "),
        ({"version": 2}, "$.version", "is 2, and this release reads 1"),
        ({"seed": -1}, "$.seed", "must be a whole number from 0 to 1000000000, not -1"),
        ({"seed": True}, "$.seed", "must be a whole number from 0 to 1000000000, not True"),
        ({"clock": "soon"}, "$.clock", "must be seconds from 0 to 1000000000, not 'soon'"),
        ({"clock": 1e30}, "$.clock", "must be seconds"),
        ({"per_page": 0}, "$", "World.per_page must be a whole number from 1, not 0"),
        ({"watermarks": ["invoices"]}, "$.watermarks[0]", "must be one of orders, products, stocks, shipping_services"),
        ({"sync_times": {"median": "x"}}, "$.sync_times", "SyncTimes.median must be a number from 0, not 'x'"),
        ({"sync_times": {"distribution": "x"}}, "$.sync_times", "'x' is not a valid Distribution"),
        ({"sync_times": {"mean": 1}}, "$.sync_times", "has an unknown field 'mean'; known: median, spread, "),
        ({"generated": {"organizations": []}}, "$.generated.organizations", "not a list"),
        ({"paths": {"orders": "/x"}}, "$.paths", "unknown route 'orders'"),
        ({"organizations": {}}, "$.organizations", "must be a list, not an object"),
        ({"organizations": [{}]}, "$.organizations[0]", "needs id"),
        ({"organizations": [{"id": ""}]}, "$.organizations[0].id", "must be a text of 1 to 255 characters, not ''"),
        ({"organizations": [{"id": "x" * 256}]}, "$.organizations[0].id", "not 'xxx"),
        ({"organizations": [{"id": ".."}]}, "$.organizations[0].id", "is '..', which cannot be part of a path"),
        ({"organizations": [{"id": "a\x1b[2J"}]}, "$.organizations[0].id", r"is 'a\x1b[2J', which cannot be"),
        ({"organizations": [{"id": "a"}, {"id": "a"}]}, "$.organizations[1].id", "is 'a', as another one before it"),
        (organization(integrations=[{"id": "b"}, {"id": "b"}]), f"{HERE}.id", "is 'b', as another one before it"),
        (integration(nmae="x"), HERE, "has an unknown field 'nmae'; known: id, name, "),
        (integration(name=5), f"{HERE}.name", "must be a text of 1 to 255 characters, not 5"),
        (integration(category="web"), f"{HERE}.category", "must be one of payment, shop, shipping, not 'web'"),
        (integration(order_sync_enabled=1), f"{HERE}.order_sync_enabled", "must be true or false, not 1"),
        (integration(created_at="today"), f"{HERE}.created_at", "must be an instant such as 2026-01-01T00:00:00Z"),
        (integration(order_sync_updated_at=7), f"{HERE}.order_sync_updated_at", "must be a text"),
        (integration(stock_sync_updated_at="x"), HERE, "unknown field 'stock_sync_updated_at'"),
        (integration(settings="s3cret"), f"{HERE}.settings", "must be an object, not a string"),
        (integration(settings=["s3cret"]), f"{HERE}.settings", "must be an object, not a list"),
        (
            integration(moves={"order_sync_updated_at": [[1, 2, 3]]}),
            f"{HERE}.moves.order_sync_updated_at[0]",
            "[seconds",
        ),
        (integration(moves={"order_sync_updated_at": [[-1]]}), f"{HERE}.moves.order_sync_updated_at[0][0]", "seconds"),
        (integration(planned=[{}]), f"{HERE}.planned[0]", "needs kind"),
        (integration(planned=[{"kind": "x"}]), f"{HERE}.planned[0].kind", "must be one of"),
        (
            integration(planned=[{"kind": "orders", "moves": [[2]], "takes": 1}]),
            f"{HERE}.planned[0]",
            "must lie between",
        ),
        (
            organization(shipping_services=[{"id": "s", "integration_id": "z"}]),
            "$.organizations[0].shipping_services[0].integration_id",
            "names no integration of this organization",
        ),
        ({"syncs": [{"kind": "orders"}]}, "$.syncs[0]", "needs organization_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_meant_is_refused_by_its_place(document: Any, place: str, told: str) -> None:
    with pytest.raises(InvalidData) as refused:
        read(json.dumps(document), "shops.json")
    assert (refused.value.source, refused.value.place) == ("shops.json", place)
    assert str(refused.value).startswith(f"shops.json: {place} ")
    assert told in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"{", "x.json", "x.json: line 1, column 2 is where it stops being JSON"),
        (b'{\n "a" s3cret}', "x.json", "x.json: line 2, column 6 is where it stops being JSON"),
        (b'{"a": 1, "a": 2}', "x.json", "x.json has a field 'a' twice in one object"),
        (b'{"clock": NaN}', "x.json", "x.json holds NaN, which is not JSON"),
        (b'{"clock": %s}' % (b"1" * 5000), "x.json", "x.json holds a number that is too long"),
        (b"clock = " + b"1" * 5000, "x.toml", "x.toml holds a number that is too long"),
        (rb'{"organizations": [{"id": "\ud800"}]}', "x.json", "x.json holds half of a surrogate pair"),
        (b'{"clock": 1e999}', "x.json", "x.json: $.clock must be seconds"),
        (b"\xff", "x.json", "x.json: line 1 is not UTF-8"),
        (b"a = 1\nb = '\xe9'", "x.toml", "x.toml: line 2 is not UTF-8"),
        (b"a = 1\nb = s3cret", "x.toml", "x.toml: line 2, column 5 is where it stops being TOML"),
        (b"a = [", "x.toml", "is where it stops being TOML"),
        (b"[" * 100_000, "x.json", "x.json is nested too deeply"),
        (b"a = " + b"[" * 100_000, "x.toml", "x.toml is nested too deeply"),
        (b"a = " + b"[" * 400 + b"]" * 400, "x.toml", "x.toml"),
        (b"", "x.yaml", "x.yaml is neither a .json nor a .toml file"),
        (b"", "x.json", "x.json: line 1, column 1 is where it stops being JSON"),
        (
            b"[[organizations]]\nid='a'\n[[organizations.integrations]]\nid='b'\nsettings={a=2026-01-01}",
            "x.toml",
            "a date",
        ),
    ],
)
def test_a_file_that_is_not_what_it_is_called_is_refused_by_its_line(content: bytes, name: str, told: str) -> None:
    with pytest.raises(InvalidData) as refused:
        contents_of(read_document(content, name=name))
    assert told in str(refused.value)
    assert "s3cret" not in str(refused.value)


KINDS = st.sampled_from(["orders", "products", "stocks", "shipping-services"])
STEPS = st.one_of(
    st.tuples(st.just("POST"), st.sampled_from(["int_1", "int_3", "int_5"]), KINDS.map("/{}/sync".format)),
    st.tuples(st.just("DELETE"), st.sampled_from(["int_2", "int_3", "int_5"]), st.just("")),
    st.tuples(st.just("PUT"), st.sampled_from(["int_1", "int_4"]), st.just("")),
    st.tuples(st.just("CREATE"), st.just(""), st.just("")),
)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9), STEPS), max_size=12), st.floats(0, 9))
def test_what_was_saved_goes_on_as_if_nothing_had_been(steps: Any, pause: float) -> None:
    times = SyncTimes(median=6, spread=5, several_steps=0.5, goes_back=0.2)
    world = World(organizations=2, integrations=4, per_page=3, sync_times=times, conflict_while_running=True)
    state, now = State(world, token="t"), 0.0
    for after, (method, target, path) in steps:
        now += after
        body = (
            {"name": "N", "connector_id": "dhl", "settings": {"key": "s3cret"}} if method in {"PUT", "CREATE"} else None
        )
        verb = "POST" if method == "CREATE" else method
        ask(state, f"org_1/integrations/{target}{path}".rstrip("/"), now, method=verb, body=body)
    now += pause
    again = reread(state, now)
    assert document_of(again.contents(now)) == document_of(state.contents(now))
    for later in (now, now + 3, now + 60):
        assert whole(again, later) == whole(state, later)
        for kind in ("orders", "shipping-services"):
            sync = f"org_1/integrations/int_3/{kind}/sync"
            assert ask(again, sync, later, method="POST") == ask(state, sync, later, method="POST")
    assert [(run.kind, run.moves) for run in again.books.runs] == [(run.kind, run.moves) for run in state.books.runs]


def test_what_no_answer_shows_is_saved_too() -> None:
    planned = [{"kind": "orders", "moves": [[1.0, None]], "takes": 2.0, "goes_back": True}]
    shop = {"id": "int_9", "connector_id": "magento", "planned": planned}
    document = {
        "seed": 7,
        "sync_times": {"median": 3.0, "finds_nothing": 0.25},
        "generated": {"organizations": 1, "integrations": 2},
        "paths": {"sync_orders": "/orders/{organizationId}/{integrationId}"},
        "organizations": [{"id": "acme", "integrations": [shop], "integrations_ever": 12, "services_ever": 5}],
    }
    saved: Any = document_of(read(json.dumps(document), "shops.json").contents(0.0))
    assert [saved[name] for name in ("seed", "generated", "paths")] == [
        document[name] for name in ("seed", "generated", "paths")
    ]
    assert saved["sync_times"] == attrs.asdict(SyncTimes(median=3.0, finds_nothing=0.25))
    (acme,) = saved["organizations"]
    assert (acme["integrations_ever"], acme["services_ever"]) == (12, 5)
    assert acme["integrations"][0]["connector_id"] == "magento"
    assert acme["integrations"][0]["planned"] == planned


def test_the_file_of_the_docs_says_what_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    state = read(text)
    assert list(state.organizations.ids) == ["org_1", "org_2", "acme"]
    shop = "acme/integrations/acme-nl"
    assert [ask(state, f"{shop}/order-sync", now, method="POST")[0] for now in (0, 10)] == [202, 202]
    values = [ask(state, shop, now)[1]["data"]["order_sync_updated_at"] for now in (1, 30, 61)]
    assert values == ["2025-12-24T10:00:00Z", "2026-01-01T09:00:00Z", "2026-01-01T00:01:00Z"]
    assert [run.moves for run in state.books.runs] == [((2.5, "2026-01-01T09:00:00Z"),), ()]


class TestFiles:
    async def test_an_emulator_goes_on_where_it_was_saved(self, tmp_path: Path) -> None:
        path = tmp_path / "shops.toml"
        path.write_text(TWO_SHOPS.replace("[paths]", "").replace("sync_orders =", "# "), encoding="utf-8")
        emulator = Emulator.from_file(path, token="own", faults=FaultPlan(latency=1.0))
        emulator.plan_sync("acme", "post", SyncKind.STOCKS, moves=[(7.0, "to come")])
        async with PackCloudClient(token="own", transport=emulator.transport()) as client:
            await client.organization("acme").integrations.sync_orders("nl shop")
            emulator.save(tmp_path / "state.json")
        again = Emulator.from_file(tmp_path / "state.json")
        assert again.now == 1.0
        async with PackCloudClient(token=again.token, transport=again.transport()) as client:
            shop = await client.organization("acme").integrations.get("nl shop")
            assert (shop.name, shop.order_sync_updated_at) == ("Acme <NL>", "found")
        assert [run.integration_id for run in again.books.runs] == ["nl shop"]
        again.save(tmp_path / "again.json")
        document = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
        assert document["organizations"][0]["integrations"][1]["planned"] == [
            {"kind": "stocks", "moves": [[7.0, "to come"]], "takes": 7.0, "goes_back": False}
        ]

    @pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
    @pytest.mark.parametrize("umask", [0, 0o077, 0o777], ids=oct)
    def test_a_saved_file_is_for_its_owner_and_holds_no_token(self, tmp_path: Path, umask: int) -> None:
        before = os.umask(umask)
        try:
            Emulator(token="t0ken").save(tmp_path / "state.json")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600
        assert "t0ken" not in (tmp_path / "state.json").read_text(encoding="utf-8")

    def test_what_a_link_leads_to_is_written_and_the_link_stays(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        real, link = tmp_path / "folder" / "real.json", tmp_path / "state.json"
        real.write_text("before", encoding="utf-8")
        link.symlink_to(real)
        Emulator(organizations=2).save(link)
        assert link.is_symlink()
        assert len(Emulator.from_file(real).organization_ids) == 2
        assert [file.name for file in (tmp_path / "folder").iterdir()] == ["real.json"]

    def test_what_cannot_be_saved_leaves_the_file_as_it_was(self, tmp_path: Path, monkeypatch: Any) -> None:
        path = tmp_path / "state.json"
        path.write_text("before", encoding="utf-8")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            Emulator().save(path)
        assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [
            ("state.json", "before")
        ]

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidData, match="nowhere.toml cannot be read: No such file"):
            Emulator.from_file(tmp_path / "nowhere.toml")
        with pytest.raises(InvalidData, match="cannot be read"):
            Emulator.from_file("a\0b.toml")
