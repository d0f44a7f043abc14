import pytest

from packcloud_async._sansio.wire import Damage, Link, Request, Response
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
