"""The state of river's detectors, field by field. river itself can only be pickled, which nobody may read from a topic.

Its Python detectors are written by their attributes. Its ADWIN is compiled and gives its state as bytes (bincode of
the structs in river's rust_src/adwin.rs), and takes whatever it can parse: some wrong bytes raise a PanicException,
which is no Exception, and others make a detector that panics or loops much later. So the bytes are checked against
that layout before they get there.

    head     delta f64, clock i32, max_buckets u64, min_window_length f64, grace_period f64
             total f64, variance f64, width f64, total_width f64
             n_buckets i32, max_n_buckets i32, tick i32, n_detections i32, number of levels u64
    level i  max_size u64, entries u64, then totals and variances: twice a u64 and max_buckets + 1 f64 each;
             each entry stands for 2^i values
    tail     delta f64, clock i32, max_buckets u64, min_window_length i32, grace_period i32
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from struct import Struct
from typing import Any

from streamproc.errors import BadState
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import COUNT, FLAG, Kind, codes, fields, optional, require, row, within

_MANY = 1e20
"""More values than there will ever be."""
_LARGEST_SUM = LIMIT * _MANY
_LARGEST_SQUARE = LIMIT * LIMIT * _MANY
SUM = within(-_LARGEST_SUM, _LARGEST_SUM)
"""A sum or a mean of values within LIMIT."""
SQUARES = within(0, _LARGEST_SQUARE)
"""A sum of squared deviations of such values."""

_CONFIGURED = Struct("<diQdd")
_HEAD = Struct("<diQdd4d4iQ")
_TAIL = Struct("<diQii")
_MOST_LEVELS = 53
"""More would stand for more values than a float can count."""


def _adwin_take(state: Any, helper: Any) -> Any:
    _check_adwin(state, helper.__getstate__())
    try:
        helper.__setstate__(state)
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":  # what Rust raises; there is nowhere to import it from
            raise
        raise BadState(f"not the state of an ADWIN: {exc}") from exc
    return helper


def _check_adwin(state: Any, like: bytes) -> None:
    """`like`: the state of any ADWIN of the same configuration."""
    slots = _CONFIGURED.unpack_from(like)[2] + 1
    level = Struct(f"<QQQ{slots}dQ{slots}d")
    require(type(state) is bytes, "not the bytes of an ADWIN")
    body = len(state) - _HEAD.size - _TAIL.size
    require(body > 0 and body % level.size == 0, "not the length of an ADWIN")
    same = state[: _CONFIGURED.size] == like[: _CONFIGURED.size] and state[-_TAIL.size :] == like[-_TAIL.size :]
    require(same, "an ADWIN of another configuration")
    total, variance, width, total_width, *_, count = _HEAD.unpack_from(state)[5:]
    levels = list(level.iter_unpack(state[_HEAD.size : -_TAIL.size]))
    require(count == len(levels) <= _MOST_LEVELS, "not the levels of an ADWIN")
    for most, entries, totals, *_, variances in (entry[: slots + 4] for entry in levels):
        require(totals == variances == slots == most + 1, "not a level of an ADWIN")
        require(entries <= most and (entries or count == 1), "a level of an ADWIN too full, or empty")
    require(width == sum(entry[1] << i for i, entry in enumerate(levels)), "not the width of an ADWIN")
    sums = chain((total,), *(entry[3 : slots + 3] for entry in levels))
    squares = chain((variance, total_width), *(entry[slots + 4 :] for entry in levels))
    require(all(-_LARGEST_SUM <= x <= _LARGEST_SUM for x in sums), "not the sums of an ADWIN")
    require(all(-_LARGEST_SQUARE <= x <= _LARGEST_SQUARE for x in squares), "not the squares of an ADWIN")


ADWIN = fields(_drift_detected=FLAG, _helper=Kind(lambda helper: helper.__getstate__(), _adwin_take))

PAGE_HINKLEY = fields(
    _drift_detected=FLAG,
    _x_mean=fields(n=within(0, _MANY), _mean=SUM),
    _sum_increase=SUM,
    _sum_decrease=SUM,
    _min_increase=within(-_LARGEST_SUM, float("inf")),  # before the first value it is infinite
    _max_decrease=SUM,
)

# -- detectors of 0/1 values --

_SHARE = within(0, 1)
_MEAN_OF_BITS = fields(n=within(0, _MANY), _mean=_SHARE)
_WARNED = {"_drift_detected": FLAG, "_warning_detected": FLAG}

DDM = fields(
    **_WARNED,
    _p=_MEAN_OF_BITS,
    _p_min=optional(_SHARE),
    _s_min=optional(_SHARE),
    _ps_min=within(0, float("inf")),  # before the first minimum it is infinite
)
EDDM = fields(
    **_WARNED,
    _error_distances=fields(mean=fields(n=within(0, _MANY), _mean=within(0, _MANY)), _S=within(0, _MANY**3)),
    _n=COUNT,
    _last_error=COUNT,
    _n_errors=COUNT,
    _p2s_prime_max=within(-1, _MANY),
)
HDDM_A = fields(**_WARNED, _x_min=_MEAN_OF_BITS, _x_max=_MEAN_OF_BITS, _z=_MEAN_OF_BITS)


def _bits_take(plain: Any, present: deque[float]) -> deque[float]:
    bits = codes(2).take(plain, None)
    require(len(bits) <= (present.maxlen or 0), "longer than the window")
    return deque(map(float, bits), present.maxlen)


FHDDM = fields(
    _drift_detected=FLAG,
    _sliding_window=Kind(lambda window: bytes(map(int, window)), _bits_take),
    _u_max=_SHARE,
)


def _sample_give(sample: Any) -> list[Any]:
    return [sample._is_init, sample._ibc, sample._ewma.get()]  # noqa: SLF001 - river has no public view


def _sample_take(plain: Any, sample: Any) -> Any:
    """An average that was begun gets its value as the first one of a new average: that is what it begins with."""
    begun, sample._ibc, value = _SAMPLE_ROW.take(plain, None)  # noqa: SLF001
    sample._is_init, like = begun, sample._ewma  # noqa: SLF001
    sample._ewma = type(like)(like.fading_factor)  # noqa: SLF001
    require(begun or value == 0, "an average of no values")
    if begun:
        sample._ewma.update(value)  # noqa: SLF001
    return sample


_SAMPLE_ROW = row(FLAG, _SHARE, _SHARE)
SAMPLE = Kind(_sample_give, _sample_take, ("_is_init", "_ibc", "_ewma"))
_CUT = within(-float("inf"), float("inf"))  # before the first value both are infinite
HDDM_W = fields(
    **_WARNED,
    _total=SAMPLE,
    _s1_decr=SAMPLE,
    _s1_incr=SAMPLE,
    _s2_decr=SAMPLE,
    _s2_incr=SAMPLE,
    _incr_cutpoint=_CUT,
    _decr_cutpoint=_CUT,
)


def settle_ddm(ddm: Any) -> None:
    """The minimum is there or not, all of it."""
    low, spread, both = ddm._p_min, ddm._s_min, ddm._ps_min  # noqa: SLF001
    whole = low is not None and spread is not None and both == low + spread
    require(whole or (low is None and spread is None and both == float("inf")), "half of a minimum")


def settle_eddm(eddm: Any) -> None:
    """Errors are among the values, and distances are between errors."""
    best, errors = eddm._p2s_prime_max, eddm._n_errors  # noqa: SLF001
    require(best == -1 or best > 0, "not a distance")
    require(eddm._last_error <= eddm._n and errors <= eddm._n, "errors beyond the values")  # noqa: SLF001
    distances = eddm._error_distances  # noqa: SLF001
    require(distances.mean.n == errors and (errors > 1 or distances._S == 0), "not as many distances as errors")  # noqa: SLF001
    # The distances add up to the place of the last error.
    require(abs(distances.mean.get() * errors - eddm._last_error) <= 1e-6 * eddm._last_error, "not the distances")  # noqa: SLF001
    require(errors or distances.mean.get() == 0, "a mean of no distances")
