import pytest
from multidict import CIMultiDict

from packcloud_async._sansio.wire import Damage, Headers, Link, Request, Response
from packcloud_async.errors import InvalidResponse


def test_the_repr_of_a_request_shows_no_query_header_value_or_body():
    request = Request("POST", "https://host/path?filter[a]=s3cret", {"Authorization": "Bearer s3cret"}, b"s3cret")
    assert repr(request) == ("Request(method='POST', url='https://host/path', headers=<Authorization>, body=<6 bytes>)")


def test_the_repr_of_a_request_shows_only_the_origin_of_a_link_of_the_server():
    assert repr(Request("GET", Link("https://host:1/s3cret?s3cret"))) == (
        "Request(method='GET', url='https://host:1/...', headers=<>, body=<0 bytes>)"
    )


def test_the_repr_of_a_request_without_a_body():
    assert repr(Request("GET", "/")) == "Request(method='GET', url='/', headers=<>, body=<0 bytes>)"


def test_the_repr_of_a_response_shows_no_header_value_or_body():
    response = Response(200, {"set-cookie": "s3cret"}, b'"s3cret"', Damage.TRUNCATED)
    assert "s3cret" not in repr(response)
    assert "headers=<set-cookie>, body=<8 bytes>" in repr(response)


def test_a_response_reads_its_body_as_json(decoder):
    assert Response(200, body=b'{"a": [1]}').json() == {"a": [1]}
    with pytest.raises(InvalidResponse):
        Response(200, body=b"<html>").json()


class TestHeaders:
    def test_they_are_found_by_lower_case_names(self):
        headers = Headers(CIMultiDict({"Content-Type": "text/html", "X-Request-ID": "1"}))
        assert headers["x-request-id"] == "1"
        assert headers.get("X-Request-ID") is None
        assert {**headers} == headers == {"content-type": "text/html", "x-request-id": "1"}
        assert (list(headers), len(headers)) == (["content-type", "x-request-id"], 2)

    def test_of_several_with_one_name_the_last_counts(self):
        assert Headers(CIMultiDict([("A", "1"), ("a", "2")])) == {"a": "2"}

    def test_that_none_of_some_is_there_is_told_without_a_table(self):
        headers = Headers(CIMultiDict({"RateLimit-Remaining": "1"}))
        assert headers.has_any(["x-other", "ratelimit-remaining"])
        assert not headers.has_any(["x-other"])
        assert headers._table is None

    def test_their_repr_shows_no_value(self):
        assert repr(Headers(CIMultiDict({"Set-Cookie": "s3cret"}))) == "<set-cookie>"
