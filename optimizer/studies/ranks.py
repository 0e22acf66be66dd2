"""Ranks of values that are known within a range only."""

from __future__ import annotations

from collections.abc import Sequence

ROUNDING = 1e-9  # relative; ranges that touch within it do not tell apart


def proven_ranks(ranges: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    """Return the best and the worst rank (1: the largest) that each value can have.

    Examples
    --------
    >>> proven_ranks([(5.0, 6.0), (1.0, 2.0), (1.5, 3.0)])
    [(1, 1), (2, 3), (2, 3)]
    """
    ranks = []
    for k, (low, high) in enumerate(ranges):
        others = [r for j, r in enumerate(ranges) if j != k]
        scale = ROUNDING * max(1.0, abs(low) if abs(low) < float("inf") else 1.0)
        surely_larger = sum(r[0] > high + scale for r in others)
        maybe_larger = sum(r[1] > low + scale for r in others)
        ranks.append((1 + surely_larger, 1 + maybe_larger))
    return ranks
