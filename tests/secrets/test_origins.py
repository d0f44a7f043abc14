"""The credential goes to the origin of the base URL and nowhere else, and an id never leaves its place in the URL.

What is compared is what raw servers received: the API's, and one on another port that must never be spoken to.
"""

import asyncio
import contextlib
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from packcloud_async import ConfigurationError, InvalidResponse, PackCloudClient, PackCloudError, RetryPolicy, Routes
from packcloud_async._sansio.paging import link_on_origin

from ..io.connecting import INTEGRATION
from ..support.misbehaving_server import answer, misbehaving
from .canaries import TOKEN
from .hostile import CALLS

pytestmark = pytest.mark.sockets

FIRST = "/v1/organizations/org_1/integrations"
LAST_PAGE = answer(200, {"data": [], "links": {"next": None}})


def first_page(link):
    return answer(200, {"data": [INTEGRATION], "links": {"next": link}})


def written(link, api, other, host="127.0.0.1"):
    """Put in the addresses that are only known once the servers run."""
    told = link.replace("API", f"{host}:{api.port}").replace("OTHER", f"127.0.0.1:{other.port}")
    return told.replace("PORT", str(api.port))


@contextlib.asynccontextmanager
async def two_servers(answers, host="127.0.0.1"):
    """The API, which gives these answers, one after the other, and the other server; a client of the API."""

    async def play(connection):
        while True:
            await connection.request()
            given = answers(api, other)
            await connection.send(given[min(len(api.received), len(given)) - 1])

    async with misbehaving(play) as api, misbehaving(play) as other:
        base_url = f"http://{host}:{api.port}"
        retry = RetryPolicy(attempts=1)
        async with PackCloudClient(token=TOKEN, base_url=base_url, retry=retry) as client:
            yield api, other, client
        assert (other.accepted, other.received) == (0, [])
        assert all(received.headers["authorization"] == f"Bearer {TOKEN}" for received in api.received)


async def follow(link, host="127.0.0.1"):
    """Return the targets the API saw after it gave a next link; the other server must have seen nothing."""

    def answers(api, other):
        return first_page(written(link, api, other, host)), LAST_PAGE

    async with two_servers(answers, host) as (api, other, client):
        walk = _walk(client.organization("org_1").integrations.list())
        try:
            assert len(await walk) == 1
        except InvalidResponse as refused:
            return _only_the_first(api, refused)
        return api.targets[1].replace(f"127.0.0.1:{other.port}", "OTHER")


def _only_the_first(api, refused):
    assert (refused.path, api.targets) == ("$.links.next", [FIRST])


