"""The tables of an instance: their columns, units, keys and references, as plain data.

This file is the contract between the data and everything else. Reading, validation, writing, the
documentation page and the verifier are all driven by it. A column carries its unit as the tail of
its name (``cost_cny_per_teu`` = stem ``cost``, unit ``cny_per_teu``); a file may hold another
unit of the same dimension under its own name (``cost_usd_per_feu``), which is converted once,
on reading (see `instances.units`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "number", "integer", "flag"]

GRADES = ("reported", "derived", "assumed")
PLACE_KINDS = (
    "zone", "dry_port", "sea_port", "border_crossing", "bonded_facility", "airport",
    "origin", "supplier", "market", "rival", "junction",
)  # fmt: skip
ZONE_KINDS = (
    "development_zone", "hightech_zone", "chemical_park", "processing_trade_park",
    "comprehensive_bonded_zone", "bonded_logistics_centre", "professional_town", "central_city",
)  # fmt: skip
MODES = ("road", "rail", "rail_broad", "sea", "barge", "block_train", "air")
GATE = "gate"  # the pseudo-mode of a place's own door: demand and supply stand at the gate
REGIMES = ("foreign", "bonded", "domestic", "export_cleared")
LOCAL = "@local"  # a region's place that means "at the host's own gate, no network leg"
STATUSES = ("candidate", "existing", "required", "forbidden")
RULE_KINDS = (
    "industry_only_in_zone_kind",  # industry_id, zone_kind (one or more, ';')
    "industry_not_in_zone_kind",  # industry_id, zone_kind
    "industry_not_in_zone",  # industry_id, zone_id
    "max_zones",  # value = most zones that open (existing ones do not count)
    "min_zones",  # value
    "max_industries_per_zone",  # value
    "budget_mcny",  # value: capital of modules, projects, zone opening (public outlay)
    "min_share_of_prefecture",  # prefecture, value = share of all absorbed output
    "max_share_of_prefecture",  # prefecture, value
    "min_absorbed_share",  # value = share of the relocatable volume; industry_id optional
    "max_new_projects",  # value
)
EFFECTS = (
    "opens_link", "opens_transfer", "opens_customs", "opens_service",  # element_id is that row's id
    "adds_bottleneck_teu",  # element_id = bottleneck_id, amount = TEU a year
    "adds_pool",  # element_id = pool_id, amount in the pool's unit
    "allows_form",  # element_id = "zone_id:form_id"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``name`` ends with its unit. ``blank`` says what an empty cell means."""

    name: str
    kind: Kind
    doc: str
    unit: str = ""  # the tail of the name that is the unit; "" where the column has none
    required: bool = True  # False: the column may be missing and a cell may be empty
    default: float | str | None = None  # value of an empty cell where it is allowed
    low: float | None = None  # smallest value allowed
    high: float | None = None
    infinite: bool = False  # may be inf ("no limit")
    choices: tuple[str, ...] = ()
    refers: str = ""  # "table.column" that must hold the value
    many: bool = False  # several ids separated by ';'


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``key`` columns are unique together; ``row`` says what one row is."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: bool = False  # must it hold at least one row?

    def column(self, name: str) -> Column:
        """The column of this name."""
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in their order."""
        return tuple(c.name for c in self.columns)


def _id(
    name: str, doc: str, refers: str = "", *, required: bool = True, many: bool = False
) -> Column:
    default = None if required else ""
    return Column(name, "id", doc, required=required, refers=refers, many=many, default=default)


def _text(name: str, doc: str, *, required: bool = False) -> Column:
    return Column(name, "text", doc, required=required, default=None if required else "")


def _choice(
    name: str, doc: str, choices: tuple[str, ...], default: str | None = None, *, many: bool = False
) -> Column:
    return Column(
        name, "text", doc, required=default is None, default=default, choices=choices, many=many
    )


def _num(
    name: str,
    unit: str,
    doc: str,
    default: float | None = None,
    *,
    low: float | None = 0.0,
    high: float | None = None,
    infinite: bool = False,
) -> Column:
    return Column(
        name, "number", doc, unit=unit, required=default is None, default=default,
        low=low, high=high, infinite=infinite,
    )  # fmt: skip


def _opt(name: str, unit: str, doc: str, *, low: float | None = 0.0) -> Column:
    """A number that may be empty: NaN in memory, and the doc says what takes its place."""
    return Column(name, "number", doc, unit=unit, required=False, default=float("nan"), low=low)


def _flag(name: str, doc: str, default: int | None = 0) -> Column:
    return Column(name, "flag", doc, required=default is None, default=default, low=0, high=1)


_SOURCE = (
    _text(
        "source", "where the number comes from, or the reasoning where it is assumed", required=True
    ),
    _choice("grade", "reported, derived or assumed; of the decisive number of the row", GRADES),
)
_INF = float("inf")

TABLES: tuple[Table, ...] = (
    Table(
        "places", "a sea port, dry port, crossing, bonded facility, airport, zone, origin, supplier, market, rival or junction",
        ("place_id",),
        (
            _id("place_id", "the place"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _choice("kind", "what the place is", PLACE_KINDS),
            _flag("in_china", "1 inside China's customs territory, 0 outside", None),
            _text("country", "province (in China) or country"),
            _text("prefecture", "prefecture, for places of the host province"),
            _num("latitude_deg", "deg", "WGS84", low=-90, high=90),
            _num("longitude_deg", "deg", "WGS84", low=-180, high=180),
            *_SOURCE,
        ),
        required=True,
    ),
    Table(
        "tariffs", "how a kind of carriage is priced and timed; links refer to it",
        ("tariff_id",),
        (
            _id("tariff_id", "the tariff"),
            _choice("mode", "mode", MODES),
            _num("fixed_cny_per_teu", "cny_per_teu", "money per TEU and journey", 0.0),
            _num("rate_cny_per_teu_km", "cny_per_teu_km", "money per TEU-km", 0.0),
            _num("rate_cny_per_tonne", "cny_per_tonne", "money per tonne and journey", 0.0),
            _num("rate_cny_per_tonne_km", "cny_per_tonne_km", "money per tonne-km (air)", 0.0),
            _num("empty_return_share", "share", "the return of the empty box, as a share of fixed and TEU-km money", 0.0),
            _num("speed_km_per_hour", "km_per_hour", "commercial speed", low=1e-6),
            _num("fixed_hours", "hours", "hours per journey besides running (port calls, marshalling)", 0.0),
            _num("fixed_sd_hours", "hours", "standard deviation per journey", 0.0),
            _num("sd_hours_per_1000_km", "hours_per_1000_km", "standard deviation that grows with distance", 0.0),
            _num("co2e_kg_per_tonne_km", "kg_per_tonne_km", "well-to-wheel emissions of net load", 0.0),
            _num("co2e_kg_per_teu_km", "kg_per_teu_km", "emissions of box, empty return and the like", 0.0),
            _num("cost_factor_low", "share", "documented low of the money, as a factor", 1.0),
            _num("cost_factor_high", "share", "documented high of the money, as a factor", 1.0),
            *_SOURCE,
        ),
    ),
    Table(
        "services", "a scheduled service that runs or does not (block train, feeder); its links share load and capacity",
        ("service_id",),
        (
            _id("service_id", "the service"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _num("departures_per_week", "per_week", "departures; half the headway is the mean wait", low=1e-6),
            _num("min_load_teu_per_year", "teu_per_year", "least load, both directions together, if it runs", 0.0),
            _num("capacity_teu_per_year", "teu_per_year", "most load, both directions together", infinite=True),
            _num("fixed_mcny_per_year", "mcny_per_year", "money a year if it runs", 0.0),
            _flag("runs_today", "1: it runs in any case (no minimum load, no decision)"),
            *_SOURCE,
        ),
    ),
    Table(
        "bottlenecks", "a capacity shared by all goods: terminal, line, border crossing, customs post, port",
        ("bottleneck_id",),
        (
            _id("bottleneck_id", "the bottleneck"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _choice("kind", "what it is", ("terminal", "line", "crossing", "customs_post", "port", "other")),
            _id("place_id", "where it is, if at one place", "places.place_id", required=False),
            _num("capacity_teu_per_year", "teu_per_year", "spare capacity for the transferred volume", infinite=True),
            _opt("capacity_low_teu_per_year", "teu_per_year", "documented low; empty: not documented"),
            _opt("capacity_high_teu_per_year", "teu_per_year", "documented high; empty: not documented"),
            *_SOURCE,
        ),
    ),
    Table(
        "links", "two places joined by one mode",
        ("link_id",),
        (
            _id("link_id", "the link; parallel links have ids of their own"),
            _id("tail_place_id", "from", "places.place_id"),
            _id("head_place_id", "to", "places.place_id"),
            _flag("both_ways", "1: the link also runs from head to tail", 1),
            _choice("mode", "mode", MODES),
            _num("km", "km", "length"),
            _id("tariff_id", "prices and speed", "tariffs.tariff_id"),
            _num("cost_factor", "share", "multiplies the tariff's money; 1 where nothing special is known", 1.0),
            _opt("cost_cny_per_teu", "cny_per_teu", "quoted money per TEU, empties included; empty: tariff x cost_factor"),
            _opt("hours", "hours", "quoted hours without waiting for departure; empty: tariff"),
            _opt("sd_hours", "hours", "quoted standard deviation; empty: tariff"),
            _num("subsidy_cny_per_teu", "cny_per_teu", "public subsidy paid to the shipper, taken off", 0.0),
            _opt("departures_per_week", "per_week", "scheduled departures where no service is named; empty: at any time"),
            _id("service_id", "the service that must run", "services.service_id", required=False),
            _id("bottleneck_id", "shared capacities it uses", "bottlenecks.bottleneck_id", required=False, many=True),
            _id("corridor_id", "corridor names (for closing and for the report)", required=False, many=True),
            _flag("needs_project", "1: exists only if a project opens it"),
            _flag("closed", "1: not open to containers (heavy-haul coal lines)"),
            _text("name", "line or road name"),
            *_SOURCE,
        ),
    ),
    Table(
        "transfers", "handling inside a place between two modes, or between a mode and the place's gate",
        ("transfer_id",),
        (
            _id("transfer_id", "the transfer"),
            _id("place_id", "where", "places.place_id"),
            _choice("from_mode", "from mode or gate", (*MODES, GATE)),
            _choice("to_mode", "to mode or gate", (*MODES, GATE)),
            _flag("both_ways", "1: also the other way round, at the same cost", 1),
            _num("cost_cny_per_teu", "cny_per_teu", "handling money", 0.0),
            _num("hours", "hours", "handling and dwell", 0.0),
            _num("sd_hours", "hours", "standard deviation", 0.0),
            _num("co2e_kg_per_teu", "kg_per_teu", "emissions of lifts", 0.0),
            _id("bottleneck_id", "shared capacities it uses", "bottlenecks.bottleneck_id", required=False, many=True),
            _flag("needs_project", "1: exists only if a project opens it"),
            *_SOURCE,
        ),
    ),
    Table(
        "customs", "a change of customs regime that a place's authority allows, at any of its yards",
        ("customs_id",),
        (
            _id("customs_id", "the customs arc"),
            _id("place_id", "where", "places.place_id"),
            _choice("from_regime", "regime before", REGIMES),
            _choice("to_regime", "regime after", REGIMES),
            _num("cost_cny_per_teu", "cny_per_teu", "declaration, broker, inspection", 0.0),
            _num("hours", "hours", "clearance", 0.0),
            _num("sd_hours", "hours", "standard deviation", 0.0),
            _num("duty_share", "share", "share of the goods' import duty that falls due here", 0.0, high=1),
            _num("vat_days", "days", "days for which import VAT on value and duty is financed", 0.0),
            _id("bottleneck_id", "customs post", "bottlenecks.bottleneck_id", required=False, many=True),
            _flag("needs_project", "1: exists only if a project opens it"),
            *_SOURCE,
        ),
    ),
    Table(
        "forms", "a trade form: in which regime inputs arrive at the gate and output leaves it, and what that costs",
        ("form_id",),
        (
            _id("form_id", "bonded_zone, handbook, general, or foreign (hosts outside China)"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _choice("import_regime", "regime of foreign inputs at the gate", REGIMES),
            _choice("home_regime", "regime of inputs of the host's own country at the gate", REGIMES),
            _choice("export_regime", "regime in which exports leave the gate", REGIMES),
            _choice("sale_regime", "regime in which goods for sale in China leave the gate", REGIMES),
            _num("admin_share_of_output", "share", "administration of handbook or ledger, share of output value", 0.0),
            _num("deposit_share_of_imports", "share", "cost of deposit or guarantee, share of imported input value", 0.0),
            _num("sale_duty_share", "share", "share of the input duty that falls due on output sold in China", 0.0, high=1),
            _num("sale_interest_days", "days", "deferred-tax interest on that duty and VAT, days at the carrying rate", 0.0),
            _flag("sale_by_finished_goods", "1: the firm may pay the duty of the finished goods instead, whichever is lower"),
            _num("vat_refund_days", "days", "days for which VAT on home inputs is financed until refund, exports", 0.0),
            _num("vat_loss_share", "share", "share of (VAT rate - refund rate) x exported value of home inputs that is lost", 0.0, high=1),
            *_SOURCE,
        ),
        required=True,
    ),
    Table(
        "factors", "a factor of production that pools guarantee",
        ("factor_id",),
        (
            _id("factor_id", "floor, labour, electronics_staff, land, electricity, water, energy quota, ..."),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _text("unit_name", "unit of use and endowment, for instance m2, persons, MWh a year", required=True),
            *_SOURCE,
        ),
    ),
    Table(
        "industries", "an industry and what it needs per million CNY of output a year",
        ("industry_id",),
        (
            _id("industry_id", "the industry"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _id("cluster_id", "industries of one cluster share agglomeration; empty: none", required=False),
            _num("output_value_cny_per_teu", "cny_per_teu", "value of one TEU of output", low=1e-9),
            _num("output_tonnes_per_teu", "tonnes_per_teu", "weight of one TEU of output", 0.0),
            _num("workers_per_mcny", "per_mcny", "workers", 0.0),
            _num("electricity_kwh_per_mcny", "kwh_per_mcny", "electricity", 0.0),
            _num("water_m3_per_mcny", "m3_per_mcny", "water", 0.0),
            _num("floor_m2_per_mcny", "m2_per_mcny", "building floor", 0.0),
            _num("wage_factor", "share", "wage of the industry over the region's manufacturing wage", 1.0),
            _num("relocation_cny_per_mcny", "cny_per_mcny", "capital of moving and re-equipping, per million CNY of yearly output", 0.0),
            _num("relocation_life_years", "years", "life over which it is annualised", 10.0, low=1e-6),
            _num("host_setup_mcny_per_year", "mcny_per_year", "fixed money a year of hosting the industry in a zone", 0.0),
            _num("min_scale_mcny_per_year", "mcny_per_year", "minimum efficient scale in one zone", 0.0),
            _num("vat_rate", "share", "VAT rate", 0.13, high=1),
            _num("refund_rate", "share", "export VAT refund rate", 0.13, high=1),
            _num("output_duty_rate", "share", "China's import duty on the finished goods", 0.0),
            *_SOURCE,
        ),
        required=True,
    ),
    Table(
        "industry_factors", "use of a factor per million CNY of output a year",
        ("industry_id", "factor_id"),
        (
            _id("industry_id", "the industry", "industries.industry_id"),
            _id("factor_id", "the factor", "factors.factor_id"),
            _num("use_per_mcny", "per_mcny", "in the factor's unit"),
            *_SOURCE,
        ),
    ),
    Table(
        "regions", "a place of a source region or market, and its share in it",
        ("region_id", "role", "place_id"),
        (
            _id("region_id", "the region or market"),
            _choice("role", "source of inputs, or market of output", ("source", "market")),
            _id("place_id", f"place, or {LOCAL} for the host's own gate"),
            _num("share", "share", "share of the region's volume; sums to 1 by region and role", high=1),
            *_SOURCE,
        ),
    ),
    Table(
        "inputs", "what an industry buys per CNY of output value, by source region",
        ("industry_id", "input_id", "region_id"),
        (
            _id("industry_id", "the industry", "industries.industry_id"),
            _id("input_id", "the input"),
            _id("region_id", "source region", "regions.region_id"),
            _num("share_of_output_value", "share", "input value over output value", high=1),
            _num("tonnes_per_teu", "tonnes_per_teu", "weight", 0.0),
            _num("value_cny_per_teu", "cny_per_teu", "value of one TEU", low=1e-9),
            _num("duty_rate", "share", "China's import duty", 0.0),
            *_SOURCE,
        ),
    ),
    Table(
        "outputs", "where an industry's output goes",
        ("industry_id", "region_id"),
        (
            _id("industry_id", "the industry", "industries.industry_id"),
            _id("region_id", "market", "regions.region_id"),
            _num("share", "share", "share of output; sums to 1 by industry", high=1),
            *_SOURCE,
        ),
    ),
    Table(
        "factor_prices", "prices of a region that hosts: prefecture, rival or origin",
        ("factor_region_id",),
        (
            _id("factor_region_id", "the region"),
            _num("wage_cny_per_year", "cny_per_year", "manufacturing wage", 0.0),
            _num("wage_on_cost_share", "share", "employer's charges over the wage", 0.0),
            _num("electricity_cny_per_kwh", "cny_per_kwh", "industrial power", 0.0),
            _num("water_cny_per_m3", "cny_per_m3", "industrial water", 0.0),
            _num("rent_cny_per_m2_year", "cny_per_m2_year", "factory rent", 0.0),
            _num("relocation_subsidy_share", "share", "share of the relocation capital that the host pays", 0.0, high=1),
            _num("output_subsidy_cny_per_mcny", "cny_per_mcny", "subsidy per million CNY of output", 0.0),
            _num("productivity", "share", "output per worker relative to the industry's figure", 1.0, low=1e-6),
            *_SOURCE,
        ),
    ),
    Table(
        "zones", "a candidate zone of the host province",
        ("zone_id",),
        (
            _id("zone_id", "the zone's place", "places.place_id"),
            _choice("zone_kind", "type of zone", ZONE_KINDS),
            _id("prefecture_id", "prefecture", required=False),
            _id("factor_region_id", "whose prices apply", "factor_prices.factor_region_id"),
            _choice("status", "existing zones open at no cost; required must open; forbidden must not", STATUSES, "candidate"),
            _num("open_mcny", "mcny", "capital to make the zone ready to receive transfer", 0.0),
            _num("open_life_years", "years", "life over which it is annualised", 20.0, low=1e-6),
            _num("open_mcny_per_year", "mcny_per_year", "yearly money while open", 0.0),
            *_SOURCE,
        ),
    ),
    Table(
        "eligibility", "an industry that a zone may host, under which trade forms",
        ("zone_id", "industry_id"),
        (
            _id("zone_id", "the zone", "zones.zone_id"),
            _id("industry_id", "the industry", "industries.industry_id"),
            _id("form_id", "trade forms allowed today", "forms.form_id", many=True),
            *_SOURCE,
        ),
    ),
    Table(
        "rivals", "a host outside the province that competes for the volume",
        ("rival_id",),
        (
            _id("rival_id", "the rival's place", "places.place_id"),
            _id("factor_region_id", "whose prices apply", "factor_prices.factor_region_id"),
            _id("form_id", "the trade form it works under", "forms.form_id"),
            _num("capacity_mcny_per_year", "mcny_per_year", "output it can take", infinite=True),
            _num("max_share_of_block", "share", "largest share of one origin-industry block it can win", 1.0, high=1),
            _id("industry_id", "industries it takes; empty: all", "industries.industry_id", required=False, many=True),
            _num("margin_share_of_output", "share", "cost of settling there that the tables do not hold (tax, risk), share of output", 0.0, low=None),
            *_SOURCE,
        ),
    ),
    Table(
        "rival_limits", "a rival's factor limit",
        ("rival_id", "factor_id"),
        (
            _id("rival_id", "the rival", "rivals.rival_id"),
            _id("factor_id", "the factor", "factors.factor_id"),
            _num("endowment", "", "in the factor's unit", infinite=True),
            _opt("endowment_low", "", "documented low"),
            _opt("endowment_high", "", "documented high"),
            *_SOURCE,
        ),
    ),
    Table(
        "origins", "a place that production leaves",
        ("origin_id",),
        (
            _id("origin_id", "the origin"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _id("place_id", "its place in the network", "places.place_id"),
            _id("form_id", "trade form of production that stays", "forms.form_id"),
            *_SOURCE,
        ),
    ),
    Table(
        "blocks", "an origin's output of one industry that could move, and what it costs if it stays",
        ("origin_id", "industry_id"),
        (
            _id("origin_id", "the origin", "origins.origin_id"),
            _id("industry_id", "the industry", "industries.industry_id"),
            _num("volume_mcny_per_year", "mcny_per_year", "relocatable output"),
            _opt("volume_low_mcny_per_year", "mcny_per_year", "documented low"),
            _opt("volume_high_mcny_per_year", "mcny_per_year", "documented high"),
            _num("wage_cny_per_year", "cny_per_year", "wage at the origin for this industry, charges included", 0.0),
            _num("rent_cny_per_m2_year", "cny_per_m2_year", "factory rent at the origin", 0.0),
            _num("electricity_cny_per_kwh", "cny_per_kwh", "power at the origin", 0.0),
            _num("water_cny_per_m3", "cny_per_m3", "water at the origin", 0.0),
            _num("stay_premium_share_of_output", "share", "extra cost of staying (tariffs, upgrading pressure), share of output", 0.0, low=None),
            _flag("whole", "1: the block moves whole to one host or not at all"),
            _flag("may_stay", "0: the block must move", 1),
            *_SOURCE,
        ),
        required=True,
    ),
    Table(
        "moves", "what moving a block to one zone costs besides the industry's relocation capital",
        ("origin_id", "industry_id", "zone_id"),
        (
            _id("origin_id", "the origin", "origins.origin_id"),
            _id("industry_id", "the industry", "industries.industry_id"),
            _id("zone_id", "the zone", "zones.zone_id"),
            _num("cost_cny_per_mcny_year", "cny_per_mcny_year", "yearly money per million CNY of yearly output", low=None),
            *_SOURCE,
        ),
    ),
    Table(
        "pools", "a factor guarantee: what the zones of the pool may use of one factor together",
        ("pool_id",),
        (
            _id("pool_id", "the pool"),
            _id("factor_id", "the factor", "factors.factor_id"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _num("endowment", "", "in the factor's unit, available now", infinite=True),
            _opt("endowment_low", "", "documented low"),
            _opt("endowment_high", "", "documented high"),
            _num("increment_max", "", "what can be bought on top", 0.0, infinite=True),
            _num("increment_cny_per_unit_year", "cny_per_unit_year", "yearly money per unit bought", 0.0),
            _id("form_id", "counts only output under these forms; empty: all", "forms.form_id", required=False, many=True),
            *_SOURCE,
        ),
    ),
    Table(
        "pool_members", "a zone that draws on a pool",
        ("pool_id", "zone_id"),
        (_id("pool_id", "the pool", "pools.pool_id"), _id("zone_id", "the zone", "zones.zone_id")),
    ),
    Table(
        "modules", "a kind of capacity that can be built in a zone, in whole numbers",
        ("module_id",),
        (
            _id("module_id", "the module"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _id("zone_id", "where", "zones.zone_id"),
            _num("max_count", "", "most modules", low=0),
            _id("pool_id", "the pool it adds to", "pools.pool_id"),
            _num("adds_per_module", "", "in that pool's unit", low=0),
            _id("uses_pool_id", "a pool it draws on (building rate, land)", "pools.pool_id", required=False),
            _num("uses_per_module", "", "in that pool's unit", 0.0),
            _num("capital_mcny", "mcny", "capital per module", 0.0),
            _num("life_years", "years", "life", 20.0, low=1e-6),
            _num("upkeep_mcny_per_year", "mcny_per_year", "yearly money per module", 0.0),
            *_SOURCE,
        ),
    ),
    Table(
        "projects", "something that is built or granted, or not",
        ("project_id",),
        (
            _id("project_id", "the project"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _choice("kind", "what it is", ("bonded_zone", "logistics_centre", "dry_port", "block_train", "free_trade_zone", "terminal", "link", "other")),
            _num("capital_mcny", "mcny", "capital", 0.0),
            _num("life_years", "years", "life", 25.0, low=1e-6),
            _num("upkeep_mcny_per_year", "mcny_per_year", "yearly money", 0.0),
            _id("needs_project_id", "projects that must be there first", "projects.project_id", required=False, many=True),
            _id("excludes_project_id", "projects it excludes", "projects.project_id", required=False, many=True),
            _choice("status", "required, forbidden or open to decision", ("candidate", "required", "forbidden"), "candidate"),
            *_SOURCE,
        ),
    ),
    Table(
        "project_effects", "what a project does",
        ("project_id", "effect", "element_id"),
        (
            _id("project_id", "the project", "projects.project_id"),
            _choice("effect", "what it does", EFFECTS),
            _id("element_id", "the row it acts on"),
            _num("amount", "", "how much, where the effect adds", 0.0),
            *_SOURCE,
        ),
    ),
    Table(
        "chains", "a chain leader and its followers",
        ("chain_id", "follower_industry_id"),
        (
            _id("chain_id", "the chain"),
            _id("leader_industry_id", "the leader's industry", "industries.industry_id"),
            _id("follower_industry_id", "a follower's industry", "industries.industry_id"),
            _num("max_hours", "hours", "longest drive from the leader's zone to the follower's"),
            *_SOURCE,
        ),
    ),
    Table(
        "agglomeration", "a point of the curve: yearly cost change of a zone with that much output of the cluster",
        ("cluster_id", "point"),
        (
            _id("cluster_id", "the cluster"),
            Column("point", "integer", "0, 1, 2 ... along the curve; point 0 is at volume 0 and change 0", low=0),
            _num("volume_mcny_per_year", "mcny_per_year", "output of the cluster in the zone; the last point is the most a zone can take"),
            _num("cost_change_mcny_per_year", "mcny_per_year", "total change of cost at that volume, negative = saving", low=None),
            *_SOURCE,
        ),
    ),
    Table(
        "rules", "a policy rule",
        ("rule_id",),
        (
            _id("rule_id", "the rule"),
            _choice("kind", "what it says; see RULE_KINDS", RULE_KINDS),
            _id("industry_id", "industries it speaks of", "industries.industry_id", required=False, many=True),
            _choice("zone_kind", "zone kinds it speaks of", ZONE_KINDS, "", many=True),
            _id("zone_id", "zones it speaks of", "zones.zone_id", required=False, many=True),
            _id("prefecture_id", "prefecture it speaks of", required=False),
            _opt("value", "", "its number", low=None),
            _flag("active", "0: shipped but switched off", 1),
            _text("text", "the rule in the planner's words", required=True),
            _text("text_zh", "in Chinese"),
            *_SOURCE,
        ),
    ),
    Table(
        "calibration", "a published figure that the network is compared with",
        ("row_id",),
        (
            _id("row_id", "the row"),
            _choice("quantity", "what is compared", ("km", "hours", "cost_cny_per_teu", "co2e_kg_per_teu")),
            _id("tail_place_id", "from", "places.place_id"),
            _id("head_place_id", "to", "places.place_id"),
            _choice("mode", "modes the modelled route may use besides road access", MODES, "", many=True),
            _choice("by", "what the modelled route minimises", ("km", "hours", "cost", "co2"), "cost"),
            _id("via_place_id", "places the route must pass", "places.place_id", required=False, many=True),
            _num("value_low", "", "published value, low end; in the quantity's unit"),
            _num("value_high", "", "published value, high end"),
            _flag("used_as_input", "1: the figure went into the tables, so the row proves nothing"),
            *_SOURCE,
        ),
    ),
    Table(
        "events", "a disruption with a name: what it closes and what it changes (`zoneopt disrupt`)",
        ("event_id",),
        (
            _id("event_id", "the event"),
            _text("name", "English name", required=True),
            _text("name_zh", "Chinese name"),
            _id("closed", "what it closes: places, links, corridors, services, bottlenecks", required=False, many=True),
            _text("overrides", "what it changes: table.id.column=value or *=factor, several separated by ';'"),
            _text("text", "the event in the planner's words"),
            *_SOURCE,
        ),
    ),
)  # fmt: skip

TABLE = {t.name: t for t in TABLES}

SETTINGS = {
    # key in instance.toml [settings]: (kind, default, doc)
    "year": ("integer", None, "price year"),
    "discount_rate": ("number", None, "per year, for the capital recovery factor"),
    "carrying_rate": ("number", None, "per year, cost of capital tied up in goods"),
    "service_factor": (
        "number",
        0.0,
        "standard deviations of transit time that are held as safety stock",
    ),
    "emission_cny_per_tonne": ("number", 0.0, "price of CO2e in the objective"),
    "road_detour_factor": (
        "number",
        1.3,
        "road km over great-circle km, for hours between zones (chains)",
    ),
    "road_speed_km_per_hour": ("number", 60.0, "speed for hours between zones (chains)"),
    "deferred_interest_rate": (
        "number",
        0.0,
        "per year, on duty and VAT deferred until sale at home",
    ),
}
