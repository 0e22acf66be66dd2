"""The part of a network in which routes can part or meet; what lies before and behind it is kept.

A gate that is joined to one yard only is passed by every route of its goods and by no other: it is
taken off, and the arc to its yard is remembered as the beginning or end of those routes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

Passage = tuple[int, tuple[int, ...]]  # a node that is kept, and the arcs between it and an end


class Passages:
    """The kept ``arcs`` of a network for goods between pairs of nodes (``ends``).

    ``free`` marks arcs without capacity and without project: only those are taken off.
    """

    def __init__(
        self,
        tail: np.ndarray,
        head: np.ndarray,
        usable: np.ndarray,
        free: np.ndarray,
        ends: Sequence[tuple[int, int]],
    ) -> None:
        self._tail, self._head, self._free = tail, head, free
        arcs = np.flatnonzero(usable).tolist()
        leaving, entering = defaultdict(list), defaultdict(list)
        for a in arcs:
            leaving[int(tail[a])].append(a)
            entering[int(head[a])].append(a)
        self._leaving, self._entering = leaving, entering
        self._reached: dict[int, set[int]] = {}
        self._beyond = {t: self._reach(t) for t in {t for t, _ in ends}}
        forward: set[int] = set().union(*self._beyond.values())
        backward = self._reach_back({h for _, h in ends})
        inside = forward & backward
        self._between = {a for a in arcs if int(tail[a]) in inside and int(head[a]) in inside}
        self._yard: dict[int, tuple[int, int | None, int | None]] = {}  # gate: yard, out, in
        self._take_off({n for pair in ends for n in pair})
        self.arcs = np.array(sorted(self._between), dtype=np.int64)
        kept = {int(n) for a in self.arcs for n in (tail[a], head[a])}
        kept |= {self.begin(t)[0] for t, _ in ends} | {self.end(h)[0] for _, h in ends}
        self._number = {n: k for k, n in enumerate(sorted(kept))}

    @property
    def n_nodes(self) -> int:
        """The number of nodes that are kept; at least 1."""
        return max(1, len(self._number))

    def number(self, nodes: Iterable[int]) -> np.ndarray:
        """Return the new numbers of nodes of the network."""
        return np.array([self._number[int(n)] for n in nodes], dtype=np.int32)

    def joins(self, tail: int, head: int) -> bool:
        """Return whether a route leads from one end to the other."""
        return head in self._beyond.get(tail, ())

    def begin(self, node: int) -> Passage:
        """Return where routes from this end part, and the arcs that lead there."""
        yard, out, _ = self._yard.get(node, (node, None, None))
        return yard, () if out is None else (out,)

    def end(self, node: int) -> Passage:
        """Return where routes to this end have met, and the arcs that lead on from there."""
        yard, _, into = self._yard.get(node, (node, None, None))
        return yard, () if into is None else (into,)

    def _reach(self, start: int) -> set[int]:
        return self._search({start}, self._leaving, self._head)

    def _reach_back(self, ends: set[int]) -> set[int]:
        return self._search(ends, self._entering, self._tail)

    @staticmethod
    def _search(start: set[int], steps: dict[int, list[int]], other: np.ndarray) -> set[int]:
        seen, stack = set(start), list(start)
        while stack:
            for a in steps.get(stack.pop(), ()):
                node = int(other[a])
                if node not in seen:
                    seen.add(node)
                    stack.append(node)
        return seen

    def _take_off(self, ends: set[int]) -> None:
        """Take off gates of ends with one yard, and other nodes that lead to one node only."""
        queue = sorted({int(n) for a in self._between for n in (self._tail[a], self._head[a])})
        yards = set()  # a node that took the place of an end is an end itself: once is enough
        while queue:
            node = queue.pop()
            out = [a for a in self._leaving.get(node, ()) if a in self._between]
            into = [a for a in self._entering.get(node, ()) if a in self._between]
            around = {int(self._head[a]) for a in out} | {int(self._tail[a]) for a in into}
            if len(around) != 1 or node in yards:
                continue
            (other,) = around
            if node in ends:
                if len(out) > 1 or len(into) > 1 or not self._free[out + into].all():
                    continue
                if other in ends:
                    continue  # two gates side by side: the arc between them is the route
                self._yard[node] = (other, out[0] if out else None, into[0] if into else None)
                yards.add(other)
            self._between -= {*out, *into}
            queue.append(other)
