"""What the caller does wrong or the caller's own objects do: no error shows the credential or the settings."""

import asyncio

import pytest

from packcloud_async import (
    AsyncSyncJob,
    BearerToken,
    HeaderAuth,
    Limiter,
    PackCloudClient,
    PackCloudError,
    PollPolicy,
    RateLimit,
    RetryPolicy,
    SyncTarget,
    TransportError,
)

from ..support.scripted_transport import ScriptedTransport, says
from . import canaries

BAD_ENDS = {"line end": "\n", "second header": "\r\nX-Evil: 1", "NUL": "\0", "outside ASCII": "\u00e9", "space": " "}


@pytest.mark.parametrize("end", BAD_ENDS.values(), ids=BAD_ENDS)
@pytest.mark.parametrize(
    "build",
    [
        BearerToken,
        lambda bad: HeaderAuth("X-Api-Key", bad),
        lambda bad: HeaderAuth("X Api Key", bad),
        lambda bad: PackCloudClient(token=bad),
    ],
    ids=["bearer", "header", "header with a bad name", "client"],
)
def test_a_credential_that_cannot_be_sent(search, build, end):
    with pytest.raises(PackCloudError) as caught:
        build(canaries.TOKEN + end)
    search.error("refused", caught.value)


USERINFO = f"https://user:{canaries.URL_WORD}@api.pack.cloud"
UNUSABLE = {
    "timeouts": {"timeouts": 30},
    "retry": {"retry": 3},
    "routes": {"routes": {}},
    "connections": {"max_connections": 0},
    "plain http": {"base_url": "http://api.pack.cloud"},
    "userinfo": {"base_url": USERINFO},
    "unreadable userinfo": {"base_url": f"https://user:{canaries.URL_WORD}@[api"},
    "both credentials": {"auth": BearerToken(canaries.TOKEN)},
    "session and transport": {"session": object(), "transport": object()},
    "probes": {"probes": {"orders": 7}},
    "limit": {"rate_limit": 7},
}


@pytest.mark.parametrize("options", UNUSABLE.values(), ids=UNUSABLE)
def test_a_client_that_cannot_be_built(search, options):
    with pytest.raises(PackCloudError) as caught:
        PackCloudClient(token=canaries.TOKEN, **options)
    search.error("refused", caught.value)


HALF_BUILT = {
    "job": lambda client: AsyncSyncJob(client, "org_1", "int_1", kinds=[]),
    "job with a bad policy": lambda client: client.organization("org_1").sync_job("int_1", "orders", poll=5),
    "job of no id": lambda client: client.organization("org_1").sync_job("..", "orders"),
    "limiter": lambda client: Limiter(5),
    "organization": lambda client: client.organization(".."),
    "run": lambda client: client.sync_many(["org_1"], kinds=[]),
    "run with a bad policy": lambda client: client.sync_many(["org_1"], kinds=["orders"], poll=5),
    "rate limit": lambda client: RateLimit(-1),
    "retry policy": lambda client: RetryPolicy(attempts=0),
    "poll policy": lambda client: PollPolicy(first=-1),
    "target": lambda client: SyncTarget("", [""]),
}


@pytest.mark.parametrize("build", HALF_BUILT.values(), ids=HALF_BUILT)
def test_an_object_that_cannot_be_built_is_printed_all_the_same(search, build):
    """A traceback with locals calls the repr of an object that is only half there."""
    try:
        build(client_of(200))
    except (PackCloudError, TypeError) as error:
        search.error("refused", error)
    else:
        search.text("nothing was refused", "")


@pytest.mark.parametrize(
    "environment",
    [
        {"PACKCLOUD_TOKEN": f"{canaries.TOKEN}\n"},
        {"PACKCLOUD_BASE_URL": USERINFO},
        {"PACKCLOUD_BASE_URL": "nowhere"},
        {"PACKCLOUD_ROUTES": "/no/such/file"},
    ],
    ids=["token", "userinfo", "base URL", "routes"],
)
def test_an_environment_that_cannot_be_used(search, monkeypatch, environment):
    for name, value in {"PACKCLOUD_TOKEN": canaries.TOKEN, **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PackCloudError) as caught:
        PackCloudClient.from_env()
    search.error("refused", caught.value)


def nested(depth):
    value = canaries.SETTING
    for _ in range(depth):
        value = [value]
    return value


class Odd:
    def __repr__(self):
        return canaries.SETTING


UNSENDABLE = {
    "of no JSON type": {"key": canaries.SETTING, "odd": Odd()},
    "deep": {"key": nested(100_000)},
    "not a number": {"key": canaries.SETTING, "number": float("nan")},
    "half a surrogate pair": {"key": canaries.SETTING + "\ud800"},
    "a name of no JSON type": {(canaries.SETTING,): 1},
}
WRITING = {
    "create": lambda org, given: org.integrations.create(name="Shop", connector_id="x", settings=given),
    "update": lambda org, given: org.integrations.update("int_1", settings=given),
    "update, other": lambda org, given: org.integrations.update("int_1", other={"more": given}),
    "execute action": lambda org, given: org.integrations.execute_action("int_1", "test", given),
    "request": lambda org, given: org._client.request("POST", "/v1/x", json=given),
}


def client_of(*answers, **options):
    options = {"token": canaries.TOKEN, "retry": RetryPolicy(attempts=2, first=0), **options}
    return PackCloudClient(transport=ScriptedTransport(list(answers)), **options)


