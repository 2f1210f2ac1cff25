"""A test that may be looked at after every observation: is the mean of bounded numbers above zero?

Somebody bets on it, at fair odds if it is zero, and a share of what they have at a time. So their capital

    K_t = product over i <= t of (1 + bet_i * x_i),    0 <= bet_i <= 1/2 / largest loss, chosen before x_i is seen

is, as long as each x_i has a mean of at most zero given those before it, a supermartingale that begins at 1; by Ville's
inequality it ever reaches 1/alpha with a chance of at most alpha. That bounds all looks together, whenever one stops.

Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, Journal of the Royal Statistical
Society B 86 (2024), arXiv 2010.09686: the capital process K_t(m) for m = 0, one side of it, with the bets that they
call approximate GRAPA (mean / (variance + mean^2) of what was seen so far), cut off at one half.
"""

from __future__ import annotations

from streamproc.stateful import COUNT, NUMBER, Stateful, fields, within

MOST = 0.5
"""The largest share of the capital that one observation can take."""
LARGEST = 1e300
"""Nothing is bet any more: it is certain, and must stay a number."""
_PRIOR = 0.25
"""What is supposed of the squares before anything was seen, at the weight of one observation."""


class Capital(Stateful):
    """The evidence: an e-value at any time. Only + - * / are used: the same on every machine."""

    FIELDS = fields(e_value=within(0.0, 2 * LARGEST), _n=COUNT, _sum=NUMBER, _squares=NUMBER)

    def __init__(self, largest_loss: float = 1.0) -> None:
        """No x is below -`largest_loss`."""
        self._most = MOST / largest_loss
        self.reset()

    def reset(self) -> None:
        """Nothing was seen."""
        self.e_value = 1.0
        self._n, self._sum, self._squares = 0, 0.0, 0.0

    def take(self, x: float) -> None:
        """The next observation; the bet on it rests on those before."""
        n = self._n + 1
        bet = self._sum / n / ((_PRIOR + self._squares) / n)
        if bet > 0.0 and self.e_value < LARGEST:
            self.e_value *= 1.0 + min(bet, self._most) * x
        self._n, self._sum, self._squares = n, self._sum + x, self._squares + x * x
