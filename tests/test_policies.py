import math
import pickle
import re
from decimal import Decimal

import attrs
import pytest

from packcloud_async.errors import ConfigurationError
from packcloud_async.models import Integration
from packcloud_async.policies import (
    UNCONFIRMED_ROUTES,
    PollPolicy,
    RateLimit,
    RetryPolicy,
    Routes,
    Timeouts,
    check_base_url,
    check_instance,
    check_whole,
    path_segment,
)

NUMBERS = {
    Timeouts: {"connect": "above 0 or None", "read": "above 0 or None", "total": "above 0 or None"},
    RetryPolicy: {
        "first": "of at least 0",
        "growth": "of at least 1",
        "ceiling": "of at least 0",
        "retry_after_ceiling": "of at least 0",
        "budget_window": "of at least 1",
    },
    RateLimit: {
        "requests": "above 0 or None",
        "per": "above 0",
        "quiet": "above 0",
        "presumed_window": "above 0",
        "longest_wait": "of at least 0",
    },
    PollPolicy: {
        "first": "above 0",
        "growth": "above 1",
        "ceiling": "above 0",
        "deadline": "of at least 0 or None",
        "settle": "of at least 0",
        "jitter": "of at least 0",
        "gone_after": "of at least 0",
    },
}
FIELDS = [(policy, name, wanted) for policy, fields in NUMBERS.items() for name, wanted in fields.items()]
named = pytest.mark.parametrize(("policy", "name", "wanted"), FIELDS, ids=[f"{p.__name__}.{n}" for p, n, _ in FIELDS])
NO_NUMBERS = [-1, -0.001, math.nan, math.inf, -math.inf, True, "1", b"1", [], 10**400, Decimal(2)]


@named
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:12])
def test_a_value_out_of_range_is_named_with_its_policy(policy, name, wanted, value):
    complaint = f"{policy.__name__}.{name} must be a number {wanted}, not {value!r}"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}$"):
        policy(**{name: value})


@named
def test_the_edge_of_a_range_counts_where_it_says_so(policy, name, wanted):
    edge = 1 if "1" in wanted else 0
    if "above" in wanted:
        with pytest.raises(ConfigurationError):
            policy(**{name: edge})
    else:
        assert getattr(policy(**{name: edge}), name) == edge


@named
def test_none_is_no_limit_where_it_says_so(policy, name, wanted):
    if "None" in wanted:
        assert getattr(policy(**{name: None}), name) is None
    else:
        with pytest.raises(ConfigurationError, match=rf"^{policy.__name__}\.{name} .* not None$"):
            policy(**{name: None})


RATIOS = {
    (RetryPolicy, "budget"): "of at least 0 and at most 1 or None",
    (RateLimit, "decrease"): "above 0 and below 1",
    (RateLimit, "increase"): "above 0 and at most 1",
    (RateLimit, "floor"): "above 0 and at most 1",
    (RateLimit, "little"): "of at least 0 and at most 1",
}


@pytest.mark.parametrize(("policy", "name", "wanted"), [(*place, wanted) for place, wanted in RATIOS.items()], ids=str)
def test_a_ratio_lies_where_its_message_says(policy, name, wanted):
    edges = {0: "of at least 0" in wanted, 1: "at most 1" in wanted, None: "None" in wanted}
    for value in (*NO_NUMBERS, 1.001, *(edge for edge, allowed in edges.items() if not allowed)):
        complaint = f"{policy.__name__}.{name} must be a number {wanted}, not {value!r}"
        with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}$"):
            policy(**{name: value})
    for value in (0.001, 0.999, *(edge for edge, allowed in edges.items() if allowed)):
        assert getattr(policy(**{name: value}), name) == value


@pytest.mark.parametrize(("name", "minimum"), [("budget_reserve", 0), ("burst", 1)])
def test_counts_are_whole_numbers(name, minimum):
    policy = RateLimit if name == "burst" else RetryPolicy
    assert getattr(policy(**{name: minimum}), name) == minimum
    for value in (minimum - 1, 1.5, True, "3", None):
        complaint = f"{policy.__name__}.{name} must be a whole number of at least {minimum}, not {value!r}"
        with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}$"):
            policy(**{name: value})


