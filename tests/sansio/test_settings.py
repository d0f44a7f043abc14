"""What is in force: precedence, where each value comes from, and how what is unusable is told."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async import ConfigurationError, PollPolicy, RateLimit, Routes
from packcloud_async._sansio.secret import Secret
from packcloud_async._sansio.settings import environment_settings, rate_settings, settings_in_force
from packcloud_async._sansio.settings_file import (
    SECTIONS,
    Setting,
    TokenFile,
    TokenKeyring,
    read_settings_file,
    route_settings,
)

S3CRET = "s3cret-Zw"
SYNC_ORDERS = "/v1/organizations/{organizationId}/integrations/{integrationId}/sync-orders"
KEYS = {
    "base_url",
    "token",
    "max_connections",
    *(f"{section}.{name}" for section, kind in SECTIONS.items() for name in attrs.fields_dict(kind)),
}


def of_file(text, profile=None):
    file = read_settings_file(Secret(text), "packcloud.toml")
    named = None if profile is None else Setting(profile, "--profile")
    return file.settings(file.profile(named))


def in_force(text, profile=None):
    return settings_in_force(of_file(text, profile))


def environment(**variables):
    return environment_settings({f"PACKCLOUD_{name}": Secret(value) for name, value in variables.items()})


def refused(text, profile=None):
    with pytest.raises(ConfigurationError) as caught:
        in_force(text, profile)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_without_anything_everything_is_the_default():
    settings = settings_in_force()
    assert (settings.base_url, settings.token, settings.max_connections) == ("https://api.pack.cloud", None, 100)
    assert (settings.poll, settings.rate_limit, settings.routes) == (PollPolicy(), None, Routes())
    assert set(settings.values) == KEYS
    assert {setting.source for setting in settings.values.values()} == {"default"}
    assert settings.values["poll.deadline"].value == 300


def test_a_file_sets_what_it_names_and_a_profile_takes_the_place_key_by_key():
    text = """
    base_url = "http://127.0.0.1:8080/"
    max_connections = 7
    token_file = "common.token"
    [poll]
    deadline = 60
    growth = 2.0
    [routes]
    sync_orders = "/v1/organizations/{organizationId}/integrations/{integrationId}/sync-orders"
    [profiles.staging]
    token_keyring = "staging"
    [profiles.staging.poll]
    deadline = "none"
    [profiles.staging.rate_limit]
    requests = 5
    """
    common, staging = in_force(text), in_force(text, "staging")
    assert (common.base_url, common.max_connections) == ("http://127.0.0.1:8080", 7)
    assert (common.token, staging.token) == (TokenFile("common.token"), TokenKeyring("staging"))
    assert (common.poll, staging.poll) == (PollPolicy(deadline=60, growth=2), PollPolicy(deadline=None, growth=2))
    assert (common.rate_limit, staging.rate_limit) == (None, RateLimit(5))
    assert staging.routes == Routes(sync_orders=SYNC_ORDERS)
    assert staging.values["poll.deadline"] == Setting("none", "packcloud.toml, profile staging", in_table=True)
    assert staging.values["poll.growth"].source == "packcloud.toml"
    assert staging.values["token"].source == "token_keyring in packcloud.toml, profile staging"
    assert staging.values["poll.first"].source == "default"


def test_the_file_may_name_the_profile_and_another_one_named_counts_more():
    text = 'profile = "a"\n[profiles.a]\nmax_connections = 1\n[profiles.b]\nmax_connections = 2\n'
    assert (in_force(text).max_connections, in_force(text, "b").max_connections) == (1, 2)


def test_flags_come_before_the_environment_and_that_before_the_file():
    flags = {**rate_settings("50/s", "--rate")}
    variables = environment(RATE="600/min", DEADLINE="5m", TOKEN=S3CRET, TOKEN_FILE="t", BASE_URL="http://localhost:1")
    file = of_file('token_file = "f"\n[rate_limit]\nrequests = 1\nburst = 9\n[poll]\ndeadline = 1\nsettle = 2\n')
    settings = settings_in_force(flags, variables, file)
    assert settings.rate_limit == RateLimit(50, burst=9)
    assert settings.poll == PollPolicy(deadline=300, settle=2)
    assert settings.token == Secret(S3CRET)
    sources = {key: settings.values[key].source for key in ("rate_limit.requests", "poll.deadline", "poll.settle")}
    assert sources == {
        "rate_limit.requests": "--rate",
        "poll.deadline": "PACKCLOUD_DEADLINE",
        "poll.settle": "packcloud.toml",
    }
    assert S3CRET not in repr(settings) + repr(dict(settings.values)) + repr(variables)


@given(st.lists(st.dictionaries(st.sampled_from(["poll.first", "poll.settle", "retry.attempts"]), st.integers(1, 9))))
def test_the_first_layer_that_has_a_key_decides(layers):
    named = [{key: Setting(value, f"{number}") for key, value in layer.items()} for number, layer in enumerate(layers)]
    values = settings_in_force(*named).values
    for key in ("poll.first", "poll.settle", "retry.attempts"):
        expected = next((layer[key] for layer in named if key in layer), None)
        assert values[key] == expected if expected else values[key].source == "default"


def test_the_environment_gives_a_token_file_when_it_gives_no_token():
    assert settings_in_force(environment(TOKEN="", TOKEN_FILE="t")).token == TokenFile("t")
    assert settings_in_force(environment(DEADLINE="none")).poll.deadline is None
    assert environment(TOKEN="", TOKEN_FILE="", BASE_URL="", RATE="", DEADLINE="") == {}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RATE": "fast"}, "PACKCLOUD_RATE must be a rate such as 50/s, 600/min or 10/2s, not 'fast'"),
        ({"DEADLINE": "soon"}, "PACKCLOUD_DEADLINE must be a time such as 90s, 5m or 1h, not 'soon'"),
        ({"BASE_URL": "nowhere"}, "PACKCLOUD_BASE_URL must begin with https:// and name a host, not 'nowhere'"),
        (
            {"RATE": "1/999999999999d"},
            "PACKCLOUD_RATE: rate_limit must lie between one request in a million seconds and a million per second, "
            "not 1.0 in 8.63999999999136e+16 seconds",
        ),
    ],
)
def test_what_is_unusable_in_the_environment_is_told_by_its_variable(variables, told):
    with pytest.raises(ConfigurationError) as caught:
        settings_in_force(environment(**variables))
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[poll]\ndedline = 1", "packcloud.toml, [poll]: unknown key 'dedline'; allowed: first, growth, ceiling,"),
        ("baseurl = 1", "packcloud.toml: unknown key 'baseurl'; allowed: profile, profiles, base_url, token_file,"),
        ("[profiles.x]\nx = 1", "packcloud.toml, profile x: unknown key 'x'; allowed: base_url, token_file,"),
        ("[profiles.x.retry]\nx = 1", "packcloud.toml, profile x, [retry]: unknown key 'x'; allowed: attempts,"),
        ("poll = 3", "packcloud.toml: poll must be a table such as [poll], not a whole number"),
        ("profiles = []", "packcloud.toml: profiles must be a table such as [profiles], not a list"),
        ("[profiles]\nx = 2026-01-01", "packcloud.toml: profiles.x must be a table such as [profiles.x], not a date"),
        ("profile = 1.5", "packcloud.toml: profile must be the name of a profile, a text, not a number"),
        (
            'profile = "z"\n[profiles.x]',
            "profile in packcloud.toml: there is no profile 'z' in packcloud.toml; it has: x",
        ),
        ("token_file = true", "packcloud.toml: token_file must be the path of a file, a text, not yes or no"),
        ('token_file = ""', "packcloud.toml: token_file must be the path of a file, a text, not an empty text"),
        (
            "token_keyring = {}",
            "packcloud.toml: token_keyring must be the user name of an entry in the keyring, a text",
        ),
        ('token_file="a"\ntoken_keyring="b"', "packcloud.toml: give token_file or token_keyring, not both"),
        ("max_connections = 0", "packcloud.toml: max_connections must be a whole number of at least 1, not 0"),
        ('base_url = "http://x.example"', "packcloud.toml: base_url 'http://x.example' would send the credential"),
        ("base_url = 5", "packcloud.toml: base_url must be a text, not int"),
        (
            '[poll]\ndeadline = "soon"',
            "packcloud.toml: poll.deadline must be a number of at least 0 or \"none\", not 'soon'",
        ),
        ("[poll]\ngrowth = nan", "packcloud.toml: poll.growth must be a number above 1, not nan"),
        ("[rate_limit]\nadaptive = true", "packcloud.toml: rate_limit.adaptive needs requests"),
        ('[routes]\nsettings = "x"', "packcloud.toml: routes.settings must be a path that begins with '/', not 'x'"),
        ("x = ", "packcloud.toml: it is not TOML: Invalid value (at"),
        (f"x = {'9' * 5000}", "packcloud.toml: it cannot be read: ValueError"),
        (f"x = {'[' * 100_000}", "packcloud.toml: it cannot be read: RecursionError"),
    ],
)
def test_what_is_unusable_in_a_file_is_told_with_file_key_and_what_is_allowed(text, told):
    assert refused(text).startswith(told)


def test_a_profile_that_is_not_there_is_told_with_those_that_are():
    assert refused("", "x") == "--profile: there is no profile 'x' in packcloud.toml; it has: none"


@pytest.mark.parametrize(
    "text",
    [
        f'token = "{S3CRET}"',
        f'api-token = "{S3CRET}"',
        f'ApiKey = "{S3CRET}"',
        f'[profiles.x]\nPACKCLOUD_TOKEN = "{S3CRET}"',
        f'[poll]\nauthorization = "Bearer {S3CRET}"',
        f'[profiles.x.retry]\npassword = "{S3CRET}"',
        f'[token]\nvalue = "{S3CRET}"',
    ],
)
def test_a_token_in_the_file_is_refused_unquoted_with_the_ways_out(text):
    told = refused(text)
    assert "a token has no place in this file: set PACKCLOUD_TOKEN, or name a file with token_file, or" in told
    assert S3CRET not in told


@pytest.mark.parametrize("text", [f'x "{S3CRET}"', f'token_file = ["{S3CRET}"]', f'token_keyring = {{a = "{S3CRET}"}}'])
def test_what_stands_where_a_token_may_is_never_quoted(text):
    assert S3CRET not in refused(text)


class TestAFileThatNobodyNamed:
    """Any folder may hold one: it does not decide where the token is sent."""

    @pytest.mark.parametrize("url", ["https://evil.example", "https://api.pack.cloud.evil.example"])
    def test_it_may_not_name_another_server(self, url):
        file = of_file(f'base_url = "{url}"')
        with pytest.raises(ConfigurationError, match=r"only found in the working directory: name it with --config or"):
            settings_in_force({}, file, untrusted=file)
        assert settings_in_force({}, file).base_url == url

    @pytest.mark.parametrize(
        "url", ["https://api.pack.cloud", "https://api.pack.cloud/", "http://127.0.0.1:80", "http://[::1]"]
    )
    def test_it_may_name_the_usual_one_and_this_machine(self, url):
        file = of_file(f'base_url = "{url}"')
        assert settings_in_force({}, file, untrusted=file).base_url == url.rstrip("/")

    def test_one_of_another_user_may_not_even_name_this_machine(self):
        file = of_file('base_url = "http://127.0.0.1:80"')
        with pytest.raises(ConfigurationError, match=r"^packcloud.toml: base_url decides where the token is sent, and"):
            settings_in_force({}, file, untrusted=file, is_own=False)
        usual = of_file('base_url = "https://api.pack.cloud"')
        assert settings_in_force({}, usual, untrusted=usual, is_own=False).base_url == "https://api.pack.cloud"
        assert settings_in_force({}, file, is_own=False).base_url == "http://127.0.0.1:80"

    def test_what_it_says_does_not_matter_when_something_stronger_names_the_server(self):
        file = of_file('base_url = "https://evil.example"')
        variables = environment(BASE_URL="https://other.example")
        assert settings_in_force(variables, file, untrusted=file).base_url == "https://other.example"


def test_a_file_of_routes_sets_what_it_overrides():
    found = route_settings(Secret(f'[routes]\nsync_orders = "{SYNC_ORDERS}"'), "PACKCLOUD_ROUTES")
    assert found == {"routes.sync_orders": Setting(SYNC_ORDERS, "PACKCLOUD_ROUTES", in_table=True)}
    assert settings_in_force(found).routes == Routes(sync_orders=SYNC_ORDERS)


def test_a_file_of_routes_that_names_a_default_counts_more_than_what_is_weaker():
    found = route_settings(Secret(f'[routes]\nsync_orders = "{Routes().sync_orders}"'), "PACKCLOUD_ROUTES")
    settings = settings_in_force(found, of_file(f'[routes]\nsync_orders = "{SYNC_ORDERS}"'))
    assert settings.routes == Routes()
    assert settings.values["routes.sync_orders"].source == "PACKCLOUD_ROUTES"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[routes", "--routes: the routes file is not TOML: "),
        ("x = 1", "--routes: the routes file must hold one table, [routes], of route = template"),
        (
            "[routes]\nsync_order = 1",
            "--routes: the routes file names unknown routes ['sync_order']; known: integrations",
        ),
        ("[routes]\nsync_orders = 1", "--routes: routes.sync_orders must be a path that begins with '/', not 1"),
    ],
)
def test_a_file_of_routes_that_cannot_be_used_is_told_by_who_named_it(text, told):
    with pytest.raises(ConfigurationError) as caught:
        settings_in_force(route_settings(Secret(text), "--routes"))
    assert str(caught.value).startswith(told)
    assert caught.value.__context__ is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(["none", "/x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*SECTIONS, "x"]), inner, max_size=2),
    max_leaves=4,
)


def settings_or_complaint(make):
    try:
        return make()
    except ConfigurationError as error:
        return str(error)


@given(st.dictionaries(st.sampled_from(sorted(KEYS - {"token"})), VALUES, max_size=5))
def test_any_values_are_in_force_as_they_are_or_refused_with_their_source(values):
    layer = {key: Setting(value, "here", in_table=True) for key, value in values.items()}
    found = settings_or_complaint(lambda: settings_in_force(layer))
    if isinstance(found, str):
        assert found.startswith("here: ")
    else:
        assert {key: setting.value for key, setting in found.values.items() if setting.source == "here"} == values


@given(st.text() | st.from_regex(r"(\[?(poll|profiles|routes|token|x)(\.\w+)?\]?( = ([0-9]|\"\w\"|true))?\n){1,4}"))
def test_any_text_is_a_file_or_refused_with_its_name(text):
    def make():
        file = read_settings_file(Secret(text), "packcloud.toml")
        return settings_in_force(file.settings(file.profile(None)))

    found = settings_or_complaint(make)
    assert not isinstance(found, str) or "packcloud.toml" in found
