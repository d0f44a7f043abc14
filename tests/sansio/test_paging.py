import re
from contextlib import suppress
from urllib.parse import urlsplit

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packcloud_async._sansio.paging import PageTrail, link_on_origin
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import Page

from .payloads import CALLS

BASE = "https://api.pack.cloud"
HERE = f"{BASE}/v1/organizations/org_1/integrations?cursor=1"
FIRST = CALLS["list"]


def follow(trail, *links):
    """Give the pages of a walk to the trail; return the calls it answers with."""
    call, calls = FIRST, []
    for link in links:
        call = trail.after(call, Page(items=(), next=link))
        calls.append(call)
    return calls


@pytest.mark.parametrize(
    ("link", "url"),
    [
        pytest.param(f"{BASE}/v1/x?cursor=2", f"{BASE}/v1/x?cursor=2", id="absolute"),
        pytest.param("HTTPS://API.pack.Cloud/v1/x", f"{BASE}/v1/x", id="other case"),
        pytest.param(f"{BASE}:443/v1/x", f"{BASE}/v1/x", id="the port of the scheme"),
        pytest.param("//api.pack.cloud/v1/x", f"{BASE}/v1/x", id="without scheme"),
        pytest.param("/v1/x?cursor=2", f"{BASE}/v1/x?cursor=2", id="from the root"),
        pytest.param("?cursor=2", f"{BASE}/v1/organizations/org_1/integrations?cursor=2", id="only a query"),
        pytest.param("others", f"{BASE}/v1/organizations/org_1/others", id="beside"),
        pytest.param("../x", f"{BASE}/v1/organizations/x", id="above"),
        pytest.param("../../../../../x", f"{BASE}/x", id="above the root"),
        pytest.param(BASE, f"{BASE}/", id="only the origin"),
        pytest.param(f"{BASE}/x?a#part", f"{BASE}/x?a", id="fragment is dropped"),
        pytest.param("///evil.example/x", f"{BASE}/evil.example/x", id="empty host is a path"),
        pytest.param(f"{BASE}//evil.example/x", f"{BASE}//evil.example/x", id="host-like path"),
        pytest.param("/x?next=https://evil.example/", f"{BASE}/x?next=https://evil.example/", id="URL in a query"),
        pytest.param("/x?filter[a]=b%20c&d=é", f"{BASE}/x?filter[a]=b%20c&d=%C3%A9", id="escapes stay"),
        pytest.param('/a"b<c>é', f"{BASE}/a%22b%3Cc%3E%C3%A9", id="odd characters are escaped"),
        pytest.param("https:/v1/x", f"{BASE}/v1/x", id="scheme without host"),
    ],
)
def test_a_link_on_the_origin_is_followed(link, url):
    assert link_on_origin(link, current=HERE) == url


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("https://evil.example/v1", id="host"),
        pytest.param("//evil.example/v1", id="host without scheme"),
        pytest.param("http://api.pack.cloud/v1", id="scheme"),
        pytest.param("javascript:alert(1)", id="no http"),
        pytest.param("https://api.pack.cloud:8443/v1", id="port"),
        pytest.param("https://api.pack.cloud:99999/v1", id="no port at all"),
        pytest.param("https://api.pack.cloud:x/v1", id="word as port"),
        pytest.param("https://user:pw@api.pack.cloud/v1", id="userinfo"),
        pytest.param("https://api.pack.cloud@evil.example/v1", id="host as userinfo"),
        pytest.param("https://@api.pack.cloud/v1", id="empty userinfo"),
        pytest.param("https://api.pack.cloud.evil.example/v1", id="longer host"),
        pytest.param("https://pack.cloud/v1", id="shorter host"),
        pytest.param("https://api.pack.cloud./v1", id="host with a dot at its end"),
        pytest.param("https://\N{CYRILLIC SMALL LETTER A}pi.pack.cloud/v1", id="look-alike"),
        pytest.param("https://api\N{IDEOGRAPHIC FULL STOP}pack.cloud/v1", id="look-alike dot"),
        pytest.param("https://xn--pi-7kc.pack.cloud/v1", id="look-alike in ASCII"),
        pytest.param("https://evil.example\N{FULLWIDTH SOLIDUS}.api.pack.cloud/", id="look-alike slash"),
        pytest.param("https://[::1/v1", id="half an address"),
        pytest.param("https://[api.pack.cloud]/v1", id="brackets"),
        pytest.param("https:\\\\evil.example", id="backslashes"),
        pytest.param("/\\evil.example/v1", id="slash and backslash"),
        pytest.param(f"{BASE}/v1 HTTP/1.1", id="space"),
        pytest.param(f"{BASE}/v1\r\nHost: evil.example", id="line break"),
        pytest.param(f"{BASE}/v1\t", id="tab"),
        pytest.param(f"{BASE}/v1\u2028", id="line separator"),
        pytest.param(f"{BASE}/\ud800", id="half of a surrogate pair"),
    ],
)
def test_a_link_that_leads_away_is_refused_without_quoting_it(link):
    with pytest.raises(InvalidResponse, match=r"^the next link (leads|holds) [^:/]+ @ \$\.links\.next$"):
        link_on_origin(link, current=HERE)


