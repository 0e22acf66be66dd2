"""Trade forms, factors, industries, their inputs, outputs and use of factors."""

from __future__ import annotations

from instances.shanxi_build.evidence import Evidence, EvidenceError, Row, grade_of, short

REFUND_COLUMN = "export_vat_refund_rate_2027"  # the notes: a site chosen on 2024 refunds is wrong
_DUTY_SOURCE = "duty: average of the industry's imported inputs (industries.csv)"


def build_forms(e: Evidence) -> list[Row]:
    """Rows of ``forms``: the three trade forms of China, and hosts abroad."""
    document = e.assumed("vat_refund_days_document")
    return [
        {
            "form_id": "bonded_zone",
            "name": "Comprehensive bonded zone",
            "name_zh": "综合保税区",
            "import_regime": "bonded",
            "home_regime": "bonded",
            "export_regime": "bonded",
            "sale_regime": "domestic",
            "admin_share_of_output": e.assumed("bonded_admin_share"),
            "sale_duty_share": 1,
            "sale_interest_days": e.assumed("sale_interest_days"),
            "sale_by_finished_goods": 1,
            "vat_refund_days": e.assumed("vat_refund_days_entry"),
            "vat_loss_share": e.assumed("bonded_vat_loss_share"),
            "source": "customs decree 256, selective tariff of 2020 (customs_regimes); goods "
            "for sale at home leave the gate cleared: their duty is in the form, not on "
            "the route; " + short(e.reason("bonded_admin_share", "bonded_vat_loss_share")),
            "grade": "assumed",
        },
        {
            "form_id": "handbook",
            "name": "Processing trade under a handbook",
            "name_zh": "加工贸易手册（账册）",
            "import_regime": "bonded",
            "home_regime": "domestic",
            "export_regime": "export_cleared",
            "sale_regime": "domestic",
            "admin_share_of_output": e.assumed("handbook_admin_share"),
            "deposit_share_of_imports": e.assumed("handbook_deposit_share"),
            "sale_duty_share": 1,
            "sale_interest_days": e.assumed("sale_interest_days"),
            "vat_refund_days": document,
            "vat_loss_share": 1,
            "source": "processing_with_imported_materials (customs_regimes); "
            + short(
                e.reason(
                    "handbook_admin_share", "handbook_deposit_share", "vat_refund_days_document"
                )
            ),
            "grade": "assumed",
        },
        {
            "form_id": "general",
            "name": "General trade",
            "name_zh": "一般贸易",
            "import_regime": "domestic",
            "home_regime": "domestic",
            "export_regime": "export_cleared",
            "sale_regime": "domestic",
            "admin_share_of_output": e.assumed("general_admin_share"),
            "vat_refund_days": document,
            "vat_loss_share": 1,
            "source": "general_trade (customs_regimes); "
            + short(e.reason("general_admin_share", "vat_refund_days_document")),
            "grade": "assumed",
        },
        {
            "form_id": "foreign",
            "name": "Host outside China",
            "name_zh": "境外",
            "import_regime": "foreign",
            "home_regime": "foreign",
            "export_regime": "foreign",
            "sale_regime": "foreign",
            "source": "hosts abroad: duties and taxes of the host country are not modelled",
            "grade": "assumed",
        },
    ]


def build_factors() -> list[Row]:
    """Rows of ``factors``."""
    rows = [
        ("floor_m2", "Factory floor", "厂房面积", "m2"),
        ("floor_building_m2", "Floor built for the transfer", "厂房建设能力", "m2"),
        ("land_ha", "Serviced yard land besides factory floor", "已开发工业用地", "ha"),
        ("land_servicing_ha", "Land serviced for the transfer", "土地供应能力", "ha"),
        ("labour_persons", "Workers", "劳动力", "persons"),
        ("electronics_staff_persons", "Skilled electronics staff", "电子技工", "persons"),
        ("electricity_mwh", "Electricity", "电力", "MWh a year"),
        ("sewage_m3", "Waste water treatment", "污水处理能力", "m3 a year"),
        ("energy_tce", "Energy quota", "能耗指标", "tonnes of coal equivalent a year"),
    ]
    return [
        {
            "factor_id": i,
            "name": n,
            "name_zh": z,
            "unit_name": u,
            "source": "definition; see the pools for the figures",
            "grade": "derived",
        }
        for i, n, z, u in rows
    ]


def wage_factors(e: Evidence) -> dict[str, float]:
    """Wage of each industry over the wage of electronics assembly at the same origin (mean)."""
    wages: dict[str, dict[str, float]] = {}
    for row in e["origin_volumes"]:
        origin = wages.setdefault(row["origin_id"], {})
        origin[row["industry_id"]] = e.number("origin_volumes", row, "wage_usd_month")
    ratios: dict[str, list[float]] = {}
    for origin in wages.values():
        for industry, wage in origin.items():
            if "electronics_assembly" in origin:
                ratios.setdefault(industry, []).append(wage / origin["electronics_assembly"])
    return {i: round(sum(r) / len(r), 3) for i, r in ratios.items()}


