"""Make the generated clients that this library is measured beside: ``python -m benchmarks peers``.

They go to build/peers/; the benchmarks make them by themselves when they are missing.
"""

import sys

from benchmarks.peers.making import PEERS, Made, made

ONLY_BY_NAME = "the benchmarks over HTTP do it by themselves"


def main() -> int:
    """Make every one, and return the exit code."""
    found = [made(peer) for peer in PEERS]
    for one in found:
        told = "made" if isinstance(one, Made) else one.reason
        print(f"{one.peer.name}: {told}")
    return 0 if all(isinstance(one, Made) for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