@pytest.mark.parametrize("value", [0, 1, "yes", None])
@pytest.mark.parametrize("name", ["adaptive", "server_headers"])
def test_a_switch_is_on_or_off(name, value):
    with pytest.raises(ConfigurationError, match=rf"^RateLimit\.{name} must be True or False, not {value!r}$"):
        RateLimit(5, **{name: value})


# Rate limits


@pytest.mark.parametrize(
    ("limit", "rate", "burst"),
    [
        (RateLimit(), None, 1),
        (RateLimit(50), 50, 1),
        (RateLimit(600, per=60), 10, 1),
        (RateLimit(1000), 1000, 20),
        (RateLimit(0.5), 0.5, 1),
        (RateLimit(requests=1000, per=1000, burst=7), 1, 7),
        (RateLimit(1e-6), 1e-6, 1),
        (RateLimit(1e6), 1e6, 20_000),
    ],
    ids=str,
)
def test_a_rate_limit_is_so_many_per_second_and_makes_up_for_late_timers(limit, rate, burst):
    assert (limit.rate, limit.burst) == (rate, burst)


@pytest.mark.parametrize(
    ("requests", "per"), [(1e-7, 1), (1, 1e7), (1e7, 1), (1e308, 1e-308), (1e-308, 1e308)], ids=str
)
def test_a_rate_beyond_reason_is_refused(requests, per):
    complaint = re.escape(f"not {requests!r} in {per!r} seconds")
    with pytest.raises(ConfigurationError, match=rf"^RateLimit must lie between .* {complaint}$"):
        RateLimit(requests, per=per)


def test_a_rate_can_only_adapt_if_there_is_one_to_come_back_to():
    assert RateLimit(5, adaptive=True).adaptive
    with pytest.raises(ConfigurationError, match=r"^RateLimit\.adaptive needs requests: the rate to come back to$"):
        RateLimit(adaptive=True)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None])
def test_attempts_are_a_whole_number(value):
    with pytest.raises(ConfigurationError) as caught:
        RetryPolicy(attempts=value)
    assert str(caught.value) == f"RetryPolicy.attempts must be a whole number of at least 1, not {value!r}"


def test_a_whole_number_is_checked_by_name():
    check_whole("max_connections", 1, 1)
    with pytest.raises(ConfigurationError, match=r"^max_connections must be a whole number of at least 5, not 4$"):
        check_whole("max_connections", 4, 5)


@pytest.mark.parametrize(
    ("value", "wanted", "complaint"),
    [
        pytest.param({}, RetryPolicy, "retry must be a RetryPolicy, not {}", id="mapping"),
        pytest.param(PollPolicy, PollPolicy, f"retry must be a PollPolicy, not {PollPolicy!r}", id="the class itself"),
        pytest.param(7, OSError, "retry must be an OSError, not 7", id="vowel"),
    ],
)
def test_a_value_of_another_class_is_refused_by_name(value, wanted, complaint):
    with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}$"):
        check_instance("retry", value, wanted)


def test_a_value_of_the_class_or_none_is_fine():
    check_instance("retry", RetryPolicy(), RetryPolicy)
    check_instance("retry", None, RetryPolicy)


@pytest.mark.parametrize("jitter", [1, 1.5])
def test_jitter_is_below_one(jitter):
    with pytest.raises(ConfigurationError, match=rf"^PollPolicy\.jitter must be below 1, not {jitter}$"):
        PollPolicy(jitter=jitter)


@pytest.mark.parametrize(
    ("timeouts", "seconds"),
    [
        (Timeouts(), 10),
        (Timeouts(connect=None), 81),
        (Timeouts(connect=5, total=2), 1.8),
        (Timeouts(connect=5, total=None), 5),
        (Timeouts(connect=None, total=None), None),
    ],
)
def test_an_attempt_without_connection_is_given_up_before_its_total(timeouts, seconds):
    assert timeouts.until_connected == seconds


@pytest.mark.parametrize("host", ["a..b", ".", "a" * 64 + ".example"])
def test_a_host_that_no_resolver_takes_is_refused(host):
    with pytest.raises(ConfigurationError, match="base_url"):
        check_base_url(f"https://{host}", allow_insecure=False)


@pytest.mark.parametrize(
    "policy", [Timeouts(), RetryPolicy(), RateLimit(), PollPolicy(), Routes()], ids=lambda p: type(p).__name__
)
def test_a_policy_is_a_frozen_value(policy):
    assert {policy: 1}[type(policy)()] == 1
    assert pickle.loads(pickle.dumps(policy)) == policy
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(policy, attrs.fields(type(policy))[0].name, 1)


