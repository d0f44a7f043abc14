"""Text from anywhere, as it may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.plain_text import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("org_1", "org_1"),
        ("b\u00fcro \u65e5\u672c", "b\u00fcro \u65e5\u672c"),
        ("a\tb\r\nc\u2028d", "a b  c d"),
        ("a\x1b[31mb\x07\x00\x9b", "a[31mb"),
        ("a\u202eb\u2066c\ufeff", "abc"),
        ("a\u3164b\u2800c\ufe0fd\U000e0101", "abcd"),
        ("\ud800x", "x"),
    ],
)
def test_what_is_left_of_a_text(text, shown):
    assert clean(text) == shown


@given(st.text(st.characters()))
def test_what_is_left_is_printable_and_stays(text):
    once = clean(text)
    assert once.isprintable()
    assert clean(once) == once
    assert len(once) <= len(text)
