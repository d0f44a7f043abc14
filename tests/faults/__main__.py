"""Print the page "What happens when": ``python -m tests.faults > docs/what-happens-when.md``."""

import sys

from .page import page

sys.stdout.write(page())
