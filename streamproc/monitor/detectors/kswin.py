"""KSWIN: the newest values against as many that are drawn from those before them.

Every decision is that of river (a test compares them), but for what it draws; a test takes a tenth to a third as long.
river asks scipy for the p-value of each test. As both samples have one size r, the p-value depends on the largest
distance of the two empirical distributions alone, h / r, and so the least h that is significant can be found once:

    P(D >= h / r) = 2 * sum over k = 1, 2, ... of (-1)^(k + 1) C(2r, r - kh) / C(2r, r)

(Gnedenko and Korolyuk, On the maximum discrepancy between two empirical distributions, 1951; exact without ties, and
with them on the safe side.) The draws come from a generator whose whole state is 64 bits (SplitMix64: Steele, Lea and
Flood, Fast splittable pseudorandom number generators, OOPSLA 2014): the same in every version of Python, and cheap to
save.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from functools import cache, reduce
from math import comb
from operator import add

from streamproc.config.detectors import Kswin
from streamproc.monitor.detectors.latch import LATCH, Latch
from streamproc.monitor.detectors.protocol import watched
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import COUNT, fields, queue, require, whole, within

_LEAST_DISTANCE = Fraction(1, 10)
"""river's: smaller effects are never a change, however significant."""
_64_BITS, _32_BITS = (1 << 64) - 1, (1 << 32) - 1


class KswinDetector(Latch):
    """KSWIN (Raab, Heusinger and Schleif, Reactive soft prototype computing for concept drift streams, 2020).

    A test sees any change of the distribution. With a direction, only changes in which the mean went that way count;
    after the others it starts afresh all the same, with an empty window. The new level begins `stat_size` values ago.
    """

    __slots__ = ("_config", "_down", "_draws", "_seeded", "_significant", "_up", "_wait", "_window")

    FIELDS = fields(
        **LATCH,
        _window=queue(within(-LIMIT, LIMIT)),
        _draws=whole(0, _64_BITS),
        _wait=COUNT,
    )

    def __init__(self, config: Kswin) -> None:
        self._config = config
        self._up, self._down = watched(config) != "down", watched(config) != "up"
        self._significant = least_significant(config.stat_size, config.alpha)
        self.reset()

    def reset(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self._window: deque[float] = deque(maxlen=self._config.window_size)
        self._draws = self._config.seed
        self._wait = 0  # values before the next test

    def update(self, x: float) -> bool:
        try:
            if not -LIMIT <= x <= LIMIT:
                return False
        except TypeError:  # text
            return False
        self._n += 1
        self._total += x
        window, config = self._window, self._config
        window.append(x)
        if len(window) < config.window_size:
            return False
        if self._wait:
            self._wait -= 1
            return False
        self._wait = config.clock - 1
        return self._test()

    def _test(self) -> bool:
        config = self._config
        before = config.window_size - config.stat_size
        values = list(self._window)
        newest = values[before:]
        drawn = [values[place] for place in sample(self.draw, before, config.stat_size)]
        if distance(drawn, newest) < self._significant:
            return False
        # One by one: since Python 3.12 sum() carries what rounding loses, and the state is to be the same in each.
        width, total_after = len(newest), reduce(add, newest, 0.0)
        mean_before = (self._total - total_after) / (self._n - width)
        mean_after = total_after / width
        found = (self._up and mean_after >= mean_before) or (self._down and mean_after <= mean_before)
        if found:
            self._latch(width, mean_before, mean_after)
        self._restart()
        self._begin()
        return found

    def draw(self) -> int:
        """The next 64 bits."""
        self._draws = (self._draws + 0x9E3779B97F4A7C15) & _64_BITS
        z = self._draws
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _64_BITS
        return z ^ (z >> 31)

    def _settle(self) -> None:
        most = self._config.window_size
        require(len(self._window) == min(self._n, most), "not as many values as the window holds")
        require(self._wait < self._config.clock, "a test too late")


@cache
def least_significant(size: int, alpha: float) -> int:
    """The least h so that a distance of h / size has a p-value of at most alpha; size + 1 if none has."""

    def rare(h: int) -> bool:
        return Fraction(h, size) > _LEAST_DISTANCE and p_value(size, h) <= alpha

    return bisect_left(range(size + 1), 1, key=rare)


def p_value(size: int, h: int) -> Fraction:
    """How probable a distance of h / size, or a larger one, is between two samples of one distribution."""
    if h == 0:
        return Fraction(1)
    ways = sum((-1) ** (k + 1) * comb(2 * size, size - k * h) for k in range(1, size // h + 1))
    return Fraction(2 * ways, comb(2 * size, size))


def distance(a: list[float], b: list[float]) -> int:
    """The largest difference, over all values v, between how many of a and how many of b are at most v."""
    a.sort()
    b.sort()
    i = j = largest = 0
    size = len(a)
    while i < size and j < size:
        x, y = a[i], b[j]
        v = min(y, x)
        while i < size and a[i] == v:
            i += 1
        while j < size and b[j] == v:
            j += 1
        apart = i - j if i > j else j - i
        if apart > largest:
            largest = apart
    return largest


def sample(draw: Callable[[], int], population: int, size: int) -> list[int]:
    """So many different whole numbers below `population`: the beginning of a shuffle (Fisher and Yates).

    Each draw of 64 bits gives two. That some are likelier by 2^-32 * population is of no account here.
    """
    places, bits = list(range(population)), 0
    for n in range(size):
        bits = bits >> 32 if n % 2 else draw()
        other = n + ((bits & _32_BITS) * (population - n) >> 32)
        places[n], places[other] = places[other], places[n]
    return places[:size]