@pytest.mark.parametrize(
    ("policy", "defaults"),
    [
        (Timeouts(), {"connect": 10, "read": 60, "total": 90}),
        (
            RetryPolicy(),
            {
                "attempts": 4,
                "first": 0.5,
                "growth": 2,
                "ceiling": 30,
                "retry_after_ceiling": 120,
                "budget": 0.2,
                "budget_reserve": 100,
                "budget_window": 30,
            },
        ),
        (
            RateLimit(),
            {
                "requests": None,
                "per": 1,
                "burst": 1,
                "adaptive": False,
                "decrease": 0.7,
                "increase": 0.02,
                "quiet": 2,
                "floor": 0.05,
                "server_headers": True,
                "little": 0.1,
                "presumed_window": 60,
                "longest_wait": 120,
            },
        ),
        (
            PollPolicy(),
            {
                "first": 1,
                "growth": 1.5,
                "ceiling": 60,
                "deadline": 300,
                "settle": 0,
                "jitter": 0.1,
                "gone_after": 30,
            },
        ),
    ],
)
def test_the_defaults_are_as_published(policy, defaults):
    assert attrs.asdict(policy) == defaults


def test_a_policy_is_changed_by_making_another():
    with pytest.raises(ConfigurationError, match=r"PollPolicy\.first"):
        attrs.evolve(PollPolicy(), first=0)


# Retries


@pytest.mark.parametrize(
    ("failures", "draw", "delay"),
    [(1, 0.0, 0.25), (1, 0.5, 0.375), (2, 0.0, 0.5), (3, 0.0, 1.0), (7, 0.0, 15.0), (500, 0.0, 15.0)],
)
def test_waits_double_up_to_the_ceiling(failures, draw, delay):
    assert RetryPolicy().delay_after(failures, retry_after=None, draw=draw) == delay


@pytest.mark.parametrize(
    ("policy", "failures", "full"),
    [
        pytest.param(RetryPolicy(growth=1e300), 5, 30.0, id="growth beyond a float"),
        pytest.param(RetryPolicy(growth=2), 100_000, 30.0, id="whole growth, many failures"),
        pytest.param(RetryPolicy(first=0, growth=1e300), 5, 0.0, id="no wait at all"),
        pytest.param(RetryPolicy(first=1e300, growth=1e300), 2, 30.0, id="product beyond a float"),
        pytest.param(RetryPolicy(ceiling=0), 1, 0.0, id="no ceiling"),
        pytest.param(RetryPolicy(growth=1), 50, 0.5, id="no growth"),
    ],
)
def test_no_policy_overflows(policy, failures, full):
    assert policy.delay_after(failures, retry_after=None, draw=0.0) == full / 2
    assert policy.delay_after(failures, retry_after=None, draw=0.999) <= full


def test_a_wish_of_the_server_is_waited_for_in_full_up_to_its_ceiling():
    policy = RetryPolicy(retry_after_ceiling=10)
    assert policy.delay_after(1, retry_after=7.0, draw=0.0) == 7.0
    assert policy.delay_after(1, retry_after=0.0, draw=0.0) == 0.0
    assert policy.delay_after(1, retry_after=70.0, draw=0.0) == 10.0
    assert [policy.accepts(wish) for wish in (None, 0.0, 10.0, 10.1)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("status", "wish", "turned_away"),
    [(429, None, True), (429, 0.0, True), (503, 0.0, True), (503, None, False), (500, 3.0, False), (200, 3.0, False)],
)
def test_who_is_told_when_to_come_back_was_turned_away(status, wish, turned_away):
    assert RetryPolicy().is_refusal(status, wish) is turned_away


@pytest.mark.parametrize(
    ("status", "wish", "pause"),
    [
        pytest.param(429, 7.0, 7.0, id="429 with a wish"),
        pytest.param(503, 7.0, 7.0, id="503 with a wish"),
        pytest.param(429, 70.0, 10.0, id="a long wish"),
        pytest.param(429, 0.0, 0.0, id="no wait is a wish too"),
        pytest.param(429, None, 0.5, id="429 without a wish"),
        pytest.param(503, None, 0.0, id="503 without a wish"),
        pytest.param(500, 7.0, 0.0, id="other status"),
    ],
)
def test_a_refusal_makes_every_request_wait(status, wish, pause):
    assert RetryPolicy(retry_after_ceiling=10).pause_after(status, wish) == pause