REFUSED = {
    "another port": "http://OTHER/v1",
    "another port, no scheme": "//OTHER/v1",
    "another port in capitals": "HTTP://OTHER/v1",
    "the API as user": "http://API@OTHER/v1",
    "the API as user, no scheme": "//API@OTHER/v1",
    "the API as user and password": "http://127.0.0.1:PORT@OTHER/v1",
    "the API behind a sharp": "http://OTHER#@API/v1",
    "the API behind a question mark": "http://OTHER?@API/v1",
    "the API behind a slash": "http://OTHER/@API/v1",
    "the API behind a semicolon": "http://API;@OTHER/v1",
    "the API behind a coded slash": "http://API%2f@OTHER/v1",
    "a user": "http://user@API/v1",
    "a user and a password": "http://user:pass@API/v1",
    "an empty user": "http://@API/v1",
    "another scheme": "https://API/v1",
    "a scheme that is none of HTTP": "ftp://API/v1",
    "a script": "javascript:alert(1)",
    "data": "data:text/plain,x",
    "a file": "file:///etc/passwd",
    "a web socket": "ws://API/v1",
    "no port": "http://127.0.0.1/v1",
    "an empty port": "http://127.0.0.1:/v1",
    "a port out of range": "http://127.0.0.1:99999/v1",
    "a port that is no number": "http://127.0.0.1:PORTx/v1",
    "a negative port": "http://127.0.0.1:-PORT/v1",
    "two ports": "http://API:80/v1",
    "a dot at the end of the host": "http://127.0.0.1.:PORT/v1",
    "the host in hexadecimal": "http://0x7f000001:PORT/v1",
    "the host as one number": "http://2130706433:PORT/v1",
    "the host cut short": "http://127.1:PORT/v1",
    "the host by name": "http://localhost:PORT/v1",
    "the host by another name of it": "http://127.0.0.1.nip.example:PORT/v1",
    "the host in IPv6": "http://[::ffff:127.0.0.1]:PORT/v1",
    "the host in full width": "http://127.0.0.\uff11:PORT/v1",
    "a coded host": "http://127.0.0%2e1:PORT/v1",
    "half an IPv6 host": "http://[127.0.0.1:PORT/v1",
    "a host with a coded colon": "http://127.0.0.1%3aPORT/v1",
    "backslashes": "\\\\OTHER\\v1",
    "a slash and a backslash": "/\\OTHER/v1",
    "a backslash and a slash": "\\/OTHER/v1",
    "a scheme and backslashes": "http:\\\\OTHER\\v1",
    "a backslash before the at sign": "http://API\\@OTHER/v1",
    "a coded backslash before the at sign": "http://API%5c@OTHER/v1",
    "a tab inside the slashes": "/\t/OTHER/v1",
    "a line end inside the scheme": "ht\ntp://OTHER/v1",
    "a line end and a header": "/v1\r\nX-Evil: 1",
    "a NUL": "/v1\0",
    "a space before it": " http://OTHER/v1",
    "a space inside it": "/v1 HTTP/1.1",
    "a line separator": "/v1\u2028x",
    "text that is written backwards": "\u202e/v1",
    "an invisible character": "/\u200b/OTHER/v1",
    "nothing but the first page": "",
    "the first page by its fragment": "#x",
}


@pytest.mark.parametrize("link", REFUSED.values(), ids=REFUSED)
async def test_a_link_that_leads_away_is_not_followed(link):
    assert await follow(link) is None


FOLLOWED = {
    "the API": ("http://API/v1?page=2", "/v1?page=2"),
    "the API in capitals": ("HTTP://API/v1?page=2", "/v1?page=2"),
    "without a scheme": ("//API/v1?page=2", "/v1?page=2"),
    "a path": ("/v1/x?page=2", "/v1/x?page=2"),
    "a query": ("?page=2", f"{FIRST}?page=2"),
    "dots": ("/v1/../x", "/x"),
    "more dots than folders": ("../../../../../../../x", "/x"),
    "coded dots": ("/v1/%2e%2e/x", "/v1/%2e%2e/x"),
    "a foreign address in the query": ("/v1?next=http://OTHER/", "/v1?next=http://OTHER/"),
    "a foreign address in the path": ("/http://OTHER/", "/http://OTHER/"),
    "a fragment": ("http://API/v1#@OTHER/", "/v1"),
    "three slashes": ("///OTHER/v1", "/OTHER/v1"),
    "four slashes": ("////OTHER/v1", "//OTHER/v1"),
    "a scheme and no slash": ("http:OTHER/v1", "/v1/organizations/org_1/OTHER/v1"),
    "letters beyond ASCII": ("/v1/\u00e9\uff0f?q=\u00e9", "/v1/%C3%A9%EF%BC%8F?q=%C3%A9"),
    "no path": ("http://API?page=2", "/?page=2"),
    "zeros before the port": ("http://127.0.0.1:0PORT/v1", "/v1"),
}


@pytest.mark.parametrize(("link", "target"), FOLLOWED.values(), ids=FOLLOWED)
async def test_a_link_on_the_same_origin_is_followed_and_goes_there(link, target):
    assert await follow(link) == target


@pytest.mark.parametrize("link", ["http://LOCALHOST:PORT/v1?page=2", "//LocalHost:PORT/v1?page=2"])
async def test_the_host_in_other_letters_is_the_same_origin(link):
    assert await follow(link, host="localhost") == "/v1?page=2"


