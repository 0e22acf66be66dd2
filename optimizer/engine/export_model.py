"""The mixed-integer model of an instance as an MPS or LP file that any solver can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from instances import Instance
from networks.network import build_network
from optimizer.engine.progress import Watch
from optimizer.engine.root import Relaxation
from optimizer.errors import OptimizerError
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Question
from optimizer.problem import build_problem
from optimizer.solvers.export import write_lp, write_mps


def export_model(
    instance: Instance, path: Path, form: str, question: Question | None = None
) -> Path:
    """Write the model of ``question`` with every route that could matter; return its map of names.

    All capacity rows are written, also those that do not bind, so that the file stands alone.
    The map, which names what the columns and rows stand for, is PATH.names.csv.
    """
    problem = build_problem(instance, build_network(instance), question or Question())
    m = build_siting_model(problem)
    relaxation = Relaxation(m)
    relaxation.solve(Watch())
    if not relaxation.all_listed:
        raise OptimizerError(
            "too many routes could matter to write them all; close some projects or services"
        )
    for resource in range(len(m.resources.keys)):
        if m.resources.keys[resource][0] != "gate" and np.isfinite(m.resources.today[resource]):
            relaxation.add_resource(resource)
    model = m.lp.compile()
    path.parent.mkdir(parents=True, exist_ok=True)
    write = write_mps if form == "mps" else write_lp
    return write(model, path)