def test_waits_are_given_one_for_each_failure():
    class Wish(Exception):
        retry_after = 7.0

    waits = RetryPolicy().waits(lambda: 0.0)
    assert next(waits) == 0.0
    assert [waits.send(error) for error in (Exception(), Wish(), None)] == [0.25, 7.0, 1.0]


# Polling


@pytest.mark.parametrize(
    ("age", "spread", "delay"),
    [
        pytest.param(0.0, 0.5, 1.0, id="first"),
        pytest.param(1.0, 0.5, 1.0, id="not less than first"),
        pytest.param(8.0, 0.5, 4.0, id="a share of the age"),
        pytest.param(1e9, 0.5, 60.0, id="ceiling"),
        pytest.param(8.0, 0.0, 3.6, id="least"),
        pytest.param(8.0, 0.75, 4.2, id="stretched"),
    ],
)
def test_reads_thin_out_with_age(age, spread, delay):
    assert PollPolicy().delay_after(age, spread=spread) == pytest.approx(delay)


# Routes


IDS = {"organizationId": "org_1", "integrationId": "int_1", "action": "run"}


def test_routes_that_no_public_page_shows_are_marked():
    assert set(attrs.fields_dict(Routes)) - UNCONFIRMED_ROUTES == {"integrations", "shipping_services"}


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("integrations", "/v1/organizations/org_1/integrations"),
        ("integration", "/v1/organizations/org_1/integrations/int_1"),
        ("actions", "/v1/organizations/org_1/integrations/int_1/actions"),
        ("execute_action", "/v1/organizations/org_1/integrations/int_1/actions/run"),
        ("settings", "/v1/organizations/org_1/integrations/int_1/settings"),
        ("sync_orders", "/v1/organizations/org_1/integrations/int_1/orders/sync"),
        ("sync_products", "/v1/organizations/org_1/integrations/int_1/products/sync"),
        ("sync_stocks", "/v1/organizations/org_1/integrations/int_1/stocks/sync"),
        ("sync_shipping_services", "/v1/organizations/org_1/integrations/int_1/shipping-services/sync"),
        ("shipping_services", "/v1/organizations/org_1/shipping-services"),
    ],
)
def test_the_path_of_every_call(route, path):
    assert Routes().path(route, **IDS) == path


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("/v2/{integrationId}/of/{organizationId}/go", id="another order"),
        pytest.param("/v2/o-{organizationId}/{integrationId}.json", id="inside a segment"),
        pytest.param("/{organizationId}/{integrationId}/a%20b:c@d", id="odd characters"),
    ],
)
def test_a_route_can_be_overridden(template):
    expected = template.format(organizationId="org_1", integrationId="a%2Fb")
    assert Routes(sync_orders=template).path("sync_orders", organizationId="org_1", integrationId="a/b") == expected


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        pytest.param("", "begins with '/'", id="empty"),
        pytest.param("v1/{organizationId}/{integrationId}", "begins with '/'", id="relative"),
        pytest.param("https://evil.example/{organizationId}/{integrationId}", "begins with '/'", id="a URL"),
        pytest.param(7, "begins with '/'", id="a number"),
        pytest.param(None, "begins with '/'", id="none"),
        pytest.param("/{organizationId}/{integrationId}?x=1", "plain path", id="query"),
        pytest.param("/{organizationId}/{integrationId}#x", "plain path", id="fragment"),
        pytest.param("/\\{organizationId}/{integrationId}", "plain path", id="backslash"),
        pytest.param("/{organizationId}/{integrationId}/a b", "plain path", id="space"),
        pytest.param("/{organizationId}/{integrationId}\r\nX: y", "plain path", id="line break"),
        pytest.param("/{organizationId}/{integrationId}/é", "plain path", id="outside ASCII"),
        pytest.param("//evil.example/{organizationId}/{integrationId}", "segment", id="a host"),
        pytest.param("/{organizationId}/../{integrationId}", "segment", id="dots"),
        pytest.param("/./{organizationId}/{integrationId}", "segment", id="a dot"),
        pytest.param("/{organizationId}/{integrationId}/", "segment", id="slash at the end"),
        pytest.param("/v1/sync", "placeholders", id="no placeholders"),
        pytest.param("/{organizationId}/sync", "placeholders", id="one is missing"),
        pytest.param("/{organizationId}/{integrationId}/{action}", "placeholders", id="one too many"),
        pytest.param("/{organizationId}/{integrationId}/{integrationId}", "placeholders", id="one twice"),
        pytest.param("/{organization_id}/{integrationId}", "placeholders", id="other name"),
        pytest.param("/{organizationId}/{}", "placeholders", id="no name"),
        pytest.param("/{organizationId}/{integrationId:>9}", "placeholders", id="format"),
        pytest.param("/{organizationId}/{integrationId!r}", "placeholders", id="conversion"),
        pytest.param("/{organizationId}/{integrationId.real}", "placeholders", id="attribute"),
        pytest.param("/{organizationId}/{integrationId[0]}", "placeholders", id="item"),
        pytest.param("/{organizationId}/{integrationId", "placeholders", id="open brace"),
        pytest.param("/{organizationId}/integrationId}", "placeholders", id="closing brace"),
    ],
)
def test_an_unusable_template_is_refused_by_name(template, complaint):
    with pytest.raises(ConfigurationError, match=rf"^Routes\.sync_orders must .*{complaint}") as caught:
        Routes(sync_orders=template)
    assert repr(template) in str(caught.value)


