"""A detector as a user would write it: the mean of a window has left that of the first values."""

from __future__ import annotations

from typing import Any


class MeanShift:
    def __init__(self, size: int = 20, limit: float = 0.5) -> None:
        self.size, self.limit = size, limit
        self.first: list[float] = []
        self.newest: list[float] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MeanShift) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.size)

    def update(self, x: float) -> bool:
        if len(self.first) < self.size:
            self.first.append(x)
            return False
        self.newest = [*self.newest, x][-self.size :]
        if len(self.newest) < self.size or abs(self._mean(self.newest) - self._mean(self.first)) <= self.limit:
            return False
        self.last = self._mean(self.first), self._mean(self.newest)
        self.first, self.newest = self.newest, []
        return True

    def _mean(self, values: list[float]) -> float:
        return sum(values) / len(values)

    def evidence(self) -> dict[str, Any]:
        return {"width": self.size, "mean_before": self.last[0], "mean_after": self.last[1], "text": "not a number"}

    def state(self) -> list[Any]:
        return [self.first, self.newest, list(getattr(self, "last", []))]

    def restore(self, state: list[Any]) -> None:
        self.first, self.newest, last = state
        if last:
            self.last = float(last[0]), float(last[1])
        if not all(type(x) is float for x in [*self.first, *self.newest]) or len(self.newest) > self.size:
            raise ValueError("not a state of a mean shift")


class Plain(MeanShift):
    """The same without evidence."""

    evidence = None  # type: ignore[assignment]
