"""A loop that counts what it is asked for."""

import asyncio
from collections import Counter
from typing import Any


class Counting(asyncio.BaseEventLoop):
    """Mixed into a loop: ``counts`` of its callbacks, timers and tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counter[str]()

    def call_soon(self, *given: Any, **options: Any) -> Any:
        self.counts["callbacks"] += 1
        return super().call_soon(*given, **options)

    def call_at(self, *given: Any, **options: Any) -> Any:
        self.counts["timers"] += 1
        return super().call_at(*given, **options)

    def create_task(self, *given: Any, **options: Any) -> Any:
        self.counts["tasks"] += 1
        return super().create_task(*given, **options)