@pytest.mark.parametrize(
    "link",
    [
        "http://l\u043ecalhost:PORT/v1",
        "http://localhost.:PORT/v1",
        "http://xn--lcalhost-f5g:PORT/v1",
        "http://OTHER/v1",
    ],
    ids=["a Cyrillic letter", "a dot", "as it is sent", "its address"],
)
async def test_a_host_that_looks_the_same_is_another_origin(link):
    assert await follow(link, host="localhost") is None


SCHEMES = st.sampled_from(["", "http:", "https:", "HTTP:", "ht\ttp:", "ftp:", "javascript:", " http:", ":"])
SLASHES = st.text("/\\\t", max_size=4)
USERS = st.sampled_from(["", "", "@", "user@", "API@", "OTHER@", "user:pass@", "API\\@", "API%2f@", "API/@", "API#@"])
HOSTS = st.sampled_from(
    ["API", "OTHER", "127.0.0.1", "127.0.0.1.", "evil.example", "[::1]", "127.1", "\uff11", "", "[", "]"]
)
PORTS = st.sampled_from(["", ":", ":PORT", ":80", ":0", ":99999", ":x", ":PORT:PORT", "%3a80"])
PATHS = st.text(st.sampled_from("/\\.?#@:;%&=x2e\u00e9\u2028\uff0f\0\r\n\t "), max_size=12)
LINKS = st.one_of(
    st.builds("{}{}{}{}{}{}".format, SCHEMES, SLASHES, USERS, HOSTS, PORTS, PATHS),
    st.builds("{}{}".format, st.sampled_from(["", "/", "//", "http://API", "//API", "?"]), PATHS),
    st.text(max_size=20),
)
SLOWLY = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


@SLOWLY
@given(LINKS)
@example("//API\\@OTHER")
def test_any_link_is_followed_on_the_origin_or_not_at_all(link):
    asyncio.run(_check_any_link(link))


async def _check_any_link(link):
    def answers(api, other):
        return first_page(written(link, api, other)), LAST_PAGE

    async with two_servers(answers) as (api, other, client):
        try:
            wanted = link_on_origin(written(link, api, other), current=client.base_url + FIRST)
        except InvalidResponse:
            wanted = None
        walked = True
        try:
            assert len(await _walk(client.organization("org_1").integrations.list())) == 1
        except InvalidResponse:
            walked = False
        if wanted is None or wanted == client.base_url + FIRST:
            assert (walked, len(api.received)) == (False, 1)
        else:
            assert api.targets == [FIRST, wanted.removeprefix(client.base_url)]
        for received in api.received:
            # The request line and the headers are whole: nothing was injected into them.
            assert received.target.isascii()
            assert received.target.isprintable()
            assert set(received.headers) == {"host", "accept", "accept-encoding", "authorization", "user-agent"}


LOCATIONS = [
    "http://OTHER/v1",
    "//OTHER/v1",
    "/v1/else",
    "http://API@OTHER/",
    "\\\\OTHER\\",
    "https://API/",
    "http://API/v1",
]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", CALLS)
async def test_a_redirect_is_never_followed(call, status):
    def answers(api, other):
        return [answer(status, b"", location=written(LOCATIONS[asking[0]], api, other))]

    asking = [0]
    async with two_servers(answers) as (api, _, client):
        for number in range(len(LOCATIONS)):
            asking[0] = number
            with pytest.raises(PackCloudError, match=rf"{status} .*redirects are not followed"):
                await CALLS[call](client)
            assert len(api.received) == number + 1


