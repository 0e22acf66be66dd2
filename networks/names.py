"""What a person may call an element: its id, its English or its Chinese name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from instances.errors import InstanceError


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint with the nearest known names, or an empty text."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=3, cutoff=0.6)
    return f" Nearest: {', '.join(folded[c] for c in close)}." if close else ""


def find_ids(word: str, names: Mapping[str, tuple[str, ...]], *, what: str) -> list[str]:
    """Return the ids that a word means: exact id, else name, else its beginning, else a part.

    ``names`` gives the names of each id. Case does not count. More than one id may come back, all
    found at the same step; none at all raises `InstanceError` with the nearest names.
    """
    if word in names:
        return [word]
    folded = word.strip().casefold()
    if folded:
        for matches in (str.__eq__, str.startswith, str.__contains__):
            found = [
                i
                for i, called in names.items()
                if any(matches(name.casefold(), folded) for name in (i, *called))
            ]
            if found:
                return found
    known = [name for i, called in names.items() for name in (i, *called) if name]
    raise InstanceError(f"{what} {word!r} is unknown.{nearest(word, known)}")
