"""Every table of the instance, and the folder they are written to."""

from __future__ import annotations

from pathlib import Path

from instances.schema import TABLES
from instances.shanxi_build import (
    agglomeration,
    bottlenecks,
    calibration,
    customs,
    events,
    hosts,
    industries,
    land_links,
    places,
    pools,
    projects,
    sea_air_links,
    tariffs,
    trains,
    transfers,
)
from instances.shanxi_build.evidence import Evidence, Row
from instances.shanxi_build.settings import instance_toml
from instances.shanxi_build.writing import to_csv

BUNDLED = Path(__file__).resolve().parent.parent / "bundled" / "shanxi"
EVIDENCE = BUNDLED / "evidence"


def tables(folder: Path | Evidence = EVIDENCE) -> dict[str, list[Row]]:
    """Rows by table, in the order of the schema, built from evidence or the folder it is in."""
    e = folder if isinstance(folder, Evidence) else Evidence(folder)
    second = projects.second_zones(e)
    all_places = places.build_places(e)
    rail = land_links.build_rail(e)
    links = [
        *rail,
        *land_links.build_roads(e),
        *land_links.build_zone_access(e),
        *trains.build_train_links(e, rail),
        *sea_air_links.build_sea(e),
        *sea_air_links.build_air(e),
    ]
    pool_rows, members = pools.build_pools(e, second)
    built = {
        "places": all_places,
        "tariffs": tariffs.build_tariffs(e),
        "services": trains.build_services(e),
        "bottlenecks": bottlenecks.build_bottlenecks(e),
        "links": links,
        "transfers": transfers.build_transfers(e, all_places, links),
        "customs": customs.build_customs(e, second),
        "forms": industries.build_forms(e),
        "factors": industries.build_factors(),
        "industries": industries.build_industries(e),
        "industry_factors": industries.build_industry_factors(e),
        "regions": places.build_regions(e),
        "inputs": industries.build_inputs(e),
        "outputs": industries.build_outputs(e),
        "factor_prices": hosts.build_factor_prices(e),
        "zones": hosts.build_zones(e),
        "eligibility": hosts.build_eligibility(e),
        "rivals": hosts.build_rivals(e),
        "rival_limits": hosts.build_rival_limits(e),
        "origins": hosts.build_origins(e),
        "blocks": hosts.build_blocks(e),
        "moves": agglomeration.build_moves(e),
        "pools": pool_rows,
        "pool_members": members,
        "modules": pools.build_modules(e),
        "projects": projects.build_projects(e),
        "project_effects": projects.build_project_effects(e),
        "chains": projects.build_chains(e),
        "agglomeration": agglomeration.build_agglomeration(e),
        "rules": projects.build_rules(e),
        "calibration": calibration.build_calibration(e),
        "events": events.build_events(e),
    }
    return {t.name: built[t.name] for t in TABLES if t.name in built}


def build(evidence: Path = EVIDENCE, out: Path = BUNDLED) -> dict[str, int]:
    """Write every table to ``out``; the number of rows by file name.

    All tables are built before the first is written, so that a fault in the evidence leaves the
    instance as it was.
    """
    built = tables(evidence)
    texts = {f"{name}.csv": to_csv(name, rows) for name, rows in built.items()}
    texts["instance.toml"] = instance_toml(Evidence(evidence))
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    return {f"{name}.csv": len(rows) for name, rows in built.items()}
