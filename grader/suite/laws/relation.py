"""Whether answers follow the right ones more closely than those of a function without knowledge.

A slip leaves a relation: a sign, a factor, a constant, a sum for a mean, a wrong axis, a deviation
for a variance. What computes nothing of a task may still follow its inputs: their mean, their
norm, their number. So the answers are held against the right ones, and against such plain features
of the inputs.

All correlations are Spearman's, of ranks: they see any monotone relation, whatever the scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

Numbers = NDArray[np.float64]

# A correlation below this is none, and so is one that noise reaches: its deviation for n pairs is
# 1 / sqrt(n - 1), and several readings of an answer are tried.
LEAST = 0.5
DEVIATIONS = 4.0
# How much nearer to the right answers than any feature of the inputs, in Fisher's z.
CLOSER = 0.25
# Two answers are the same function of the inputs, but for its scale.
SAME = 0.9999
# The share of the variance of ranks that features have to leave, for the rest to mean anything: a
# sum of features is not the sum of their ranks.
LEFT_OVER = 0.05
# Arrays of one argument that have features: a model has its parameters.
MOST_PARTS = 4
# Pairs for each feature, so that what features leave is not their own noise.
PAIRS_EACH = 4
# Pairs that are looked at, evenly spaced: images have more than ranks need.
MOST_PAIRS = 6000
# Calls after which it is seen that answers are not those of a neighbour.
SEEN_AFTER = 8


@dataclass(frozen=True)
class Sample:
    """One call.

    Attributes:
        args: what it was asked with.
        found: what the submission gave.
        right: what the reference gives.
    """

    args: Sequence[Any]
    found: Any
    right: Any


def related(
    samples: Sequence[Sample],
    others: Callable[[Sample], dict[str, Any]] = lambda sample: {},
    least: float = LEAST,
) -> bool:
    """Whether what was found shows knowledge of the task.

    Args:
        samples: calls with random inputs of one kind.
        others: what the neighbouring contracts of the reference give, by name.
        least: the smallest correlation that counts as a relation, from 0 to 1.

    Returns:
        Whether, in some reading, the answers correlate with the right ones by more than noise and
        clearly more closely than any feature of the inputs, or so where features have been taken
        out of both. Never, where they are those of a neighbouring contract.
    """
    if not any(_knows(r, least) for r in _readings(samples, [{}] * len(samples))):
        return False
    few = samples[:SEEN_AFTER]
    return not (_are_a_neighbours(few, others) and _are_a_neighbours(samples, others))


def _are_a_neighbours(
    samples: Sequence[Sample], others: Callable[[Sample], dict[str, Any]]
) -> bool:
    beside = [others(sample) for sample in samples]
    return any(_is_a_neighbours(r) for r in _readings(samples, beside))


@dataclass(frozen=True)
class _Reading:
    """Pairs of numbers, each column over all calls."""

    found: Numbers
    right: Numbers
    features: list[Numbers]
    others: list[Numbers]


def numbers_in(answer: Any) -> int:
    """How many numbers an answer holds."""
    return sum(part.size for part in _parts(answer))


def _knows(reading: _Reading, least: float) -> bool:
    right, found = _ranks(reading.right), _ranks(reading.found)
    features = [f for f in map(_ranks, reading.features) if f.any()]
    if any(_correlation(f, found) > SAME for f in features):
        return False
    near = _correlation(found, right)
    plain = max((_correlation(f, right) for f in features), default=0.0)
    closer = math.atanh(min(near, SAME)) >= math.atanh(min(plain, SAME)) + CLOSER
    if closer and near >= _least(len(right), least):
        return True
    if len(right) < PAIRS_EACH * len(features):
        return False
    basis = np.stack([np.ones_like(right), *features], axis=1)
    left = [v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0] for v in (found, right)]
    if any(np.var(v) < LEFT_OVER for v in left):
        return False
    return _correlation(*left) >= _least(len(right) - len(features), least)


def _least(pairs: int, least: float) -> float:
    """What a correlation of so many independent pairs has to be."""
    return max(least, DEVIATIONS / math.sqrt(max(pairs - 1, 1)))


def _is_a_neighbours(reading: _Reading) -> bool:
    found, right = _ranks(reading.found), _ranks(reading.right)
    return any(
        _correlation(found, other) > SAME and _correlation(right, other) < SAME
        for other in map(_ranks, reading.others)
    )


def _ranks(values: Numbers) -> Numbers:
    """Ranks with mean zero and variance one; zeros where all values are the same."""
    ranks = rankdata(values)
    ranks -= ranks.mean()
    size = float(ranks.std())
    return ranks / size if size > 0 else np.zeros_like(ranks)


def _correlation(a: Numbers, b: Numbers) -> float:
    size = float(np.std(a) * np.std(b))
    return abs(float(np.mean((a - a.mean()) * (b - b.mean())))) / size if size > 1e-12 else 0.0


# --- readings of an answer ------------------------------------------------------------------------


def _readings(samples: Sequence[Sample], beside: Sequence[dict[str, Any]]) -> Iterator[_Reading]:
    """For each part of the right answers: what is found in its place, read in several ways."""
    for read in (_each, _example, _mean, _sum):
        yield from _read(samples, beside, read)


def _read(
    samples: Sequence[Sample], beside: Sequence[dict[str, Any]], read: Any
) -> Iterator[_Reading]:
    parts = [_parts(s.right) for s in samples]
    found = [_parts(s.found) for s in samples]
    for place in range(min(map(len, parts), default=0)):
        columns: list[tuple[Numbers, Numbers, list[Numbers], dict[str, Numbers]]] = []
        for sample, near, rights, founds in zip(samples, beside, parts, found, strict=True):
            if not founds:
                break
            # A single result for several, or several for a single one.
            one = founds[place] if len(founds) == len(rights) else founds[0]
            wanted = read(rights[place], rights[place])
            got = read(one, rights[place])
            if got is None or wanted is None or got.size != wanted.size:
                break
            if read in (_mean, _sum) and one.size == rights[place].size > 1:
                break  # each number is in its place, and was looked at there
            others = {}
            for name, value in near.items():
                other = [read(p, rights[place]) for p in _parts(value)[:1]]
                if other and other[0] is not None and other[0].size == wanted.size:
                    others[name] = other[0]
            columns.append((got, wanted, _features(sample.args, rights[place], read), others))
        if len(columns) < len(samples):
            continue
        yield from _joined(columns)


def _joined(
    columns: Sequence[tuple[Numbers, Numbers, list[Numbers], dict[str, Numbers]]],
) -> Iterator[_Reading]:
    got = np.concatenate([c[0] for c in columns])
    wanted = np.concatenate([c[1] for c in columns])
    count = min(len(c[2]) for c in columns)
    features = [np.concatenate([c[2][k] for c in columns]) for k in range(count)]
    names = set.intersection(*(set(c[3]) for c in columns))
    others = [np.concatenate([c[3][name] for c in columns]) for name in sorted(names)]
    usable = np.flatnonzero(np.isfinite(got) & np.isfinite(wanted))
    if len(usable) < max(8, len(got) / 2):
        return
    usable = usable[:: math.ceil(len(usable) / MOST_PAIRS)]
    clean = [np.nan_to_num(v[usable]) for v in (*features, *others)]
    yield _Reading(got[usable], wanted[usable], clean[:count], clean[count:])


def _parts(value: Any) -> list[Numbers]:
    """The arrays of numbers in an answer, in order."""
    if isinstance(value, dict):
        return [p for key in sorted(value, key=str) for p in _parts(value[key])]
    if isinstance(value, str):
        return [np.array([ord(c) for c in value], dtype=np.float64)]
    if isinstance(value, list | tuple):
        if value and all(isinstance(v, bool | int | float) for v in value):
            return [np.asarray(value, dtype=np.float64)]
        return [p for v in value for p in _parts(v)]
    if isinstance(value, torch.Tensor | np.ndarray | np.generic | bool | int | float):
        try:
            array = torch.as_tensor(value).detach()
            array = torch.view_as_real(array) if array.is_complex() else array
            return [array.double().numpy()]
        except (RuntimeError, TypeError, ValueError, OverflowError):
            return []
    return []


def _each(value: Numbers, like: Numbers) -> Numbers | None:
    """Every number, where there are as many as there should be."""
    return value.reshape(-1) if value.size == like.size and like.size > 1 else None


def _example(value: Numbers, like: Numbers) -> Numbers | None:
    """The mean of each example."""
    if not like.ndim or not value.ndim or value.ndim == like.ndim == 1:
        return None
    if len(value) != len(like) or not value.size:
        return None
    mean: Numbers = value.reshape(len(value), -1).mean(axis=1)
    return mean


def _mean(value: Numbers, like: Numbers) -> Numbers | None:
    return np.array([value.mean()]) if value.size else None


def _sum(value: Numbers, like: Numbers) -> Numbers | None:
    return np.array([value.sum()])


# --- features of the inputs -----------------------------------------------------------------------


def _features(args: Sequence[Any], like: Numbers, read: Any) -> list[Numbers]:
    """What a function without knowledge may give: each argument itself where it has the result's
    size, its means and extremes for each example or whole, and how many numbers there are."""
    size = read(like, like).size
    found = [np.full(size, float(like.size))]
    if size > 1:
        found += [np.arange(size, dtype=np.float64)]
        if like.ndim > 1:
            found += [np.tile(np.arange(like.shape[-1], dtype=np.float64), size)[:size]]
    everything = [p.reshape(-1) for arg in args for p in _parts(arg)]
    if size == 1 and len(everything) > 1:
        found += _features_of(np.concatenate(everything), like, size, read)
    for arg in args:
        # Of a model, its parameters: each, and all together.
        parts = _parts(arg["parameters"] if isinstance(arg, dict) and "model" in arg else arg)
        together = [np.concatenate([p.reshape(-1) for p in parts])] if len(parts) > 1 else []
        for value in (*together, *parts[:MOST_PARTS]):
            found += _features_of(value, like, size, read)
    return found


def _features_of(value: Numbers, like: Numbers, size: int, read: Any) -> list[Numbers]:
    if not value.size:
        return []
    found = []
    own = read(value, like)
    if own is not None and own.size == size and size > 1:
        found.append(own)
    rows = value.reshape(1, -1)
    if size > 1 and like.ndim and value.ndim and len(value) == len(like) and not size % len(value):
        rows = value.reshape(len(value), -1)
    if rows.size > len(rows) or size == 1:
        summaries = [
            rows.mean(axis=1),
            np.abs(rows).mean(axis=1),
            (rows**2).sum(axis=1),
            rows.max(axis=1),
            rows.min(axis=1),
            rows.std(axis=1),
            rows.sum(axis=1),
        ]
        found += [np.repeat(s, size // len(rows)) for s in summaries]
    return found