def test_the_wanted_placeholders_are_named():
    with pytest.raises(
        ConfigurationError, match=r"exactly the placeholders \{integrationId\}, \{organizationId\}: '/x'"
    ):
        Routes(sync_orders="/x")


@pytest.mark.parametrize("text", ["", "[routes]\n", "# nothing\n"])
def test_a_routes_file_may_override_nothing(text):
    assert Routes.from_toml(text) == Routes()


def test_a_routes_file_overrides_what_it_names():
    text = '[routes]\nsync_orders = "/v2/{organizationId}/{integrationId}/orders"\n'
    routes = Routes.from_toml(text)
    assert routes == Routes(sync_orders="/v2/{organizationId}/{integrationId}/orders")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("[routes", r"^the routes file is not TOML: ", id="bad TOML"),
        pytest.param("a = " + "[" * 10_000, r"^the routes file cannot be read: RecursionError$", id="too deep"),
        pytest.param("a = " + "9" * 5_000, r"^the routes file cannot be read: ValueError$", id="too many digits"),
        pytest.param("routes = 7", r"one table, \[routes\]", id="no table"),
        pytest.param("[[routes]]", r"one table, \[routes\]", id="list of tables"),
        pytest.param('sync_orders = "/x"', r"one table, \[routes\]", id="outside the table"),
        pytest.param("[routes]\n[other]", r"one table, \[routes\]", id="another table"),
        pytest.param(
            '[routes]\nsync_order = "/x"\nabc = 1',
            r"unknown routes \['abc', 'sync_order'\]; known: integrations, ",
            id="unknown names",
        ),
        pytest.param('[routes]\nsync_orders = "/x"', r"^Routes\.sync_orders must", id="missing placeholders"),
        pytest.param("[routes]\nsync_orders = 7", r"^Routes\.sync_orders must", id="number"),
    ],
)
def test_an_unusable_routes_file_is_refused(text, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        Routes.from_toml(text)


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("org_1", "org_1"),
        ("a/b", "a%2Fb"),
        ("...", "..."),
        ("%2e", "%252e"),
        ("\x00\r\n", "%00%0D%0A"),
        ("é\u2028", "%C3%A9%E2%80%A8"),
        (" ", "%20"),
        ("~-._", "~-._"),
    ],
)
def test_an_id_is_encoded_into_one_segment(value, segment):
    assert path_segment("organizationId", value) == segment


@pytest.mark.parametrize("value", ["", ".", "..", None, 7, b"x", "\ud800"])
def test_an_id_that_no_encoding_makes_safe_is_refused_by_name(value):
    with pytest.raises(ConfigurationError, match=r"^organizationId (must|holds) .*" + re.escape(repr(value)) + "$"):
        path_segment("organizationId", value)


