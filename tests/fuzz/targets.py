"""What is fuzzed: functions of bytes that return when a promise was kept and raise when it was broken.

They are shared by the seeds of the corpus, the seeded mutations, and the coverage-guided driver ``tests.fuzz.run``.
"""
# ruff: noqa: PT017 - they run without pytest

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from packcloud_async import (
    ApiError,
    ConfigurationError,
    Integration,
    IntegrationAction,
    InvalidResponse,
    LearnedPacing,
    Routes,
    ShippingService,
    SyncError,
    SyncKind,
    TransportError,
)
from packcloud_async._sansio import answers, codec, json_text
from packcloud_async._sansio.ledger_records import (
    DamagedRecord,
    read_holder,
    read_run,
    read_target,
    write_run,
    write_target,
)
from packcloud_async._sansio.paging import link_on_origin
from packcloud_async._sansio.rate_headers import EARLIEST_RESET, LONGEST_RESET, MOST_REQUESTS, allowances
from packcloud_async._sansio.redaction import MAX_EXCERPT, excerpt_of, field_errors_of, quotable
from packcloud_async._sansio.timestamps import Direction, direction_of, parse_timestamp, same_watermark
from packcloud_async._sansio.token import read_token, write_token
from packcloud_async._sansio.wire import Damage, Response

from . import reference_json
from .calls import CALLS
from .oracle import ANSWERS, CUT_OFF, REFUSED, SHAPES, error_of, plain, same

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREDENTIAL = {"Authorization": "Bearer t0ken-of-a-shop"}
ORIGIN = ("https", "api.pack.cloud")
CURRENT = "https://api.pack.cloud/v1/organizations/org_1/integrations?cursor=1"
REFUSAL = object()


def readers():
    """Every reader of JSON that can be used here, by name."""
    found = {"standard library": json_text.parse_with_standard_library}
    with suppress(ImportError):
        import msgspec

        found["msgspec"] = msgspec.json.Decoder().decode
    return found


READERS = readers()


def text_of(data):
    """Any text, from any bytes: half of a surrogate pair can be in it."""
    return data.decode("utf-8", "surrogatepass" if b"\xed" in data and _is_loose(data) else "replace")


def _is_loose(data):
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def json_text_target(data):
    """Both readers agree with the grammar, on the verdict and on the value; what was read can be written."""
    try:
        wanted = reference_json.read(data)
    except reference_json.NotJson:
        wanted = REFUSAL
    for name, reader in READERS.items():
        got = _read_with(reader, data)
        assert got is wanted or (REFUSAL not in (got, wanted) and same(got, wanted)), (name, got, wanted)
    if wanted is not REFUSAL:
        assert same(reference_json.read(json_text.dump(wanted)), wanted)


def _read_with(reader, data):
    used, json_text._decode = json_text._decode, reader
    try:
        return json_text.parse(data)
    except InvalidResponse as error:
        size = "1 byte" if len(data) == 1 else f"{len(data)} bytes"
        assert str(error).startswith(f"body is not JSON ({size}): ")
        return REFUSAL
    finally:
        json_text._decode = used


def _codec(model):
    def target(data):
        """A model or a refusal, as the tables say; what was read is written back as it came."""
        try:
            value = json_text.parse(data)
        except InvalidResponse:
            return
        wanted = SHAPES[model].read(value)
        try:
            read = codec.decode(model, value)
        except InvalidResponse as error:
            assert wanted is REFUSED, wanted
            assert error.path.startswith("$")
            return
        assert wanted is not REFUSED, value
        assert same(plain(read), wanted), (plain(read), wanted)
        wire = read.to_wire()
        assert sorted(wire) == sorted(value)
        assert all(same(wire[name], value[name]) for name in value), (wire, value)
        assert same(json_text.parse(json_text.dump(wire)), wire)
        assert codec.decode(model, wire) == read
        repr(read)
        if isinstance(read, Integration):
            _ = dict(read.watermarks), read.order_sync_time, read.product_sync_time, read.created_time

    return target


HEADERS = (
    "retry-after",
    "date",
    "content-type",
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
)
LONGEST_WISH = 1e9
"""Seconds; a longer Retry-After is read as this."""
DAMAGES = (None, None, None, *Damage)


def response_of(data):
    """An answer of any kind: the first line of the data says which, headers follow line by line, then the body.

    The line is: call, status, damage, as three numbers.
    """
    first, _, rest = data.partition(b"\n")
    head, _, body = rest.partition(b"\n\n")
    numbers = [int(word) for word in first.split()[:3] if word.isdigit() and len(word) < 9]
    call, status, damage = (*numbers, 0, 200, 0)[:3] if len(numbers) == 3 else (*numbers, *(0, 200, 0)[len(numbers) :])
    headers = {}
    for line in head.splitlines():
        name, _, value = line.partition(b":")
        # As the network layer gives them: latin-1 or escaped bytes, without line breaks.
        headers[name.decode("utf-8", "surrogateescape").strip().lower()] = value.decode(
            "utf-8", "surrogateescape"
        ).strip()
    name = sorted(CALLS)[call % len(CALLS)]
    return name, Response(100 + (status - 100) % 500, headers, body, DAMAGES[damage % len(DAMAGES)])


