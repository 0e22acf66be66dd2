"""Global sensitivity of the optimum: Morris screening or Sobol indices, sampled with SALib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from instances.errors import InstanceError
from optimizer.studies.parameters import Parameter
from optimizer.studies.session import Session

LEVELS = 4  # of the Morris grid; its step is LEVELS / (2 (LEVELS - 1)) of the range
RESAMPLES = 200


@dataclass(frozen=True)
class Index:
    """Indices of one parameter. Morris: mean and spread of elementary effects over whole ranges.

    ``first`` is mu* (million CNY) or S1, ``total`` sigma or ST; ``error`` is what the gaps of the
    solves can add to mu* at most (nan for Sobol).
    """

    parameter: Parameter
    first: float
    first_confidence: float
    total: float
    total_confidence: float
    error: float = math.nan


@dataclass(frozen=True)
class Whole:
    """The indices, and the solves they rest on."""

    method: str
    samples: int
    seed: int
    indices: tuple[Index, ...]
    solves: int
    worst_gap: float
    spread: float  # standard deviation of the optimum over the samples, million CNY
    noise: float  # largest width of a proven range, million CNY


def check_samples(method: str, samples: int) -> None:
    """Raise `InstanceError` if the method is unknown or cannot work with so many samples."""
    if method not in ("", "morris", "sobol"):
        raise InstanceError(f"global method {method!r} is unknown: morris or sobol")
    if method == "sobol" and (samples < 2 or samples & (samples - 1)):
        raise InstanceError(f"sobol needs a power of two as --samples: 8, 16, 32 …, not {samples}")
    if method == "morris" and samples < 2:
        raise InstanceError(f"morris needs at least 2 trajectories (--samples), not {samples}")


def sample_points(method: str, count: int, samples: int, seed: int) -> np.ndarray:
    """Return points of the unit cube, one row per solve."""
    problem = _problem(count)
    if method == "morris":
        from SALib.sample.morris import sample

        return np.asarray(sample(problem, samples, num_levels=LEVELS, seed=seed))
    from SALib.sample.sobol import sample as sample_sobol

    return np.asarray(sample_sobol(problem, samples, calc_second_order=False, seed=seed))


def indices_of(
    method: str, points: np.ndarray, values: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Return SALib's indices as arrays over the parameters."""
    problem = _problem(points.shape[1])
    if method == "morris":
        from SALib.analyze.morris import analyze

        found = analyze(
            problem, points, values, num_levels=LEVELS, num_resamples=RESAMPLES, seed=seed
        )
        names = ("mu_star", "mu_star_conf", "sigma")
        return {n: np.asarray(found[n], dtype=float) for n in names}
    from SALib.analyze.sobol import analyze as analyze_sobol

    found = analyze_sobol(
        problem, values, calc_second_order=False, num_resamples=RESAMPLES, seed=seed
    )
    return {n: np.asarray(found[n], dtype=float) for n in ("S1", "S1_conf", "ST", "ST_conf")}


def _problem(count: int) -> dict[str, Any]:
    return {
        "num_vars": count,
        "names": [f"x{k}" for k in range(count)],
        "bounds": [[0.0, 1.0]] * count,
    }


def global_sensitivity(
    session: Session, parameters: Sequence[Parameter], method: str, samples: int, seed: int
) -> Whole:
    """Return the indices of the optimum, each parameter uniform over its documented range."""
    points = sample_points(method, len(parameters), samples, seed)
    cases = []
    for number, point in enumerate(points):
        overrides = tuple(
            text
            for p, share in zip(parameters, point, strict=True)
            for text in p.at(p.low + float(share) * (p.high - p.low))
        )
        cases.append(session.case(f"{method} {number + 1}", overrides=overrides))
    solved = session.solve(cases)
    without = [c.name for c, s in zip(cases, solved, strict=True) if s.plan is None]
    if without:
        raise InstanceError(
            f"no plan at {len(without)} of {len(cases)} points ({without[0]}, ...): indices of a "
            "cost that is not there everywhere mean nothing; leave the parameter out that makes "
            "it so, or give more time"
        )
    values = np.array([s.high for s in solved])
    widths = np.array([s.high - s.low for s in solved])
    found = indices_of(method, points, values, seed)
    indices = []
    errors = _effect_errors(points, widths) if method == "morris" else None
    first, total = ("mu_star", "sigma") if method == "morris" else ("S1", "ST")
    for k, parameter in enumerate(parameters):
        indices.append(
            Index(
                parameter,
                float(found[first][k]),
                float(found[f"{first}_conf"][k]),
                float(found[total][k]),
                math.nan if method == "morris" else float(found["ST_conf"][k]),
                float(errors[k]) if errors is not None else math.nan,
            )
        )
    by = (lambda i: i.first) if method == "morris" else (lambda i: i.total)
    indices.sort(key=lambda i: (-by(i), i.parameter.parameter_id))
    return Whole(
        method, samples, seed, tuple(indices), len(cases),
        max(s.gap for s in solved), float(values.std()), float(widths.max()),
    )  # fmt: skip


def _effect_errors(points: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return what the widths of the proven ranges can change each mean elementary effect by.

    An effect is the difference of two neighbours of a trajectory over the step; each value can be
    lower by its width.
    """
    count = points.shape[1]
    total, steps = np.zeros(count), np.zeros(count)
    for row in range(len(points) - 1):
        if (row + 1) % (count + 1) == 0:
            continue  # the next trajectory begins
        moved = np.flatnonzero(points[row + 1] != points[row])
        if len(moved) != 1:
            continue
        k = moved[0]
        step = abs(points[row + 1, k] - points[row, k])
        total[k] += max(widths[row], widths[row + 1]) / step
        steps[k] += 1
    return np.divide(total, steps, out=np.full(count, np.nan), where=steps > 0)
