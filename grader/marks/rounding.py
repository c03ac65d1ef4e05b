"""How marks are shown: rounded half up to the course's step, with parts that add up to the whole.

Marks are stored as they are computed. Whatever shows them rounds a total once, from the unrounded
parts; it never adds rounded numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

# Marks are sums of shares in floating point; what lies this close below a half is a half.
_NOISE = Decimal("1e-9")
# What parts of a question are shown in, where the course rounds no finer.
FINEST = 0.01


def rounded(marks: float, step: float) -> Decimal:
    """The multiple of `step` that is nearest to the marks; the larger one of two."""
    exact, unit = Decimal(repr(marks)).quantize(_NOISE, ROUND_HALF_UP), Decimal(repr(step))
    return (exact / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit


def written(marks: float, step: float) -> str:
    """The rounded marks without trailing zeros: `1.5`, `10`, `0.33`."""
    text = f"{rounded(marks, step):f}"
    shortened = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if shortened in ("-0", "") else shortened


def decimals(step: float) -> int:
    """How many decimals a multiple of the step needs."""
    exponent = Decimal(repr(step)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def apportioned(parts: Sequence[float], total: float, step: float) -> list[float]:
    """The parts as multiples of `step` that add up to the rounded total.

    Each is rounded down, and what is then missing goes to those that lost most, the first of
    equals first. Parts whose sum is not the total are scaled to it.

    Args:
        parts: none below zero.
        total: what they are to add up to.
        step: for example 0.01.
    """
    unit = Decimal(repr(step))
    units = int(rounded(total, step) / unit)
    exact = [Fraction(repr(max(0.0, part))) for part in parts]
    whole = sum(exact)
    if not whole:
        return [0.0] * len(parts)
    shares = [part * units / whole for part in exact]
    floors = [share.numerator // share.denominator for share in shares]
    by_loss = sorted(range(len(parts)), key=lambda n: (floors[n] - shares[n], n))
    for n in by_loss[: units - sum(floors)]:
        floors[n] += 1
    return [float(count * unit) for count in floors]


def split(
    awarded: float | None, marks: float, parts: Sequence[tuple[float, float]], step: float = FINEST
) -> list[tuple[float, float]]:
    """What each part earned and could earn, so that both add up to those of the whole.

    Args:
        awarded: of the whole, a multiple of `step`; None while it is not decided.
        marks: of the whole, likewise.
        parts: pairs (earned, could be earned), unrounded.
    """
    if awarded is None:
        return [(0.0, most) for most in apportioned([most for _, most in parts], marks, step)]
    earned = apportioned([got for got, _ in parts], awarded, step)
    lost = apportioned([most - got for got, most in parts], marks - awarded, step)
    return [(e, float(rounded(e + m, step))) for e, m in zip(earned, lost, strict=True)]
