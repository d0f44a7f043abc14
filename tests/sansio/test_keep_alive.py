import math

import pytest

from packcloud_async._sansio.keep_alive import idle_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, math.inf),
        ("", math.inf),
        ("timeout=5", 4),
        ("timeout=5, max=100", 4),
        ("max=100, timeout=5", 4),
        ("max=100,timeout=5", 4),
        ("Timeout = 5", 4),
        ('timeout="5"', 4),
        ("timeout=1", 0),
        ("timeout=0", 0),
        ("timeout=999999999", 999_999_998),
        ("timeout=9999999999", math.inf),
        ("timeout=-5", math.inf),
        ("timeout=5.5", math.inf),
        ("timeout=soon", math.inf),
        ("timeout", math.inf),
        ("no-timeout=5", math.inf),
        ("timeout=\u0665", math.inf),
    ],
)
def test_how_long_a_connection_is_kept(header, seconds):
    assert idle_seconds(header) == seconds