TAKING_AN_ID = {
    "list": lambda client, bad: _walk(client.organization(bad).integrations.list()),
    "create": lambda client, bad: client.organization(bad).integrations.create(name="x", connector_id="y"),
    "services": lambda client, bad: _walk(client.organization(bad).shipping_services.list()),
    "get, organization": lambda client, bad: client.organization(bad).integrations.get("int_1"),
    "get": lambda client, bad: _of(client).get(bad),
    "update": lambda client, bad: _of(client).update(bad, name="x"),
    "delete": lambda client, bad: _of(client).delete(bad),
    "actions": lambda client, bad: _of(client).actions(bad),
    "execute action, integration": lambda client, bad: _of(client).execute_action(bad, "go"),
    "execute action, action": lambda client, bad: _of(client).execute_action("int_1", bad),
    "settings": lambda client, bad: _of(client).settings(bad),
    "sync orders": lambda client, bad: _of(client).sync_orders(bad),
    "sync products": lambda client, bad: _of(client).sync_products(bad),
    "sync stocks": lambda client, bad: _of(client).sync_stocks(bad),
    "sync services": lambda client, bad: _of(client).sync_shipping_services(bad),
    "job": lambda client, bad: client.organization("org_1").sync_job(bad, "orders").fire(),
}
IN_THE_QUERY = {
    "filter by integration": ("integration_id", "filter[integration_id]"),
    "filter by type": ("type", "filter[type]"),
    "filter by carrier": ("carrier_code", "filter[carrier_code]"),
}


def _of(client):
    return client.organization("org_1").integrations


async def _walk(listing):
    return [item async for item in listing]


ODD_IDS = {
    "one dot": ".",
    "two dots": "..",
    "nothing": "",
    "half a surrogate pair": "\ud800",
    "coded dots": "%2e%2e",
    "mixed dots": ".%2e",
    "twice coded dots": "%252e%252e",
    "dots and a slash": "../org_2",
    "dots and a backslash": "..\\org_2",
    "a slash": "a/b",
    "a coded slash": "a%2fb",
    "two slashes": "//evil.example/",
    "an address": "http://evil.example/",
    "a question mark": "a?b=c",
    "a sharp": "a#b",
    "a semicolon": "a;b",
    "an at sign": "a@b",
    "a colon": "a:b",
    "a request of its own": "a HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /",
    "a header": "a\r\nX-Evil: 1",
    "a line feed": "a\nb",
    "a carriage return": "a\rb",
    "a NUL": "a\0b",
    "a coded NUL": "a%00b",
    "a line separator": "a\u2028b",
    "a next line": "a\u0085b",
    "a slash of full width": "a\uff0fb",
    "dots of full width": "\uff0e\uff0e",
    "a one dot leader": "\u2024\u2024",
    "a division slash": "a\u2215b",
    "a plus and a space": "a+b c",
    "braces": "{action}",
    "a percent sign": "100%",
    "letters": "\u00e9\u4e2d\U0001f600",
    "very long": "x" * 5000,
}


def seen_of(api):
    (received,) = api.received
    extra = {"content-type", "content-length"}
    assert set(received.headers) - extra == {"host", "accept", "accept-encoding", "authorization", "user-agent"}
    return received


async def ask(call, odd, expected):
    """Make the call with an odd id and with a plain one; the URLs may differ in that one segment only."""
    async with two_servers(lambda api, other: [answer(404)]) as (api, _, client):
        with contextlib.suppress(PackCloudError):
            await call(client, "plain")
        plain = seen_of(api)
        api.received.clear()
        if expected is None:
            with pytest.raises(ConfigurationError):
                await call(client, odd)
            assert api.received == []
            return
        with contextlib.suppress(PackCloudError):
            await call(client, odd)
        received = seen_of(api)
        wanted = [expected if segment == "plain" else segment for segment in plain.target.split("/")]
        assert received.target.split("/") == wanted
        assert unquote(expected) == odd
        assert (received.method, received.body) == (plain.method, plain.body)


@pytest.mark.parametrize("call", TAKING_AN_ID)
async def test_an_id_stays_in_its_segment(call):
    for odd in ODD_IDS.values():
        refused = odd in {"", ".", "..", "\ud800"}
        await ask(TAKING_AN_ID[call], odd, None if refused else quote(odd, safe=""))


