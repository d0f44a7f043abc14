"""Spans of time as a clock shows them, and how fast something goes; pure."""

from collections import deque

from attrs import define, field


def clock(seconds: float) -> str:
    """Return a span of time as a clock shows it.

    >>> clock(59.9), clock(3723)
    ('0:00:59', '1:02:03')
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def wait_before_next(*, began: float, now: float, every: float) -> float:
    """Return the seconds until the next of what begins every so often; one that took longer is followed at once.

    >>> wait_before_next(began=10, now=15, every=60), wait_before_next(began=10, now=100, every=60)
    (55, 0.0)
    """
    return max(0.0, began + every - now)


@define
class Speed:
    """How many a second over the last ``window`` seconds."""

    window: float = 5.0
    _samples: deque[tuple[float, int]] = field(factory=deque[tuple[float, int]], init=False)

    def after(self, elapsed: float, count: int) -> float:
        """Take a sample; return the speed, 0 as long as there is nothing to compare with."""
        samples = self._samples
        samples.append((elapsed, count))
        # The first one is the youngest that is no younger than the window.
        while len(samples) > 2 and elapsed - samples[1][0] >= self.window:
            samples.popleft()
        began, before = samples[0]
        return (count - before) / (elapsed - began) if elapsed > began else 0.0
