"""Constraints 8 to 10: every route leg by leg, TEU by goods key, bottlenecks and services."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from optimizer.plan.plan import Flow, Plan
from optimizer.plan.verify import verdict as rule
from optimizer.plan.verify.arcs import Arc, Network, Node
from optimizer.plan.verify.decisions import Amounts
from optimizer.plan.verify.facts import Facts
from optimizer.plan.verify.goods import Goods, GoodsBook
from optimizer.plan.verify.verdict import Findings

MOST_WALKS = 50_000  # routes that are remembered with a network
HostKey = tuple[str, str, str, str]  # host_kind, host_id, form_id, industry_id


@dataclass(frozen=True, slots=True)
class Routed:
    """A flow whose goods are known, with the sums of the features of its arcs (per TEU)."""

    flow: Flow
    goods: Goods
    features: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """A route whose legs join and that visits no node twice; sums of its features per TEU."""

    arcs: list[Arc]
    tail: Node
    head: Node
    features: np.ndarray


def required_output(facts: Facts, amounts: Amounts) -> dict[HostKey, float]:
    """Return the output whose goods must flow, by host, form and industry (mcny a year)."""
    needed: dict[HostKey, float] = {
        ("zone", zone_id, form_id, industry_id): x
        for (zone_id, industry_id, form_id), x in amounts.cell.items()
    }
    for (rival_id, industry_id), y in amounts.rival.items():
        needed["rival", rival_id, facts.rival[rival_id]["form_id"], industry_id] = y
    for (origin_id, industry_id), s in amounts.stay.items():
        needed["stay", origin_id, facts.origin[origin_id]["form_id"], industry_id] = s
    return needed


class FlowCheck:
    """Walks through the flows of one plan and files what is wrong with them."""

    def __init__(
        self,
        facts: Facts,
        network: Network,
        goods: GoodsBook,
        plan: Plan,
        amounts: Amounts,
        findings: Findings,
    ) -> None:
        self.facts, self.network, self.goods = facts, network, goods
        self.plan, self.amounts, self.findings = plan, amounts, findings
        self.today = network.running_today()
        self.running = self.today | set(plan.services)
        self._unusable: dict[tuple[str, bool], str] = {}
        self._open: dict[tuple[tuple[str, ...], bool], bool] = {}  # may every arc be used?

    def run(self) -> list[Routed]:
        """Return the flows that can be costed; everything wrong goes to the findings."""
        self._services_may_run()
        needed = required_output(self.facts, self.amounts)
        carried: dict[tuple[HostKey, str], float] = defaultdict(float)
        routed = []
        for flow in self.plan.flows:
            host = (flow.host_kind, flow.host_id, flow.form_id, flow.industry_id)
            place = self.facts.host_place(flow.host_kind, flow.host_id)
            goods = self.goods.of(place, flow.form_id, flow.industry_id).get(flow.goods)
            if goods is None:
                message = "the industry needs no such goods"
                self.findings.add(rule.FLOWS, _where(host, flow), message, flow.goods)
                continue
            if host not in needed:
                message = "goods of a host and form without output"
                self.findings.add(rule.FLOWS, _where(host, flow), message, flow.teu, 0.0)
            carried[host, flow.goods] += flow.teu
            features = self._sound(flow, goods)
            if features is None:
                arcs = self._route(flow, goods, _where(host, flow))
                if arcs is None:
                    continue
                numbers = [self.network.number[a.key] for a in arcs]
                features = self.network.features[numbers].sum(axis=0)
            routed.append(Routed(flow, goods, features))
        self._amounts_match(needed, carried)
        self._loads()
        return routed

    def _sound(self, flow: Flow, goods: Goods) -> np.ndarray | None:
        """Return the sums of features of a flow in which nothing is wrong; None: look closer."""
        if not isinstance(flow.arcs, tuple):
            return None
        walk = self._walk(flow.arcs)
        if walk is None or walk.tail != goods.tail or walk.head != goods.head:
            return None
        key = (flow.arcs, flow.host_kind == "zone")
        if key not in self._open:
            self._open[key] = not any(self._why_unusable(a, of_zone=key[1]) for a in walk.arcs)
        return walk.features if self._open[key] else None

    def _walk(self, keys: tuple[str, ...]) -> _Walk | None:
        """Return a route that is one, by the network alone; it is looked at once."""
        known: dict[tuple[str, ...], _Walk | None] = self.network.walks
        if keys not in known:
            if len(known) >= MOST_WALKS:
                known.clear()
            known[keys] = self._join(keys)
        return known[keys]

    def _join(self, keys: tuple[str, ...]) -> _Walk | None:
        arcs = [self.network.arc.get(key) for key in keys]
        legs = [arc for arc in arcs if arc is not None]
        if not legs or len(legs) < len(arcs):
            return None
        nodes = [legs[0].tail, *(arc.head for arc in legs)]
        joined = all(arc.tail == node for arc, node in zip(legs, nodes, strict=False))
        if not joined or len(set(nodes)) < len(nodes):
            return None
        numbers = [self.network.number[key] for key in keys]
        features = self.network.features[numbers].sum(axis=0)
        return _Walk(legs, nodes[0], nodes[-1], features)

    def _route(self, flow: Flow, goods: Goods, where: str) -> list[Arc] | None:
        """Return the arcs of a flow, or None where a key names no arc; file every fault."""
        arcs = []
        for key in flow.arcs:
            arc = self.network.arc.get(key)
            if arc is None:
                message = f"no such arc: {self.network.why_no_arc(str(key))}"
                self.findings.add(rule.FLOWS, where, message, str(key))
                return None
            reason = self._why_unusable(arc, of_zone=flow.host_kind == "zone")
            if reason:
                self.findings.add(rule.FLOWS, where, f"the arc may not be used: {reason}", key)
            arcs.append(arc)
        if goods.tail is None:
            if arcs:
                message = "local goods have no route"
                self.findings.add(rule.FLOWS, where, message, len(arcs), 0)
            return arcs
        at = goods.tail
        visited = {at}
        for arc in arcs:
            if arc.tail != at:
                message = "the legs of the route do not join"
                self.findings.add(
                    rule.FLOWS, f"{where} at {arc.key}", message, _name(arc.tail), _name(at)
                )
                return arcs
            at = arc.head
            if at in visited:
                message = "the route passes here twice"
                self.findings.add(rule.FLOWS, f"{where} at {arc.key}", message, _name(at))
            visited.add(at)
        if at != goods.head:
            message = "the route does not end where and in the regime it must"
            self.findings.add(rule.FLOWS, where, message, _name(at), _name(goods.head))
        return arcs

    def _why_unusable(self, arc: Arc, *, of_zone: bool) -> str:
        """Goods of zones may use what the plan builds and runs, all others the network of today."""
        key = (arc.key, of_zone)
        if key not in self._unusable:
            closed = self.plan.question.closed
            projects = self.plan.projects if of_zone else ()
            services = self.running if of_zone else self.today
            reason = self.network.why_unusable(arc, projects, services, closed)
            if reason and not of_zone and not self._why_unusable(arc, of_zone=True):
                reason += "; goods of rivals and of what stays use the network of today"
            self._unusable[key] = reason
        return self._unusable[key]

    def _amounts_match(
        self, needed: dict[HostKey, float], carried: dict[tuple[HostKey, str], float]
    ) -> None:
        for host, output in needed.items():
            kind, host_id, form_id, industry_id = host
            place = self.facts.host_place(kind, host_id)
            for goods in self.goods.of(place, form_id, industry_id).values():
                teu, found = output * goods.teu_per_mcny, carried.get((host, goods.key))
                if found is None and not goods.needs_route:
                    continue  # nothing travels, so the plan may leave the flow out
                where = f"flow {' '.join(host)} {goods.key}"
                found = 0.0 if found is None else found
                if not abs(found - teu) <= self.findings.tolerance * max(teu, 1e-3):
                    message = "TEU on the routes are not what the output needs"
                    self.findings.add(rule.FLOWS, where, message, found, teu)

    def _loads(self) -> None:
        """Bottlenecks and services carry the goods of zones; what else moves is there today."""
        load: dict[str, float] = defaultdict(float)
        service_load: dict[str, float] = defaultdict(float)
        for flow in self.plan.flows:
            if flow.host_kind != "zone":
                continue
            for key in flow.arcs:
                arc = self.network.arc.get(key)
                if arc is None:
                    continue
                for bottleneck_id in arc.bottlenecks:
                    load[bottleneck_id] += flow.teu
                if arc.service_id:
                    service_load[arc.service_id] += flow.teu
        for bottleneck_id, row in self.facts.bottleneck.items():
            added = self.facts.additions.get(("adds_bottleneck_teu", bottleneck_id), {})
            limit = row["capacity_teu_per_year"]
            limit += math.fsum(added.get(p, 0.0) for p in self.plan.projects)
            where, found = f"bottleneck {bottleneck_id}", load[bottleneck_id]
            message = "more TEU than the bottleneck can pass"
            self.findings.at_most(rule.BOTTLENECKS, where, found, limit, message)
        for service_id, row in self.facts.service.items():
            where, found = f"service {service_id}", service_load[service_id]
            if service_id in self.running:
                limit = row["capacity_teu_per_year"]
                message = "more TEU than the service can carry"
                self.findings.at_most(rule.SERVICES, where, found, limit, message)
            if service_id in self.plan.services:
                least = row["min_load_teu_per_year"]
                message = "the service runs below its least load"
                self.findings.at_least(rule.SERVICES, where, found, least, message)

    def _services_may_run(self) -> None:
        for service_id in self.plan.services:
            where = f"service {service_id}"
            if service_id in self.today:
                message = "runs today in any case and is no decision"
                self.findings.add(rule.SERVICES, where, message)
            if service_id in self.plan.question.closed:
                self.findings.add(rule.SERVICES, where, "is closed by the question and runs")
            openers = self.facts.openers.get(("opens_service", service_id), [])
            if openers and not set(openers).intersection(self.plan.projects):
                message = "runs without the project that opens it"
                self.findings.add(rule.SERVICES, where, message, "", ", ".join(openers))


def _where(host: HostKey, flow: Flow) -> str:
    return f"flow {' '.join(host)} {flow.goods}"


def _name(node: tuple[str, str, str] | None) -> str:
    return "nowhere" if node is None else "/".join(node)
