"""A server that echoes the credential and the settings, in every form and place, in answer to every call.

Spans do not exist yet: what a tracer could be given, the details of a retry, is searched in their place.
"""

import pytest

from packcloud_async import PackCloudClient, PackCloudError, RetryPolicy

from . import canaries
from .hostile import CALLS, PLACES, HostileTransport

RETRY = RetryPolicy(attempts=2, first=0.01, retry_after_ceiling=1)


async def meet(search, call, place, shape, auth):
    """Make one call and search how it failed; a 2xx that can be read is the server's own word."""
    transport = HostileTransport(canaries.echoes()[shape], PLACES[place])
    client = PackCloudClient(
        transport=transport, retry=RETRY, on_retry=lambda told: search.value("retry", told), **auth
    )
    search.value("client", client)
    try:
        async with client:
            await CALLS[call](client)
    except PackCloudError as error:
        search.error(f"{call}, {place}, {shape}", error)
    assert any(canaries.found_in(secret) for request in transport.sent for secret in request.headers.values())
    for request in transport.sent:
        search.value("request", request)
        search.value("response", PLACES[place]("x", request))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("call", CALLS)
async def test_no_call_shows_what_a_server_echoes(search, call, place):
    await meet(search, call, place, "as it is", {"token": canaries.TOKEN})


# Every other place has its text read by the same code as one of these, or not at all.
@pytest.mark.parametrize("place", ["message", "name of a complaint", "leaf", "text", "request id", "page of next"])
@pytest.mark.parametrize("shape", canaries.echoes())
async def test_no_form_of_an_echo_is_shown(search, shape, place):
    await meet(search, "list" if place == "page of next" else "update", place, shape, {"token": canaries.TOKEN})


@pytest.mark.parametrize("place", PLACES)
async def test_no_kind_of_credential_is_shown(search, everything_is_slow, place, auth):
    await meet(search, "list", place, "as it is", auth)
    await meet(search, "list", place, "base64", auth)