def endpoints_target(data):
    """Any answer of any call ends in its value, ``InvalidResponse``, or the error of its status."""
    check_answer(*response_of(data))


def check_answer(name, response):
    """Hold what the package makes of an answer against the tables; return whether it gave a value."""
    call = CALLS[name]
    try:
        value = answers.read_answer(call, response, now=NOW, credential=CREDENTIAL)
    except ApiError as error:
        assert not 200 <= response.status < 300
        assert type(error).__name__ == error_of(response.status)
        assert (error.status, error.method, error.path) == (response.status, call.method, call.path)
        _check_wish(response.headers, error.retry_after)
        assert all(secret not in str(error) for secret in ("t0ken-of-a-shop", *call.secrets) if len(secret) > 8)
        assert str(error).isprintable()
        _decide(call, error)
        return False
    except InvalidResponse as error:
        assert 200 <= response.status < 300
        assert ANSWERS[name](response) is REFUSED, ANSWERS[name](response)
        _decide(call, error)
        return False
    except TransportError as error:
        assert response.damage is not None
        assert ANSWERS[name](response) is CUT_OFF
        assert error.maybe_sent
        _decide(call, error)
        return False
    assert 200 <= response.status < 300
    wanted = ANSWERS[name](response)
    assert wanted not in (REFUSED, CUT_OFF), value
    assert same(plain(value), wanted), (plain(value), wanted)
    repr(value)
    return True


def _check_wish(headers, wait):
    """Seconds are read as they stand, if they are ASCII digits; any wish is finite."""
    wish = headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]+", wish):
        assert wait == min(float(wish), LONGEST_WISH)
    elif re.fullmatch(r"[\d\u00b2\u00b3\u00b9]+", wish):
        assert wait is None, (wish, wait)
    assert wait is None or 0 <= wait < float("inf")


def _decide(call, error):
    answers.may_repeat(call, error)
    answers.answer_of(error)
    answers.read_failure(error)
    answers.list_failure(error)
    if call.method == "POST" and answers.may_have_acted(error):
        assert not answers.may_repeat(call, error) or error.retry_after is not None


def redaction_target(data):
    """No secret shows in what is quoted of a body: neither as it is, nor escaped, nor without punctuation."""
    secret, _, body = data.partition(b"\n")
    planted = secret.decode("ascii", "ignore")
    planted = "".join(c for c in planted if c.isalnum() or c in "-_.:/+=")[:64]
    # A secret of fewer letters is looked for with its punctuation alone.
    if len(_letters(planted)) < 8 or len({*planted.lower()}) < 6:
        planted = "k3y-of-the-shop-0815"
    for put in (planted.encode(), quote(planted, safe="").encode(), json.dumps(planted)[1:-1].encode()):
        whole = body.replace(b"{}", put)
        for quoted in (
            excerpt_of(whole, [planted]),
            quotable(whole.decode("latin-1"), [planted]),
            *(text for name, told in field_errors_of(whole, [planted]).items() for text in (name, *told)),
        ):
            assert len(quoted) <= MAX_EXCERPT
            assert quoted.isprintable()
            assert planted not in quoted
            assert _letters(planted) not in _letters(quoted)


def _letters(text):
    return "".join(c for c in text.lower() if c.isascii() and c.isalnum())


def paging_target(data):
    """A next link is refused or leads to the origin it was read from, however the URL is read."""
    link = text_of(data)
    try:
        url = link_on_origin(link, current=CURRENT)
    except InvalidResponse:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ORIGIN, url
    assert url.startswith("https://api.pack.cloud/"), url
    assert url.isascii()
    assert url.isprintable()
    assert not any(character in url for character in '\\ "<>^`{|}#'), url
    import yarl

    there = yarl.URL(url, encoded=True)
    assert (there.scheme, there.host, there.port, there.user) == ("https", "api.pack.cloud", 443, None)
    assert link_on_origin(url, current=CURRENT) == url


def token_target(data):
    """Any text is a token or a ``SyncError``; what was read can be written, and is the same again."""
    text = text_of(data)
    try:
        record = read_token(text)
    except SyncError:
        return
    again = write_token(record)
    assert write_token(read_token(again)) == again
    told, kept = json.loads(text), json.loads(again)
    for name in ("version", "organization_id", "integration_id", "on_conflict", "kinds"):
        _check_kept(told[name], kept[name], optional=("probed",))
    now = 1000.0
    progress = record.progress(record.poll, spread=0.5, now=now, wall_clock=NOW)
    assert json.loads(write_token(record.at(progress)))["kinds"].keys() == json.loads(again)["kinds"].keys()


