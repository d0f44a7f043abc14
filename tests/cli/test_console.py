"""What may reach a terminal."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async.cli.console import clean, in_utc
from packcloud_async.cli.integration_views import show
from packcloud_async.cli.masking import masked
from packcloud_async.models import Integration, IntegrationCategory


@given(st.text())
def test_clean_text_is_one_printable_line(text):
    assert clean(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Café & Co", "Café & Co"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b31mred", "31mred"),
        ("two\r\nlines", "two  lines"),
        ("\x1b]0;title\x07", "]0;title"),
        ("abc\u202edef", "abcdef"),
        ("a\ufe00b\ufe0fc\U000e0100d\U000e01efe", "abcde"),
        ("a\U000e0001b\U000e0020c\U000e007fd", "abcd"),
        ("[bold]no markup[/bold]", "[bold]no markup[/bold]"),
    ],
)
def test_clean_keeps_text_and_takes_out_control(text, shown):
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"settings": {"a": 1, "b": [2]}}, {"settings": {"a": "***", "b": "***"}}),
        ({"settings": "s3cret"}, {"settings": "***"}),
        ({"x": [{"Settings": None}]}, {"x": [{"Settings": "***"}]}),
        ({"connector_settings": {"a": 1}}, {"connector_settings": {"a": "***"}}),
        ({"x": {"y": 1}, "z": [1, "2"]}, {"x": {"y": 1}, "z": [1, "2"]}),
        (None, None),
    ],
)
def test_everything_called_settings_is_masked(value, shown):
    assert masked(value) == shown


@pytest.mark.parametrize("as_json", [True, False])
def test_settings_in_an_unknown_field_of_an_integration_are_masked(capsys, as_json):
    integration = Integration(
        id="int_1",
        name="Shop",
        category=IntegrationCategory.SHOP,
        order_sync_enabled=True,
        product_sync_enabled=True,
        stock_sync_enabled=True,
        created_at="2026-01-01T00:00:00Z",
        updated_at="2026-01-01T00:00:00Z",
        extra={"settings": {"api_key": "s3cret"}, "region": "eu"},
    )
    show(integration, as_json=as_json)
    out = capsys.readouterr().out
    assert "s3cret" not in out
    assert "api_key" in out
    assert "eu" in out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-01T10:00:00+01:00", "2026-01-01 09:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_an_instant_that_utc_does_not_have_is_shown_with_its_zone(text, shown):
    assert in_utc(datetime.fromisoformat(text), "%Y-%m-%d %H:%M") == shown
