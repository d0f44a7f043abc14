"""Hypothesis draws the same examples in every run; the JSON cases run with both decoders."""

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from packcloud_async._sansio import json_text

settings.register_profile(
    "deterministic",
    derandomize=True,
    print_blob=True,
    deadline=None,
    max_examples=100,
    # A fixture that only swaps the decoder is the same for every example.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("deterministic")

DECODERS = {
    "msgspec": msgspec.json.Decoder().decode,
    "standard library": json_text.parse_with_standard_library,
}


@pytest.fixture(params=list(DECODERS))
def decoder(request, monkeypatch):
    """Read JSON with each of the two decoders in turn."""
    monkeypatch.setattr(json_text, "_decode", DECODERS[request.param])
    return request.param
