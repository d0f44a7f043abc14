"""The same examples in every run; JSON cases run with both readers."""

from tests.sansio.conftest import decoder, settings

settings.load_profile("deterministic")

__all__ = ["decoder"]
