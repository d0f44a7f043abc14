import sys

import pytest

from .running import imported


@pytest.fixture(autouse=True)
def imports_stay():
    """pytester forgets what was imported meanwhile, and of what is imported again every class would be two."""
    yield
    for name, module in imported.items():
        sys.modules.setdefault(name, module)