def test_a_letter_that_lowers_to_ascii_leads_to_the_current_host():
    assert link_on_origin("https://api.pac\N{KELVIN SIGN}.cloud/x", current=HERE) == f"{BASE}/x"


def test_a_link_keeps_the_port_of_the_origin():
    here = "http://127.0.0.1:8080/v1/x"
    assert link_on_origin("/y", current=here) == "http://127.0.0.1:8080/y"
    assert link_on_origin("http://127.0.0.1:8080/y", current=here) == "http://127.0.0.1:8080/y"
    for link in ("http://127.0.0.1/y", "http://127.0.0.1:80/y", "http://127.0.0.1:443/y"):
        with pytest.raises(InvalidResponse):
            link_on_origin(link, current=here)
    assert link_on_origin("http://127.0.0.1:80/y", current="http://127.0.0.1/x") == "http://127.0.0.1/y"


link_parts = st.sampled_from(["https:", "http:", "//", "api.pack.cloud", "evil.example", "443", "%2f", "a=b"])
link_characters = st.sampled_from("/\\@:?#.[];é\u3002 \x00")


@given(st.lists(link_parts | link_characters, max_size=8).map("".join) | st.text(max_size=40))
@example("https://api.pack.cloud\\@evil.example")
@example("////evil.example")
def test_whatever_the_link_says_only_the_origin_is_asked(link):
    with suppress(InvalidResponse):
        url = link_on_origin(link, current=HERE)
        assert url.startswith(f"{BASE}/")
        assert (urlsplit(url).netloc, urlsplit(url).fragment) == ("api.pack.cloud", "")
        assert url.isascii()
        assert re.fullmatch(r"[!-~]+", url)


def test_a_walk_ends_where_there_is_no_next_link():
    assert follow(PageTrail(BASE), None) == [None]


def test_a_walk_follows_each_link_with_the_same_call():
    first, second, end = follow(PageTrail(BASE), "?cursor=2", f"{BASE}/v1/y", None)
    assert first == attrs.evolve(FIRST, target=f"{BASE}/v1/organizations/org_1/integrations?cursor=2")
    assert second == attrs.evolve(FIRST, target=f"{BASE}/v1/y")
    assert end is None


@pytest.mark.parametrize(
    ("link", "target"),
    [
        pytest.param("?cursor=2", "https://gw.example/pack/v1/organizations/org_1/integrations?cursor=2", id="query"),
        # A link from the root is what the server says it is: the prefix of a gateway is not guessed.
        pytest.param("/v1/x", "https://gw.example/v1/x", id="from the root"),
        pytest.param("/pack/v1/x", "https://gw.example/pack/v1/x", id="with the prefix"),
        pytest.param("https://gw.example/pack/v1/x", "https://gw.example/pack/v1/x", id="absolute"),
    ],
)
def test_a_base_url_may_have_a_path(link, target):
    assert follow(PageTrail("https://gw.example/pack"), link)[0].target == target


@pytest.mark.parametrize(
    "links",
    [
        pytest.param([f"{BASE}{FIRST.target}"], id="the first page"),
        pytest.param([""], id="an empty link"),
        pytest.param(["#top"], id="the same page"),
        pytest.param(["?cursor=2", "?cursor=2"], id="the page itself"),
        pytest.param(["?cursor=2", "?cursor=3", "/v1/organizations/org_1/integrations?cursor=2"], id="a circle"),
    ],
)
def test_a_link_back_is_refused(links):
    with pytest.raises(InvalidResponse, match="already read"):
        follow(PageTrail(BASE), *links)


def test_more_pages_than_allowed_are_refused():
    trail = PageTrail(BASE, max_pages=2)
    with pytest.raises(InvalidResponse, match=r"^more than 2 pages @ \$\.links\.next$"):
        follow(trail, "?cursor=2", "?cursor=3")
    assert follow(PageTrail(BASE, max_pages=2), "?cursor=2", None)[-1] is None


@given(st.lists(st.sampled_from(["?c=1", "?c=2", "?c=3", "/x", "//evil.example", "\\", None]), min_size=9, max_size=9))
def test_a_walk_reads_no_page_twice(links):
    seen = [BASE + FIRST.target]
    trail, call = PageTrail(BASE, max_pages=8), FIRST
    with suppress(InvalidResponse):
        for link in links:
            call = trail.after(call, Page(items=(), next=link))
            if call is None:
                break
            seen.append(call.target)
    assert len(seen) == len(set(seen)) <= 8