def build_industries(e: Evidence) -> list[Row]:
    """Rows of ``industries``, per million CNY of output."""
    factors = wage_factors(e)
    assumptions = {r["industry_id"]: r for r in e["industry_assumptions"]}
    rows: list[Row] = []
    for row in e["industries"]:
        extra = assumptions[row["id"]]

        def figure(column: str, row: dict[str, str] = row) -> float:
            return e.number("industries", row, column)

        rows.append(
            {
                "industry_id": row["id"],
                "name": row["name_en"],
                "name_zh": row["name_zh"],
                "cluster_id": extra["cluster_id"],
                "output_value_cny_per_teu": figure("output_value_usd_per_teu") * e.fx,
                "output_tonnes_per_teu": figure("tonnes_per_teu"),
                "workers_per_mcny": figure("workers_per_musd_output") / e.fx,
                "electricity_kwh_per_mcny": figure("kwh_per_musd_output") / e.fx,
                "water_m3_per_mcny": figure("water_m3_per_musd_output") / e.fx,
                "floor_m2_per_mcny": figure("building_m2_per_musd") / e.fx,
                "wage_factor": factors[row["id"]],
                "relocation_cny_per_mcny": figure("relocation_capex_usd_per_musd"),
                "relocation_life_years": e.assumed("relocation_life_years"),
                "host_setup_mcny_per_year": e.assumed("host_setup_mcny"),
                "min_scale_mcny_per_year": figure("min_efficient_scale_musd")
                * e.fx
                * e.assumed("min_scale_factor"),
                "vat_rate": figure("vat_rate"),
                "refund_rate": figure(REFUND_COLUMN),
                "output_duty_rate": e.number("industry_assumptions", extra, "output_duty_rate"),
                "source": "industries.csv; wage factor: mean ratio to electronics in "
                "origin_volumes.csv; refund of 2027; "
                + short(e.reason("min_scale_factor") + "; " + extra["source"], 320),
                "grade": row["confidence"],
            }
        )
    return rows


def build_industry_factors(e: Evidence) -> list[Row]:
    """Rows of ``industry_factors``: what pools guarantee, per million CNY of output."""
    assumptions = {r["industry_id"]: r for r in e["industry_assumptions"]}
    rows: list[Row] = []
    for row in e["industries"]:
        workers = e.number("industries", row, "workers_per_musd_output") / e.fx
        floor = e.number("industries", row, "building_m2_per_musd")
        land = e.number("industries", row, "land_ha_per_musd_output")
        power = e.number("industries", row, "kwh_per_musd_output") / e.fx / 1000
        water = e.number("industries", row, "water_m3_per_musd_output") / e.fx
        skilled = e.number(
            "industry_assumptions", assumptions[row["id"]], "electronics_staff_share"
        )
        uses = [
            ("floor_m2", floor / e.fx, "industries.csv"),
            (
                "land_ha",
                max(0.0, land - floor / 10_000) / e.fx,
                "industries.csv: land less the floor at a plot ratio of 1; standard factory floor "
                "brings its own plot",
            ),
            ("labour_persons", workers, "industries.csv"),
            (
                "electronics_staff_persons",
                workers * skilled,
                "industries.csv x share of skilled staff (industry_assumptions.csv)",
            ),
            ("electricity_mwh", power, "industries.csv"),
            ("sewage_m3", water * e.assumed("sewage_per_water"), "industries.csv x 0.85"),
            (
                "energy_tce",
                power * e.assumed("tce_per_mwh"),
                "electricity only, equivalent value; heat is not in the evidence",
            ),
        ]
        for factor, use, source in uses:
            if use > 0:
                rows.append(
                    {
                        "industry_id": row["id"],
                        "factor_id": factor,
                        "use_per_mcny": use,
                        "source": source,
                        "grade": grade_of(row["confidence"], "derived"),
                    }
                )
    return rows


def build_inputs(e: Evidence) -> list[Row]:
    """Rows of ``inputs``: value per CNY of output."""
    industries = {r["id"]: r for r in e["industries"]}
    sums: dict[str, float] = {}
    rows: list[Row] = []
    for row in e["input_sources"]:
        industry = industries[row["industry_id"]]
        total = sum(
            e.number("industries", industry, f"{c}_input_share_of_value")
            for c in ("imported", "domestic")
        )
        share = e.number("input_sources", row, "share_of_input_value")
        sums[row["industry_id"]] = sums.get(row["industry_id"], 0.0) + share
        abroad = row["source_region"] not in ("coastal_china", "shanxi_local")
        duty = e.number("industries", industry, "avg_import_duty_on_inputs")
        rows.append(
            {
                "industry_id": row["industry_id"],
                "input_id": row["input"],
                "region_id": row["source_region"],
                "share_of_output_value": share * total,
                "tonnes_per_teu": e.number("input_sources", row, "tonnes_per_teu"),
                "value_cny_per_teu": e.number("input_sources", row, "value_usd_per_teu") * e.fx,
                "duty_rate": duty if abroad else 0,
                "source": short(row["source"] + (f"; {_DUTY_SOURCE}" if abroad else ""), 300),
                "grade": row["confidence"],
            }
        )
    _check_sums(sums, "input_sources.csv, share_of_input_value")
    return rows


def build_outputs(e: Evidence) -> list[Row]:
    """Rows of ``outputs``."""
    sums: dict[str, float] = {}
    rows: list[Row] = []
    for row in e["destination_shares"]:
        share = e.number("destination_shares", row, "share")
        sums[row["industry_id"]] = sums.get(row["industry_id"], 0.0) + share
        if share > 0:
            rows.append(
                {
                    "industry_id": row["industry_id"],
                    "region_id": row["market"],
                    "share": share,
                    "source": short(row["source"]),
                    "grade": row["confidence"],
                }
            )
    _check_sums(sums, "destination_shares.csv, share")
    return rows


def _check_sums(sums: dict[str, float], where: str) -> None:
    for industry, total in sums.items():
        if abs(total - 1) > 1e-6:
            raise EvidenceError(f"{where}: {industry} sums to {total:.6f}, must be 1")