@pytest.mark.parametrize(("keyword", "name"), IN_THE_QUERY.values(), ids=IN_THE_QUERY)
async def test_a_filter_stays_in_the_query(keyword, name):
    for odd in ODD_IDS.values():
        async with two_servers(lambda api, other: [LAST_PAGE]) as (api, _, client):
            listing = _walk_services(client, **{keyword: odd})
            if odd == "\ud800":
                with pytest.raises(ConfigurationError):
                    await listing
                continue
            assert await listing == []
            parts = urlsplit(seen_of(api).target)
        assert (parts.scheme, parts.netloc, parts.fragment) == ("", "", "")
        assert parts.path == "/v1/organizations/org_1/shipping-services"
        assert parse_qsl(parts.query, keep_blank_values=True) == [(name, odd)]


async def _walk_services(client, **filters):
    return await _walk(client.organization("org_1").shipping_services.list(**filters))


@SLOWLY
@given(st.text(max_size=30), st.sampled_from(sorted(TAKING_AN_ID)))
def test_any_id_stays_in_its_segment(odd, call):
    try:
        expected = None if odd in {"", ".", ".."} else quote(odd, safe="")
    except UnicodeEncodeError:
        expected = None
    asyncio.run(ask(TAKING_AN_ID[call], odd, expected))


BAD_PATHS = [
    "v1", "", "//127.0.0.1:1/", "http://evil.example/", "/v1?x", "/v1#x", "/v1\\x", "/v1 x", "/v1\r\nX: 1", "/v1\0",
    "/../x", "/v1/..", "/%2e%2e/x", "/v1/.%2E/x", "/v1/./x", "/v1/\u2028", "/\u00e9", "/v1/\t",
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS)
async def test_a_path_of_the_callers_own_that_could_be_read_in_two_ways_is_refused(path):
    async with two_servers(lambda api, other: [answer()]) as (api, _, client):
        with pytest.raises(ConfigurationError):
            await client.request("GET", path)
        assert api.accepted == 0


@pytest.mark.parametrize("query", [{"a": "b&c=d#e\r\nX: 1 \u2028"}, {"a&b#": "="}, {"\0": "\0"}])
async def test_a_query_of_the_callers_own_arrives_as_it_is_meant(query):
    async with two_servers(lambda api, other: [answer()]) as (api, _, client):
        await client.request("GET", "/v1/x", query=query)
        path, _, told = seen_of(api).target.partition("?")
    assert path == "/v1/x"
    assert dict(parse_qsl(told, keep_blank_values=True)) == query


@pytest.mark.parametrize(
    "template",
    ["//evil.example/{0}", "http://evil.example/{0}", "/v1/../{0}", "/v1/%2e%2e/{0}", "/v1/.%2E/{0}", "/v1\\{0}",
     "/v1/{0}?x", "/v1/{0}#x", "/v1/{0}\r\nX: 1", "/v1/\u00e9/{0}", "/v1//{0}"],
)  # fmt: skip
def test_a_route_that_could_be_read_in_two_ways_is_refused(template):
    with pytest.raises(ConfigurationError):
        Routes(sync_orders=template.replace("{0}", "{organizationId}/{integrationId}"))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.pack.cloud@evil.example",
        "https://user:pass@api.pack.cloud",
        "https://api.pack.cloud\\@evil.example",
        "https://api.pack.cloud#@evil.example",
        "https://api.pack.cloud?@evil.example",
        "http://api.pack.cloud",
        "//api.pack.cloud",
        "https:api.pack.cloud",
        "https:///api.pack.cloud",
        "ftp://api.pack.cloud",
        "https://p\u0430ck.cloud",
        "https://api.pack.cloud\r\nX: 1",
        "https://api.pack.cloud\0",
        "https://api.pack.cloud:x",
        "https://[api.pack.cloud",
        " https://api.pack.cloud",
        "https://127.0.0.1 .evil",
    ],
)
def test_a_base_url_that_could_be_read_in_two_ways_is_refused(url):
    with pytest.raises(ConfigurationError):
        PackCloudClient(token=TOKEN, base_url=url)
