"""`Session`: where the commands of `optimizer.studies` get their solves from.

A command is written as *inquiries*: generators that yield lists of cases and get the list of what
was solved in return. The session drives any number of them at the same time; every case goes to
the executor once, to the store when it is done, and is never solved again. What an inquiry sees
does not depend on how many workers there are or in which order they finish.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from instances import Instance, read_instance
from optimizer.errors import OptimizerError
from optimizer.plan.plan import Plan, Question
from optimizer.studies.case import Case, Solved
from optimizer.studies.executors import Executor, executor_of
from optimizer.studies.store import MemoryStore, Store
from optimizer.studies.worker import Context

if TYPE_CHECKING:
    from optimizer.engine.progress import ProgressEvent

STARTS = 8  # plans that cases begin from, kept in memory

T = TypeVar("T")
Inquiry = Generator[list[Case], list[Solved], T]


class StudyStopped(OptimizerError):
    """The study was cancelled; what is finished is kept in its folder."""


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """Where a study is: solves done and known to come, the worst gap, seconds gone and left."""

    done: int
    known: int
    reused: int
    worst_gap: float
    seconds: float
    left_s: float | None
    detail: str = ""


@dataclass
class Session:
    """An instance, a question, workers and a store.

    Parameters
    ----------
    instance
        As `read_instance` takes it.
    question
        The base question: the plan that cases start from and are compared with.
    gap, time_limit_s
        Of each solve.
    workers
        Processes of this machine; 1 solves in this process.
    scheduler
        Address of a Dask scheduler instead.
    store
        A `Store` (a folder) or nothing: then all is kept in memory.
    """

    instance: Instance
    question: Question = field(default_factory=Question)
    gap: float = 1e-3
    time_limit_s: float = 300.0
    workers: int = 1
    scheduler: str | None = None
    store: Store | MemoryStore = field(default_factory=MemoryStore)
    on_progress: Callable[[StudyProgress], None] | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    reused: int = 0
    solves: int = 0
    worst_gap: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.instance, Instance):
            self.instance = read_instance(self.instance)
        self.store.begin(self.instance, self.question)
        self._executor: Executor | None = None
        self._cases: dict[str, Case] = {}  # given to the executor and not back yet
        self._starts: dict[str, Plan] = {}  # the last plans that cases began from, by key
        self._known: WeakValueDictionary[str, Solved] = WeakValueDictionary()  # still in memory
        self._started = time.perf_counter()
        self._busy_s = 0.0

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None

    def facts(self) -> dict[str, Any]:
        """What a chapter says of its solves: how many, the gap asked for, the worst reached."""
        return {
            "solves": self.solves + self.reused,
            "gap_asked": self.gap,
            "worst_gap": round(self.worst_gap, 6),
        }

    # -- cases -------------------------------------------------------------------------------

    def case(self, name: str, question: Question | None = None, **more: Any) -> Case:
        """A case of this session: its question and limits unless others are given."""
        options = {"gap": self.gap, "time_limit_s": self.time_limit_s} | more
        return Case(name, self.question if question is None else question, **options)

    def base(self) -> Solved:
        """The base question, solved."""
        return self.solve([self.case("base")])[0]

    def solve(self, cases: Iterable[Case]) -> list[Solved]:
        """All cases solved, in the order given."""

        def inquiry() -> Inquiry[list[Solved]]:
            return (yield list(cases))

        return self.run([inquiry()])[0]

    def run(self, inquiries: Sequence[Inquiry[T]]) -> list[T]:
        """Drive all inquiries to their end, side by side; return what they return.

        Raises
        ------
        StudyStopped
            Cancelled; what was solved so far is in the store.
        InstanceError
            A case asks for something that the instance does not have.
        """
        results: dict[int, T] = {}
        waiting: dict[int, list[Case]] = {}
        answers: dict[str, Solved] = {}
        wanted: dict[str, set[int]] = {}  # key -> inquiries that wait for it

        def advance(number: int, reply: list[Solved] | None) -> None:
            while True:
                try:
                    asked = (
                        next(inquiries[number]) if reply is None else inquiries[number].send(reply)
                    )
                except StopIteration as end:
                    results[number] = end.value
                    waiting.pop(number, None)
                    return
                for case in asked:
                    self._ask(case, number, answers, wanted)
                if all(case.key in answers for case in asked):
                    reply = [answers[case.key] for case in asked]
                    continue
                waiting[number] = asked
                return

        try:
            for number in range(len(inquiries)):
                advance(number, None)
            while waiting:
                key, solved = self._next()
                answers[key] = solved
                for number in sorted(wanted.pop(key, ())):
                    asked = waiting.get(number)
                    if asked is not None and all(case.key in answers for case in asked):
                        del waiting[number]
                        advance(number, [answers[case.key] for case in asked])
        except BaseException:
            for inquiry in inquiries:
                inquiry.close()
            self._cases.clear()
            if self._executor is not None:
                self._executor.drop()
            raise
        return [results[number] for number in range(len(inquiries))]

    def _ask(
        self,
        case: Case,
        number: int,
        answers: dict[str, Solved],
        wanted: dict[str, set[int]],
    ) -> None:
        """Look a case up, or hand it to the executor unless it is there already."""
        if case.key in answers:
            self.store.name(case)
            return
        if case.key in wanted:
            wanted[case.key].add(number)
            self.store.name(case)
            return
        kept = self.store.find(case.key)
        if kept is not None:
            answers[case.key] = self._known[case.key] = kept
            self.reused += 1
            self.store.name(case)
            self._count(kept)
            return
        wanted[case.key] = {number}
        plan: Plan | None = None
        if case.start:
            plan = self._start(case)
        self._cases[case.key] = case
        self._tell(case.name)
        self._workers().submit(case, plan)

    def _start(self, case: Case) -> Plan:
        """Return the plan that a case begins from; the last ones are kept, a folder is slow."""
        plan = self._starts.pop(case.start, None)
        if plan is None:
            first = self._known.get(case.start) or self.store.find(case.start)
            if first is None or first.plan is None:
                raise ValueError(f"{case.name}: no finished case {case.start} with a plan")
            plan = first.plan
        self._starts[case.start] = plan
        while len(self._starts) > STARTS:
            del self._starts[next(iter(self._starts))]
        return plan

    def _workers(self) -> Executor:
        if self._executor is None:
            context = Context(self.instance, self.question, self.gap, self.time_limit_s)
            context.cancel, context.progress = self.cancel, self._tell_of
            self._executor = executor_of(context, self.workers, self.scheduler)
        return self._executor

    def _next(self) -> tuple[str, Solved]:
        """The next finished case, kept in the store."""
        while True:
            if self.cancel.is_set():
                raise StudyStopped(
                    f"stopped after {self.solves} solves; they are kept, the same command goes on"
                )
            solved = self._workers().wait(0.5)
            if solved is None:
                self._tell()
                continue
            if self.cancel.is_set():
                continue  # a solve that was cut short is not what was asked for
            case = self._cases.pop(solved.key)
            self.store.keep(case, solved)
            self._known[solved.key] = solved
            self.solves += 1
            self._busy_s += solved.seconds
            self._count(solved)
            self._tell(case.name)
            return solved.key, solved

    def _count(self, solved: Solved) -> None:
        if solved.plan is not None:
            self.worst_gap = max(self.worst_gap, solved.gap)

    def _tell_of(self, event: ProgressEvent) -> None:
        """Tell of a solve in this process: the base, or any case where there are no workers."""
        gap = "" if event.gap is None else f", gap {event.gap:.2%}"
        first = next(iter(self._cases.values()), None)
        self._tell(f"{first.name if first is not None else 'base'}: {event.phase}{gap}")

    def _tell(self, detail: str = "") -> None:
        if self.on_progress is None:
            return
        left = None
        if self.solves:
            each = self._busy_s / self.solves
            width = 1 if self._executor is None else self._executor.width
            left = each * len(self._cases) / max(1, width)
        done = self.solves + self.reused
        self.on_progress(
            StudyProgress(
                done,
                done + len(self._cases),
                self.reused,
                self.worst_gap,
                time.perf_counter() - self._started,
                left,
                detail,
            )
        )