@pytest.mark.parametrize("given", UNSENDABLE.values(), ids=UNSENDABLE)
@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
async def test_settings_that_cannot_be_sent(search, write, given):
    with pytest.raises(PackCloudError) as caught:
        await write(client_of(200).organization("org_1"), given)
    search.error("refused", caught.value)


@pytest.mark.parametrize("bad", ["", "..", "\ud800", None, 7], ids=repr)
@pytest.mark.parametrize("write", ["update", "execute action"])
async def test_settings_given_with_an_id_that_cannot_be_sent(search, write, bad):
    org = client_of(200).organization("org_1")
    calls = {
        "update": lambda: org.integrations.update(bad, settings=canaries.settings()),
        "execute action": lambda: org.integrations.execute_action(bad, "test", canaries.settings()),
    }
    with pytest.raises(PackCloudError) as caught:
        await calls[write]()
    search.error("refused", caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "NO METHOD"},
        {"path": "//evil.example/"},
        {"path": "/v1/../x"},
        {"query": {"key": f"{canaries.SETTING}\ud800"}},
    ],
    ids=["method", "path", "dots", "query"],
)
async def test_a_request_that_cannot_be_made(search, options):
    given = {"method": "POST", "path": "/v1/x", "query": {"key": canaries.SETTING}, "json": canaries.settings()}
    with pytest.raises(PackCloudError) as caught:
        await client_of(200).request(**(given | options))
    search.error("refused", caught.value)


class Auth:
    """Does with every request what it is told to; its own frames hold the token, and are its own."""

    def __init__(self, act):
        self.act = act

    async def headers(self, *, refused):
        token = canaries.TOKEN
        return self.act(token, refused)


def raising(error):
    def act(token, refused):
        raise error

    return act


OWN = RuntimeError("the vault is closed")
BROKEN = {
    "raises": raising(OWN),
    "raises an error of this package": raising(TransportError("dropped", maybe_sent=True)),
    "is cancelled from below": raising(asyncio.CancelledError()),
    "gives None": lambda token, refused: None,
    "gives a text": lambda token, refused: token,
    "gives a list": lambda token, refused: [token],
    "gives bytes": lambda token, refused: {"X-Key": token.encode()},
    "gives a line end": lambda token, refused: {"X-Key": f"{token}\n"},
    "gives a name that is none": lambda token, refused: {f"{token}\n": "x"},
    "fails to renew": lambda token, refused: raising(OWN)(token, refused) if refused else {"X-Key": token},
    "renews to what cannot be sent": lambda token, refused: {"X-Key": f"{token}\n" if refused else token},
    "renews for nothing": lambda token, refused: {"X-Api-Key": f"{token}{'again' if refused else ''}"},
}


@pytest.mark.parametrize("act", BROKEN.values(), ids=BROKEN)
async def test_an_auth_object_that_is_broken(search, act):
    client = client_of(401, token=None, auth=Auth(act))
    with pytest.raises(PackCloudError) as caught:
        await client.organization("org_1").integrations.get("int_1")
    search.error("refused", caught.value)
    search.value("client", client)
    search.value("pipeline", client._pipeline)


async def test_what_an_auth_object_raises_stays_the_cause_and_is_not_quoted(search):
    own = RuntimeError(f"the vault refused {canaries.TOKEN}")
    with pytest.raises(PackCloudError) as caught:
        await client_of(200, token=None, auth=Auth(raising(own))).organization("org_1").integrations.get("int_1")
    assert caught.value.__cause__ is own
    # Its text is the caller's own, like the variables of the caller's frames.
    search.error("refused", caught.value, but=[own])


async def test_a_renewed_credential_is_not_shown_either(search):
    auth = Auth(lambda token, refused: {"X-Api-Key": f"{token}{'again' if refused else ''}"})
    client = client_of(401, 500, 500, token=None, auth=auth)
    for _ in range(2):
        with pytest.raises(PackCloudError) as caught:
            await client.organization("org_1").integrations.get("int_1")
        search.error("refused", caught.value)
    search.value("pipeline", client._pipeline)


class Stop(BaseException):
    pass


@pytest.mark.parametrize("error", [RuntimeError("no"), Stop("no"), KeyError("no")], ids=repr)
async def test_a_transport_or_a_listener_of_the_callers_own_that_fails(search, error):
    async def fail(request):
        raise error

    def complain(details):
        raise error

    for client in (client_of(fail), client_of(500, on_retry=complain)):
        with pytest.raises(type(error)) as caught:
            await client.organization("org_1").integrations.update("int_1", settings=canaries.settings())
        search.error("passed on", caught.value)


@pytest.mark.parametrize("end", ["cancelled", "timed out", "client closed"])
async def test_a_call_that_is_ended_from_outside(search, everything_is_slow, end):
    async def slow(request):
        await asyncio.sleep(1000)
        return says(200)

    client = client_of(slow)
    call = client.organization("org_1").integrations.update("int_1", settings=canaries.settings())
    task = asyncio.create_task(call if end != "timed out" else asyncio.wait_for(call, 5))
    await asyncio.sleep(1)
    if end == "cancelled":
        task.cancel()
    elif end == "client closed":
        await client.aclose()
    with pytest.raises((asyncio.CancelledError, TimeoutError, PackCloudError)) as caught:
        await task
    search.error(end, caught.value)
    search.text("task", repr(task))
