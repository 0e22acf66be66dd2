"""What a worker does: it holds the instance and the base plan, and solves one case at a time."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from instances import Instance
from networks.network import Network, build_network
from optimizer.api import solve
from optimizer.engine.collector import held_back
from optimizer.memory import Memory
from optimizer.plan.plan import MAXIMISED, Plan, Question, Status
from optimizer.result import Result
from optimizer.studies.case import SOLVE, Case, Solved

if TYPE_CHECKING:
    from optimizer.engine.progress import ProgressEvent

THREADS, SEED = 1, 0
COLLECT = 4  # cases of a worker process after which Python looks for cyclic garbage
KEPT = 64  # instances whose network and routes a worker keeps


@dataclass(frozen=True)
class Kept:
    """An instance with overrides, its network, and the routes of its goods."""

    instance: Instance
    network: Network
    memory: Memory


@dataclass
class Context:
    """What all cases of a study share in one process; ``base`` is solved when it is first needed.

    ``plans`` holds plans of finished cases that others start from, by key.
    """

    instance: Instance
    question: Question
    gap: float
    time_limit_s: float
    plans: dict[str, Plan] = field(default_factory=dict)
    # Only in the process that asks:
    cancel: threading.Event | None = None
    progress: Callable[[ProgressEvent], None] | None = None
    kept: dict[tuple[Any, ...], Kept] = field(default_factory=dict)
    models: dict[Any, Any] = field(default_factory=dict)  # that tasks keep for their next case

    def __getstate__(self) -> dict[str, Any]:
        """What other processes get: all but what ties the context to this one."""
        return self.__dict__ | {"cancel": None, "progress": None, "models": {}}

    @cached_property
    def network(self) -> Network:
        """The network of the instance as it is."""
        return build_network(self.instance)

    @cached_property
    def base(self) -> Result:
        """The study's own question, solved from nothing: the start of every case."""
        return solve(
            self.instance,
            self.question,
            network=self.network,
            gap=self.gap,
            time_limit_s=self.time_limit_s,
            threads=THREADS,
            seed=SEED,
            explain=False,
            cancel=self.cancel,
            on_progress=self.progress,
        )

    def is_base(self, case: Case) -> bool:
        """True if a case asks what the base asks, with the same limits."""
        asks = (case.question, case.gap, case.time_limit_s)
        mine = (self.question, self.gap, self.time_limit_s)
        return asks == mine and not (case.overrides or case.start or case.cold)

    def start_of(self, case: Case) -> Result | Plan | None:
        """What a case begins from: routes and prices of the base, the plan that it names."""
        if case.cold:
            return None
        plan = self.plans[case.start] if case.start else None
        memory = self.base._memory
        if plan is None:
            return self.base if self.base.has_plan else None
        if memory is None:
            return plan
        return replace(self.base, _plan=plan, _memory=replace(memory, values={}))

    def kept_of(self, case: Case) -> Kept:
        """Return instance, network and routes of a case, from the last time they were needed.

        Routes depend on the tables and on what is closed, and on nothing that was solved before:
        an answer is the same whether they were kept or found anew.
        """
        question = case.question
        key = (case.overrides, question.closed, question.objective, question.weights)
        found = self.kept.pop(key, None)
        if found is None:
            found = self._found_anew(case)
        self.kept[key] = found  # the last used is the last to go
        while len(self.kept) > KEPT:
            del self.kept[next(iter(self.kept))]
        return found

    def _found_anew(self, case: Case) -> Kept:
        """Return what `kept_of` keeps; routes of the base serve where they are still right."""
        from optimizer.problem import WEIGHT_OF, build_problem

        instance, question, before = self.instance_of(case), case.question, self.base._memory
        by = WEIGHT_OF.get(question.objective, "generalised")
        if before is not None and before.may_reuse_routes(instance, question, by):
            problem = build_problem(instance, before.problem.network, question, before)
            memory = Memory(problem, free=before.free, listed=before.listed)
            return Kept(instance, problem.network, memory)
        network = self.network if instance is self.instance else build_network(instance)
        return Kept(instance, network, Memory(build_problem(instance, network, question)))

    def instance_of(self, case: Case) -> Instance:
        """The instance with the overrides of a case."""
        return self.instance.override(*case.overrides) if case.overrides else self.instance

    def solve(self, case: Case, **more: Any) -> Result:
        """Solve the question of a case on its instance; ``more`` goes to `optimizer.api.solve`."""
        options: dict[str, Any] = {
            "gap": case.gap,
            "time_limit_s": case.time_limit_s,
            "threads": THREADS,
            "seed": SEED,
            "explain": False,
            "start": self.start_of(case),
            "cancel": self.cancel,
            "on_progress": self.progress,
        }
        if case.keep:
            kept = self.kept_of(case)
            options["network"], instance = kept.network, kept.instance
            first = options["start"]
            plan = first if isinstance(first, Plan) else first and first._plan
            options["start"] = replace(self.base, _plan=plan, _memory=kept.memory)
        else:
            instance = self.instance_of(case)
        if instance is self.instance:
            options["network"] = self.network
        return solve(instance, case.question, **(options | more))


def run_case(context: Context, case: Case) -> Solved:
    """Solve a case. Errors of the library are raised: they are errors of the study's input."""
    started = time.perf_counter()
    if case.task == SOLVE:
        result = context.base if context.is_base(case) else context.solve(case)
        return solved_of(case, result, time.perf_counter() - started)
    module, _, function = case.task.partition(":")
    document = dict(getattr(import_module(module), function)(context, case))
    plan = document.pop("plan", None)
    seconds = time.perf_counter() - started
    return Solved(
        case.key,
        Status(document.get("status", "optimal")),
        str(document.get("stop_reason", "")),
        float(document.get("objective", float("nan"))),
        float(document.get("bound", float("nan"))),
        seconds,
        plan=plan,
        document=document,
    )


def solved_of(case: Case, result: Result, seconds: float) -> Solved:
    """What a study keeps of a result."""
    return Solved(
        case.key,
        result.status,
        result.stop_reason,
        result.objective,
        result.bound,
        seconds,
        plan=result.plan if result.has_plan else None,
        notes=result.notes,
        maximised=case.question.objective in MAXIMISED,
    )


_context: Context | None = None
_cases = 0


def begin(context: Context) -> None:
    """Set the context of this process; libraries get one thread, cases run side by side.

    What is there now stays: the collector of cyclic garbage need not look through it again.
    """
    global _context
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    _context = context
    gc.freeze()


def run_here(case: Case, plan: Plan | None) -> Solved:
    """Solve a case in the context of this process; ``plan`` is what it starts from, if named."""
    global _cases
    assert _context is not None, "begin() comes first"
    if plan is not None:
        _context.plans = {case.start: plan}
    _cases += 1
    with held_back():
        solved = run_case(_context, case)
        if _cases % COLLECT == 0:
            gc.collect()
    return solved