def _check_kept(told, kept, optional=()):
    """Nothing that was told was read as something else; numbers may have become floats, and what is unknown is left."""
    if isinstance(kept, dict):
        assert isinstance(told, dict)
        # The error of a kind stands for that of its outcome where that has none.
        for name in kept.keys() - {"outcome_error"}:
            _check_kept(told.get(name, kept[name]) if name in optional else told[name], kept[name], optional)
    elif isinstance(kept, list):
        assert isinstance(told, list), told
        assert len(told) == len(kept)
        for one, other in zip(told, kept, strict=True):
            _check_kept(one, other, optional)
    else:
        assert told == kept, (told, kept)
        assert isinstance(told, bool) == isinstance(kept, bool), (told, kept)


def ledger_target(data):
    """Any content of a row is a record or a ``DamagedRecord``; what was read can be written."""
    document, _, finished = text_of(data).partition("\n")
    with suppress(DamagedRecord):
        run = read_run(document, finished or None)
        assert read_run(write_run(run), None if run.finished is None else run.finished.isoformat()) == run
        assert run.kinds is None or run.kinds
        told, kept = json.loads(document), json.loads(write_run(run))
        for name in ("kinds", "on_conflict", "base_url"):
            _check_kept(told[name], kept[name])
        _check_kept(told["poll"], kept["poll"], optional=kept["poll"])
    with suppress(DamagedRecord):
        target = read_target(document)
        assert read_target(write_target(target)) == target
        assert 0 < target.weight < float("inf")
        _check_kept(json.loads(document), json.loads(write_target(target)))
    for pid, host, since in ((document, finished, document), (data, "host", finished), (len(data), document, finished)):
        with suppress(DamagedRecord):
            str(read_holder(pid, host, since))


def pacing_target(data):
    """Any text is what was learned or a ``ConfigurationError``; it can be written, and is the same again."""
    try:
        pacing = LearnedPacing.from_json(text_of(data))
    except ConfigurationError:
        return
    again = pacing.to_json()
    assert LearnedPacing.from_json(again).to_json() == again
    for kind in SyncKind:
        pacing.expect(connector_id="shopify", category="shop", kind=kind)
        pacing.learn(connector_id="shopify", category=None, kind=kind, not_yet=0.0, seen=1.0)


def routes_target(data):
    """Any text is routes or a ``ConfigurationError``; every path of them keeps ids in their segments."""
    text = text_of(data)
    try:
        routes = Routes.from_toml(text)
    except ConfigurationError:
        return
    path = routes.path("execute_action", organizationId="a/b", integrationId="..x", action="?#")
    assert path.isascii()
    assert path.isprintable()
    assert path.startswith("/")
    assert not any(character in path for character in "?#\\ ")
    segments = path.split("/")
    assert all("a%2Fb" not in segment or segment.count("%2F") == 1 for segment in segments)
    assert not {".", ".."} & set(segments)


def rate_headers_target(data):
    """Any headers are allowances within their limits, and a wait that is finite."""
    headers = {}
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        number, _, value = line.partition(" ")
        if number.isascii() and number.isdigit() and len(number) < 5:
            headers[HEADERS[int(number) % len(HEADERS)]] = value
    for allowance in allowances(headers, NOW):
        assert 0 <= allowance.remaining <= MOST_REQUESTS
        assert allowance.limit is None or 0 < allowance.limit <= MOST_REQUESTS
        assert allowance.reset is None or max(0.0, EARLIEST_RESET) <= allowance.reset <= LONGEST_RESET
        assert allowance.window is None or 0 < allowance.window <= LONGEST_RESET
    _check_wish(headers, answers.retry_after(headers, NOW))


def timestamps_target(data):
    """Any two texts can be compared, the same way from both sides, and never against their instants."""
    one, _, other = text_of(data).partition("\n")
    left, right = parse_timestamp(one), parse_timestamp(other)
    assert left is None or left.tzinfo is not None
    assert same_watermark(one, one)
    assert same_watermark(one, other) == same_watermark(other, one)
    assert direction_of(None, one) is Direction.FROM_NULL
    there, back = direction_of(one, other), direction_of(other, one)
    opposite = {Direction.FORWARD: Direction.BACKWARD, Direction.BACKWARD: Direction.FORWARD}
    assert back is opposite.get(there, Direction.UNORDERED)
    if left is None or right is None:
        assert same_watermark(one, other) == (one == other)
    elif left == right:
        assert same_watermark(one, other)
    elif abs(left - right).days >= 1:
        assert not same_watermark(one, other)


TARGETS = {
    "json_text": json_text_target,
    "integration": _codec(Integration),
    "shipping_service": _codec(ShippingService),
    "action": _codec(IntegrationAction),
    "endpoints": endpoints_target,
    "redaction": redaction_target,
    "paging": paging_target,
    "token": token_target,
    "ledger": ledger_target,
    "pacing": pacing_target,
    "routes": routes_target,
    "rate_headers": rate_headers_target,
    "timestamps": timestamps_target,
}


def breaks_on_fuzz(data):
    """Shows that the fuzzer finds what only coverage leads to, and that its find fails the run."""
    if data[:1] == b"F" and data[1:2] == b"U" and data[2:3] == b"Z" and data[3:4] == b"Z":
        raise AssertionError(data)
