"""What is run: one `Case` is an instance, how it is read, and for how long; families make cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instances.errors import Fault, InstanceError


@dataclass(frozen=True)
class Case:
    """One instance of a suite.

    ``source`` is ``file:FOLDER/FILE`` below the data folder, ``draw:RECIPE`` (options are the
    recipe's arguments) or ``named:NAME`` (bundled, or ``transfer:M:seed=1``). ``known`` is the
    row of the table of known values, (family, instance).
    """

    name: str
    family: str  # rows of one family are summed up together
    source: str
    options: dict[str, Any] = field(default_factory=dict)
    limit_s: float = 60.0
    gap: float = 1e-4
    known: tuple[str, str] | None = None


@dataclass(frozen=True)
class Files:
    """Files of a published family below the data folder, each a case (several with capacities)."""

    family: str
    pattern: str  # glob below the data folder
    options: dict[str, Any] = field(default_factory=dict)
    capacities: tuple[float, ...] = ()  # given to files that leave them open
    skip: tuple[str, ...] = ()  # files of the folder that are no instances
    limit_s: float = 60.0
    gap: float = 1e-4
    known: tuple[str, ...] = ()  # families in the table of known values

    def cases(self, data: Path) -> list[Case]:
        """Return the cases of the files that are there, small names first."""
        found = []
        for path in sorted(data.glob(self.pattern), key=_natural):
            if not path.is_file() or path.name in self.skip:
                continue
            stem = path.name
            for ending in (".txt", ".dow", ".cfl"):
                stem = stem.removesuffix(ending)
            source = f"file:{path.relative_to(data).as_posix()}"
            for capacity in self.capacities or (None,):
                name = stem if capacity is None else f"{stem}_{capacity:g}"
                options = dict(self.options)
                if capacity is not None:
                    options["capacity"] = capacity
                found.append(
                    Case(
                        name if self.family == "" else f"{self.family}/{name}", self.family,
                        source, options, self.limit_s, self.gap,
                        (self.known[0], name) if self.known else None,
                    )
                )  # fmt: skip
        return found


Member = Case | Files


@dataclass(frozen=True)
class Suite:
    """Cases that are run together."""

    name: str
    title: str
    members: tuple[Member, ...]

    @property
    def needs_data(self) -> bool:
        """True if some cases are files that the user has to name a folder of."""
        return any(isinstance(member, Files) for member in self.members)

    def cases(self, data: Path | None) -> tuple[list[Case], list[str]]:
        """Return the cases, and what of the suite is left out and why, in words.

        Raises
        ------
        InstanceError
            If nothing is left.
        """
        found: list[Case] = []
        missing: list[str] = []
        for member in self.members:
            if isinstance(member, Case):
                found.append(member)
                continue
            here = member.cases(data) if data is not None else []
            found += here
            if not here:
                where = "no data folder was given" if data is None else "no such file is there"
                missing.append(f"{member.family}: {where} ({member.pattern})")
        if not found:
            message = (
                f"holds no instance of the suite {self.name}: {'; '.join(missing)}. Unpack the "
                "published files below one folder and name it (--data)"
            )
            raise InstanceError([Fault(str(data or "--data"), None, "", "", message)])
        return found, missing


def _natural(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Sort key of a name: p2 before p10."""
    import re

    parts = re.findall(r"\d+|\D+", path.name)
    return str(path.parent), [(int(p), "") if p.isdigit() else (-1, p) for p in parts]
