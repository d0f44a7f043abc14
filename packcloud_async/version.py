"""The version of this package, written down: to look it up in the metadata takes longer than a request."""

from typing import Final

VERSION: Final = "0.1.0"
