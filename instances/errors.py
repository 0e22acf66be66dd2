"""What can be wrong with an instance: one `Fault` per fault, all of them in one `InstanceError`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class OptimizerError(Exception):
    """Base of every error this project raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: where it is, what the cell holds, what is wrong, what to do."""

    file: str
    row: int | None  # as a person counts in the file: the header is row 1
    column: str
    value: str
    message: str  # what is wrong and what to do about it

    def __str__(self) -> str:
        where = self.file
        if self.row is not None:
            where += f", row {self.row}"
        if self.column:
            where += f", column {self.column}"
        shown = f" is {self.value!r}" if self.value else ""
        if not where + shown:  # a fault of no cell, such as an unknown place in a question
            return self.message
        return f"{where}{shown}: {self.message}"


class InstanceError(OptimizerError):
    """The instance cannot be used. ``faults`` holds every fault that was found."""

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        if isinstance(faults, str):
            faults = [Fault("", None, "", "", faults)]
        self.faults: tuple[Fault, ...] = tuple(faults)
        lines = [str(f) for f in self.faults]
        super().__init__("\n".join(lines))
