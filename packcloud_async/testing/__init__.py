"""What tests of a service that uses this package need: a loop whose time jumps, and an emulator that any test can ask.

With pytest nothing of this is imported by hand: the fixtures ``packcloud_emulator``, ``packcloud_server`` and
``packcloud_client`` and the marker ``packcloud`` are there as soon as the package is installed.
"""

from packcloud_async.testing.serving import ServedEmulator, serving
from packcloud_async.testing.virtual_time import VirtualTimeLoop

__all__ = ["ServedEmulator", "VirtualTimeLoop", "serving"]