# Base URL


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.pack.cloud", "https://api.pack.cloud"),
        ("https://api.pack.cloud/", "https://api.pack.cloud"),
        ("https://gw.example:8443/pack/", "https://gw.example:8443/pack"),
        ("HTTPS://API.pack.cloud", "HTTPS://API.pack.cloud"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://LOCALHOST", "http://LOCALHOST"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.8.8.8:1", "http://127.8.8.8:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_a_safe_base_url_is_kept(url, kept):
    assert check_base_url(url, allow_insecure=False) == kept


@pytest.mark.parametrize("url", ["http://api.pack.cloud", "http://10.0.0.1:80", "http://localhost.evil.example"])
def test_an_unencrypted_base_url_must_be_asked_for(url):
    with pytest.raises(ConfigurationError, match=re.escape(f"{url!r} would send the credential unencrypted")):
        check_base_url(url, allow_insecure=False)
    assert check_base_url(url, allow_insecure=True) == url


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        pytest.param("", "must begin with https://", id="empty"),
        pytest.param("api.pack.cloud", "must begin with https://", id="no scheme"),
        pytest.param("ftp://api.pack.cloud", "must begin with https://", id="other scheme"),
        pytest.param("https://", "must begin with https://", id="no host"),
        pytest.param("https:///v1", "must begin with https://", id="empty host"),
        pytest.param("https:\\\\api.pack.cloud", "must begin with https://", id="backslashes"),
        pytest.param("https://[::1", "is not a URL", id="half an address"),
        pytest.param("https://api.pack.cloud:port", "is not a URL", id="word as port"),
        pytest.param("https://api.pack.cloud:99999", "is not a URL", id="port out of range"),
        pytest.param("https://api.pack.cloud?", "must hold no", id="empty query"),
        pytest.param("https://api.pack.cloud/?a=b", "must hold no", id="query"),
        pytest.param("https://api.pack.cloud#", "must hold no", id="empty fragment"),
        pytest.param("https://api.pack.cloud/a b", "must hold no", id="space"),
        pytest.param(" https://api.pack.cloud", "must hold no", id="space before it"),
        pytest.param("https://api.pack.cloud/\\x", "must hold no", id="backslash"),
        pytest.param("https://api.pack.cloud/\n", "must hold no", id="line break"),
        pytest.param("https://münchen.example", "must hold no", id="outside ASCII"),
        pytest.param("https://@api.pack.cloud", "must hold no", id="empty user"),
        pytest.param(None, "must be a text, not NoneType", id="none"),
        pytest.param(b"https://api.pack.cloud", "must be a text, not bytes", id="bytes"),
    ],
)
@pytest.mark.parametrize("allow_insecure", [True, False])
def test_an_unusable_base_url_is_refused(url, complaint, allow_insecure):
    with pytest.raises(ConfigurationError, match=f"^base_url {complaint}"):
        check_base_url(url, allow_insecure=allow_insecure)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hush@api.pack.cloud",
        "https://hush@api.pack.cloud",
        "http://user:hush@api.pack.cloud",
        "ftp://user:hush@api.pack.cloud",
        "https://user:hush@api.pack.cloud:port",
        "https://user:hu@sh:hush@api.pack.cloud",
        "https://user:hush/@api.pack.cloud",
        "https://user:hush#@api.pack.cloud",
        "https://user:hush@",
    ],
)
def test_a_password_in_the_base_url_is_refused_and_not_quoted(url):
    with pytest.raises(ConfigurationError, match=r"^base_url") as caught:
        check_base_url(url, allow_insecure=False)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("status", "wish", "pause"),
    [(429, 3.0, 3.0), (429, 999.0, 60.0), (429, None, 0.5), (503, 3.0, 3.0), (503, None, 0.0), (500, 3.0, 0.0)],
)
def test_a_refusal_pauses_every_request(status, wish, pause):
    assert RetryPolicy(retry_after_ceiling=60).pause_after(status, wish) == pause


def test_a_value_of_another_class_is_refused_and_none_is_fine():
    check_instance("poll", None, PollPolicy)
    check_instance("poll", PollPolicy(), PollPolicy)
    with pytest.raises(ConfigurationError, match="poll must be a PollPolicy, not 30"):
        check_instance("poll", 30, PollPolicy)
    with pytest.raises(ConfigurationError, match="it must be an Integration"):
        check_instance("it", "int_1", Integration)
