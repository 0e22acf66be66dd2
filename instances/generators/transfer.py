"""The family `transfer`: the project's own problem at any size, drawn on real geography.

The network of the bundled `shanxi` (ports, dry ports, border crossings, junctions, with its links,
tariffs, handling and customs) is the backbone; cities of China host zones, others and cities
abroad are origins (cities.csv). `instances.generators.transfer_ranges` holds every range.
An instance is feasible by construction: every block may stay, and every rule allows that.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from instances.errors import Fault, InstanceError
from instances.generators import transfer_backbone as backbone
from instances.generators import transfer_hosts as hosts
from instances.generators import transfer_network as network
from instances.generators import transfer_origins as origins
from instances.generators.transfer_draw import Draw, distance_km
from instances.generators.transfer_industries import add_industries
from instances.generators.transfer_policy import Projects, add_rules, drop_waiting
from instances.instance import Instance, make_instance

FAMILY = "transfer"
_FORM = f"{FAMILY}:SIZE[:seed=NUMBER], where SIZE is S, M, L or ZONESxORIGINSxINDUSTRIES"


@dataclass(frozen=True, slots=True)
class TransferSize:
    """How large an instance is. What is not given follows from the number of zones.

    ``n_cities`` cities host the zones, five to six each; ``n_dry_ports`` are new, besides those of
    the backbone; ``n_projects`` counts new bonded zones, terminals and factory programmes.
    """

    n_zones: int
    n_origins: int
    n_industries: int
    n_cities: int = 0
    n_dry_ports: int = 0
    n_projects: int = 0

    def __post_init__(self) -> None:
        hosting = sum(c.role == "host" for c in backbone.cities())
        hubs = sum(c.is_hub for c in backbone.cities())
        if min(self.n_zones, self.n_origins, self.n_industries) < 1:
            raise InstanceError("a transfer instance needs at least one zone, origin and industry")
        defaults = {
            "n_cities": min(hosting, math.ceil(self.n_zones / 6 + 1)),
            "n_dry_ports": min(hubs, math.ceil(self.n_zones / 15) + 6),
            "n_projects": math.ceil(self.n_zones / 15) + 4,
        }
        for name, value in defaults.items():
            if getattr(self, name) == 0:
                object.__setattr__(self, name, value)
        for name, most in (
            ("n_cities", min(hosting, self.n_zones)), ("n_dry_ports", hubs), ("n_projects", 10_000),
            ("n_zones", 99 * hosting),
        ):  # fmt: skip
            if not 1 <= getattr(self, name) <= most:
                raise InstanceError(f"{name} is {getattr(self, name)}; give 1 to {most}")


SIZES = {
    "S": TransferSize(90, 18, 15),  # as the bundled shanxi
    "M": TransferSize(340, 60, 20),
    "L": TransferSize(1000, 500, 30),
}


def generate_transfer(size: Literal["S", "M", "L"] | TransferSize, seed: int) -> Instance:
    """Return the instance of this size and seed; the same on every platform.

    The draws are those of ``PCG64``; see `instances.generators.transfer_draw`. As the backbone is
    the bundled `shanxi`, the instance changes when that one does.

    Examples
    --------
    >>> small = generate_transfer(TransferSize(12, 4, 5), seed=1)
    >>> len(small.tables["zones"])
    12
    """
    if isinstance(size, TransferSize):
        label, wanted = f"{size.n_zones}x{size.n_origins}x{size.n_industries}", size
    elif size in SIZES:
        label, wanted = str(size), SIZES[size]
    else:
        raise InstanceError(f"there is no size {size!r}; sizes are {', '.join(SIZES)}")
    if seed < 0:
        raise InstanceError(f"the seed is {seed}; it must be at least 0")
    tables = _draw_tables(wanted, seed)
    return make_instance(
        instance_id=f"{FAMILY}-{label}-{seed}".lower(),
        name=f"Transfer {label}, seed {seed}", name_zh=f"产业转移算例 {label}-{seed}",
        description=(
            f"Drawn: {wanted.n_zones} zones over China, {wanted.n_origins} origins, "
            f"{wanted.n_industries} industries; the network is that of the bundled shanxi with "
            f"{wanted.n_dry_ports} more dry ports. Every figure is assumed."
        ),
        settings=backbone.template().settings, tables=tables,
        sources=dict.fromkeys(
            tables, f"instances.generators.transfer, seed {seed}; backbone: bundled shanxi"
        ),
    )  # fmt: skip


def _draw_tables(size: TransferSize, seed: int) -> dict[str, list[backbone.Row]]:
    """All tables. The order matters for what refers to what, not for the draws."""
    scale = max(0.05, round(size.n_zones / hosts_of_shanxi(), 3))
    tables: dict[str, list[backbone.Row]] = backbone.backbone()
    chosen, hubs = _choose_cities(size, seed)
    zones = hosts.draw_zones(chosen, size.n_zones, seed)
    network.tighten_backbone(tables, seed, scale)
    per_port = round(scale * 12 / size.n_dry_ports, 3)
    dry_ports = network.add_dry_ports(tables, hubs, seed, per_port)
    to_open = network.add_trains(tables, dry_ports, seed, per_port)
    access = network.Access(tables)
    template_of = add_industries(tables, size.n_industries, seed)
    hosts.add_zones(tables, zones, access, seed)
    hosts.add_eligibility(tables, zones, template_of, seed)
    hosts.add_prices(tables, zones, seed)
    hosts.add_pools(tables, zones, seed)
    hosts.add_rivals(tables, seed, scale, list(template_of))
    from_where = origins.add_origins(tables, backbone.cities(), size.n_origins, access, seed)
    origins.add_blocks(tables, from_where, template_of, size.n_zones, seed)
    origins.add_moves(tables, zones, seed)
    projects = Projects(tables, seed, per_port)
    third = math.ceil(size.n_projects / 3)
    projects.add_bonded_zones(zones, third)
    projects.add_terminals(dry_ports, third)
    projects.add_trains(to_open)
    projects.add_building(zones, third)
    drop_waiting(tables)
    add_rules(tables, zones, template_of, seed, most_projects=2 * third + 4)
    return tables


def hosts_of_shanxi() -> int:
    """The number of zones in the bundled `shanxi`, which other sizes are scaled by."""
    return len(backbone.template().table("zones"))


def _choose_cities(
    size: TransferSize, seed: int
) -> tuple[list[backbone.City], list[backbone.City]]:
    """Host cities in a drawn order, and hub cities: for each host city the nearest, then any."""
    hosting = [c for c in backbone.cities() if c.role == "host"]
    hubs = [c for c in backbone.cities() if c.is_hub]
    chosen = Draw(seed, "cities").order(hosting)[: size.n_cities]
    found: dict[str, backbone.City] = {}
    for city in chosen:
        hub = min(hubs, key=lambda h: (distance_km(h.point, city.point), h.city_id))
        found.setdefault(hub.city_id, hub)
    for hub in Draw(seed, "dry_ports").order(hubs):
        found.setdefault(hub.city_id, hub)
    return chosen, list(found.values())[: size.n_dry_ports]


def is_transfer_name(text: str) -> bool:
    """Whether a text names an instance of the family, such as ``transfer:M:seed=3``."""
    return text == FAMILY or text.startswith(f"{FAMILY}:")


def transfer_named(text: str) -> Instance:
    """Return the instance that a name stands for; the seed is 0 where none is given.

    Raises `InstanceError` for a name that is not of the form.

    Examples
    --------
    >>> transfer_named("transfer:12x4x5:seed=1").instance_id
    'transfer-12x4x5-1'
    """
    pattern = rf"{FAMILY}:(?:([SML])|(\d+)x(\d+)x(\d+))(?::seed=(\d+))?"
    match = re.fullmatch(pattern, text)
    if not match:
        message = f"does not name an instance of the family; write {_FORM}"
        raise InstanceError([Fault(text, None, "", "", message)])
    seed = int(match[5] or 0)
    if match[1]:
        return generate_transfer(match[1], seed)  # type: ignore[arg-type]
    return generate_transfer(TransferSize(int(match[2]), int(match[3]), int(match[4])), seed)
