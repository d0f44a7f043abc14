import copy
import pickle

import pytest

from packcloud_async.auth import BearerToken, HeaderAuth
from packcloud_async.errors import ConfigurationError

CREDENTIALS = {"bearer": BearerToken("hush-1|abc"), "header": HeaderAuth("X-Api-Key", "hush-1|abc")}


async def test_a_bearer_token_is_one_header():
    assert await CREDENTIALS["bearer"].headers(refused=False) == {"Authorization": "Bearer hush-1|abc"}


async def test_any_header_can_carry_the_credential():
    assert await CREDENTIALS["header"].headers(refused=False) == {"X-Api-Key": "hush-1|abc"}


@pytest.mark.parametrize("auth", CREDENTIALS.values(), ids=CREDENTIALS)
async def test_a_fixed_credential_has_no_other_when_refused(auth):
    assert await auth.headers(refused=True) == await auth.headers(refused=False)


@pytest.mark.parametrize("auth", CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_credential_is_not_printed(auth):
    assert "hush" not in f"{auth!r} {auth!s} {[auth]}"
    assert type(auth).__name__ in repr(auth)


@pytest.mark.parametrize("auth", CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_credential_is_a_value(auth):
    assert {auth: 1}[copy.deepcopy(auth)] == 1
    assert pickle.loads(pickle.dumps(auth)) == auth
    with pytest.raises(AttributeError):
        auth.other = 1


BAD_VALUES = {
    "empty": "",
    "blank": " \t",
    "none": None,
    "bytes": b"hush",
    "number": 7,
    "space before": " hush",
    "line break after": "hush\n",
    "header injection": "hush\r\nX-Evil: 1",
    "nul": "hush\x00",
    "outside ASCII": "hush-é",
    "zero-width space": "hush\u200b",
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_value_that_cannot_stand_in_a_header_is_refused_and_not_quoted(value):
    for build, name in ((BearerToken, "token"), (lambda bad: HeaderAuth("X-Api-Key", bad), "header value")):
        with pytest.raises(ConfigurationError, match=f"^{name} ") as caught:
            build(value)
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["", None, 7, "X Api Key", "X-Api-Key:", "X-Ké", "X-Key\r\nX", "X/Key", " X-Key"])
def test_a_name_that_is_no_header_name_is_refused(name):
    with pytest.raises(ConfigurationError, match=r"^header name must be"):
        HeaderAuth(name, "hush")
