"""Published benchmark files read as instances: the format is found from the content, or named."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from instances.as_instance import design_instance, facility_instance
from instances.errors import Fault, InstanceError
from instances.instance import Instance
from instances.published.facility import FORMATS as FACILITY_FORMATS
from instances.published.facility import detect_format, read_facility
from instances.published_design import looks_like_dow, read_dow

FORMATS = (*FACILITY_FORMATS, "dow")
# Families by the format they are written in.
ALIASES = {
    "yang": "holmberg", "diaz-fernandez": "diaz", "goertz-klose": "klose", "kg": "ufllib",
    "m": "ufllib-m", "canad": "dow", "or-library": "orlib",
}  # fmt: skip
_HEAD = 200  # characters that tell formats with a title line


def read_published(
    path: Path,
    *,
    format: str | None = None,
    capacity: float | None = None,
    single_source: bool = False,
) -> Instance:
    """Return the published problem in a file as an instance (docs/published.md).

    Parameters
    ----------
    format
        One of `FORMATS` or `ALIASES`; by default what the content says. Content that fits several
        formats is an error that names them.
    capacity
        Capacity of every facility, where the file leaves it open; ``inf``: none.
    single_source
        True: each customer is served by one facility, where the family has both readings.
    """
    if format is None:
        format = the_format(path)
    elif format.lower() not in (*FORMATS, *ALIASES):
        known = ", ".join((*FORMATS, *ALIASES))
        message = f"there is no format of this name; the formats are {known}"
        raise InstanceError([Fault(path.name, None, "format", format, message)])
    format = ALIASES.get(format.lower(), format.lower())
    if format != "dow":
        return facility_instance(
            read_facility(
                path, format=format, capacity=capacity, single_source=single_source or None
            )
        )
    for name, given in (("capacity", capacity is not None), ("single_source", single_source)):
        if given:
            message = "has no meaning for network design; leave the option out"
            raise InstanceError([Fault(path.name, None, name, "", message)])
    return design_instance(read_dow(path))


def the_format(path: Path) -> str:
    """Return the one format that the content fits; `InstanceError` if it is none or several."""
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise InstanceError([Fault(path.name, None, "", "", message)]) from error
    if looks_like_dow(text[:_HEAD]):
        return "dow"
    fitting = fitting_formats(path, text)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        message = (
            f"the content fits the formats {' and '.join(fitting)}: name the one that is meant "
            "(--format)"
        )
    else:
        message = (
            "is neither an instance (a folder with instance.toml, an .xlsx workbook) nor a "
            f"published file whose format can be seen; if it is one of {', '.join(FORMATS)}, name "
            "it (--format) and check that no line is missing"
        )
    raise InstanceError([Fault(path.name, None, "", "", message)])


def fitting_formats(path: Path, text: str) -> tuple[str, ...]:
    """Return the facility location formats that a file's content fits."""
    found = detect_format(path)
    if found in (None, "orlib") and _square_lines(text):
        return (*_kinds_of_orlib(text), "holmberg")
    if found == "orlib":
        return _kinds_of_orlib(text)
    if found in ("tbed1", "diaz"):
        return _tables_fit(text) or (found,)
    return (found,) if found else ()


def _kinds_of_orlib(text: str) -> tuple[str, ...]:
    """Return ``orlib`` alone where all capacities are equal, as in every file of OR-Library.

    In the M files of UflLib the same column holds numbers that differ and mean nothing.
    """
    tokens = text.split()
    count = int(tokens[0])
    same = len(set(tokens[2 : 2 + 2 * count : 2])) == 1
    return ("orlib",) if same else ("orlib", "ufllib-m")


def _square_lines(text: str) -> bool:
    """Return whether lines are a customer's (demand, m costs) and a facility's (n costs) alike."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or len(lines[0]) != 2 or not all(token.isdigit() for token in lines[0]):
        return False
    m, n = (int(token) for token in lines[0])
    pairs, rows = lines[1 : 1 + m], lines[1 + m :]
    return (
        n == m + 1
        and len(rows) == n
        and all(len(pair) == 2 for pair in pairs)
        and all(len(row) == n for row in rows)
    )


def _tables_fit(text: str) -> tuple[str, ...]:
    """Return which of tbed1 and diaz have sensible tables in a file without a title.

    ``m n, demands, capacities, fixed costs, costs`` against ``n m, costs, demands, fixed costs,
    capacities``: where the sizes are equal both fit by number, and what must hold for a problem to
    have a plan (capacity for all demand, and whole demands above 0) tells them apart.
    """
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError:
        return ()
    first, second = int(numbers[0]), int(numbers[1])
    rest = numbers[2:]
    fitting = []
    tbed1 = (rest[:second], rest[second : second + first])
    last = rest[first * second :]
    diaz = (last[:first], last[first + second :])
    for name, sizes, (demand, capacity) in (
        ("tbed1", second + 2 * first + first * second, tbed1),
        ("diaz", first + 2 * second + first * second, diaz),
    ):
        whole = bool(np.all((demand > 0) & (demand == np.floor(demand))))
        if rest.size == sizes and whole and capacity.sum() >= demand.sum():
            fitting.append(name)
    return tuple(fitting)
