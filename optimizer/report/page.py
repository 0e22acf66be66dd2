"""`report_html`: the whole answer as one HTML file that needs no network."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from optimizer.report import views
from optimizer.report.facts import Facts
from optimizer.report.figures import report_figures
from optimizer.report.maps import legend, widest_teu
from optimizer.report.numbers import million, percent, shown
from optimizer.report.palette import FONTS
from optimizer.report.tables import tables_of
from optimizer.report.views import Column, View, view
from optimizer.report.words import Words

if TYPE_CHECKING:
    import pandas as pd

    from instances import Instance
    from networks.network import Network
    from optimizer.plan.plan import Plan

# Tables whose exact numbers travel inside the page.
EMBEDDED = (
    "summary", "siting", "industries", "components", "moves", "rivals", "stays", "routes",
    "bottlenecks", "pools", "services", "projects", "rules", "assumed", "checks", "provenance",
)  # fmt: skip
MOST_MOVES, MOST_ROUTES, MOST_LEGS, MOST_EVIDENCE, MOST_LIMITS = 40, 40, 15, 15, 40
NAMED = 5  # zones named in the answer


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure: exact value, text, a remark under it."""

    key: str
    label: str
    value: str
    text: str
    note: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class LegList:
    """The legs of one flow."""

    title: str
    view: View


def report_html(
    instance: Instance,
    plan: Plan,
    *,
    run_info: Mapping[str, Any] | None = None,
    network: Network | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    language: str = "en",
) -> str:
    """Return the report of a plan as HTML text.

    Parameters
    ----------
    tables
        The tables of `plan_tables` where the caller has them already.
    """
    return page_of(Facts(instance, plan, network), run_info, tables, language)


def page_of(
    facts: Facts,
    run_info: Mapping[str, Any] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    language: str = "en",
) -> str:
    """Return the report of a plan whose `Facts` are at hand."""
    import jinja2
    from plotly.offline import get_plotlyjs

    words = Words(language)
    if tables is None:
        tables = tables_of(facts, run_info)
    figures = report_figures(facts, tables, words)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    data = {name: views.as_data(tables[name]) for name in EMBEDDED}
    return environment.get_template("report.html.j2").render(
        w=words,
        instance=facts.instance,
        plan=facts.plan,
        version=_version(run_info),
        answer=answer(facts, tables, words),
        question=question_words(facts, words),
        warnings=warnings(facts, tables, words),
        figures=key_figures(tables, words),
        legend=legend(facts, words),
        near_note=_near_note(tables, words),
        far_note=words("map.far_note", widest=shown(widest_teu(facts))),
        views=page_views(facts, tables, words),
        legs=leg_lists(facts, tables, words),
        plots={name: room_of(figure) for name, figure in figures.items()},
        figures_json=script_json(figures),
        data_json={name: script_json(value) for name, value in data.items()},
        fonts=FONTS,
        style=template("report.css"),
        script=template("report.js"),
        plotly=get_plotlyjs(),
    )


def template(name: str) -> str:
    """Return the text of a template file."""
    return (resources.files("optimizer.report") / "templates" / name).read_text(encoding="utf-8")


def room_of(figure: Mapping[str, Any]) -> dict[str, int]:
    """Return what the page needs to keep room for a figure before it is drawn."""
    return {
        "height": int(figure["layout"]["height"]),
        "least_width": int(figure.get("least_width", 0)),
    }


def script_json(value: Any) -> str:
    """Return JSON that may stand inside a script element: no `</script>`, no line separators."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _version(run_info: Mapping[str, Any] | None) -> str:
    return str((run_info or {}).get("zoneopt_version", ""))


def _summary(tables: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    frame = tables["summary"]
    return dict(zip(frame["key"], frame["value"], strict=True))


def answer(facts: Facts, tables: Mapping[str, pd.DataFrame], words: Words) -> list[str]:
    """Return the answer in three sentences: what moves, what it costs, how sure it is."""
    value = _summary(tables)
    rival, stayed = (
        f"{million(value[k])} ({percent(value[f'{k}_share'])})" for k in ("rival", "stayed")
    )
    if value["absorbed"] > 0:
        first = words(
            "answer.moved",
            zones=shown(value["zones_taking"]),
            candidates=shown(value["zones_candidates"]),
            absorbed=million(value["absorbed"]),
            share=percent(value["absorbed_share"]),
            names=_zone_names(tables["siting"], words),
            rival=rival,
            stayed=stayed,
        )
    else:
        candidates = shown(value["zones_candidates"])
        first = words("answer.nothing", candidates=candidates, rival=rival, stayed=stayed)
    return [first, _cost_sentence(value, words), _proof_sentence(facts, value, words)]


def answer_of(facts: Facts, tables: Mapping[str, pd.DataFrame], language: str = "en") -> list[str]:
    """Return the answer in three sentences, for outputs without a page."""
    return answer(facts, tables, Words(language))


def _zone_names(siting: pd.DataFrame, words: Words) -> str:
    taking = siting[siting["absorbed_mcny"] > 0]
    names = [
        f"{en} {zh}".strip()
        for en, zh in zip(taking["zone"][:NAMED], taking["zone_zh"][:NAMED], strict=True)
    ]
    if len(taking) > NAMED:
        return words("answer.more", names=", ".join(names), count=len(taking) - NAMED)
    return ", ".join(names)


def _cost_sentence(value: Mapping[str, float], words: Words) -> str:
    cost, saving = million(value["cost"]), value["saving"]
    if math.isnan(saving):
        return words("answer.cost_only", cost=cost)
    if abs(saving) < 1e-9 * max(1.0, abs(value["cost"])):
        return words("answer.cost_same", cost=cost)
    key = "answer.cost_saves" if saving > 0 else "answer.cost_more"
    share = percent(abs(value["saving_share"]))
    return words(key, cost=cost, saving=million(abs(saving)), share=share)


def _proof_sentence(facts: Facts, value: Mapping[str, float], words: Words) -> str:
    assumed = percent(value["on_assumed_share"])
    reason = facts.plan.stop_reason
    if not math.isfinite(value["bound"]):
        return words("answer.proof_none", reason=reason, assumed=assumed)
    bound = _objective_text(facts, value["bound"], words)
    gap = percent(value["gap"])
    if facts.plan.status == "optimal":
        return words("answer.proof_optimal", gap=gap, bound=bound, assumed=assumed)
    return words("answer.proof_feasible", reason=reason, gap=gap, bound=bound, assumed=assumed)


def _objective_text(facts: Facts, number: float, words: Words) -> str:
    if facts.plan.question.objective in ("cost", "absorbed"):
        return million(number)
    return shown(number)


def question_words(facts: Facts, words: Words) -> str:
    """Return the question in words."""
    question, names = facts.plan.question, facts.names
    parts = [words.of("question.objective", question.objective)]
    for key in ("target_mcny", "budget_mcny", "cost_limit_mcny"):
        if (amount := getattr(question, key)) is not None:
            parts.append(words(f"question.{key}", value=million(amount)))
    if question.target_share is not None:
        parts.append(words("question.target_share", value=percent(question.target_share)))
    if question.industry_targets:
        targets = ", ".join(
            f"{names.en('industry', i)} {million(v)}" for i, v in question.industry_targets
        )
        parts.append(words("question.industry_targets", value=targets))
    for key in ("closed", "open_zones", "forbid_zones"):
        if listed := getattr(question, key):
            both = ", ".join(names.both("place", i) for i in listed)
            parts.append(words(f"question.{key}", value=both))
    if question.limits:
        limits = ", ".join(f"{measure} {shown(value)}" for measure, value in question.limits)
        parts.append(words("question.limits", value=limits))
    if question.weights:
        weights = ", ".join(f"{measure} {shown(value)}" for measure, value in question.weights)
        parts.append(words("question.weights", value=weights))
    for key in ("least", "most"):
        if bounds := getattr(question, key):
            named = ", ".join(f"{kind} {name} {shown(n)}" for kind, name, n in bounds)
            parts.append(words(f"question.{key}", value=named))
    if question.differ:
        plans = ", ".join(f"{least} zones of {'+'.join(z)}" for z, least in question.differ)
        parts.append(words("question.differ", value=plans))
    return "; ".join(parts)


def warnings(facts: Facts, tables: Mapping[str, pd.DataFrame], words: Words) -> list[str]:
    """Return what a reader must know before trusting a number; [] if all is well."""
    found = []
    checks = tables["checks"]
    failed = checks[~checks["ok"]]
    if len(failed):
        names = ", ".join(_check_name(c, words) for c in failed["check"])
        found.append(words("warning.checks", count=len(failed), names=names))
    plan = facts.plan
    if plan.instance_hash != facts.instance.hash:
        found.append(
            words("warning.hash", stated=plan.instance_hash[:12], found=facts.instance.hash[:12])
        )  # fmt: skip
    return found


def _check_name(check: str, words: Words) -> str:
    name, _, rest = check.partition(":")
    if not rest:
        return words(f"check.{name}")
    if name == "within":
        return words("check.within", table=words(f"table.{rest}"))
    return words(f"check.{name}", component=words.of("component", rest))


def key_figures(tables: Mapping[str, pd.DataFrame], words: Words) -> list[Figure]:
    """Return the key figures of the head of the page. Keys are those of the table summary."""
    value = _summary(tables)
    teu = value["teu_in"] + value["teu_out"]
    teu_in, teu_out = shown(value["teu_in"]), shown(value["teu_out"])

    def money(key: str, note: str) -> Figure:
        text, _, unit = million(value[key]).partition(" ")
        if math.isnan(value[key]):
            text, unit = "–", ""
        return Figure(key, words(f"figure.{key}"), views.exact(value[key]), text, note, unit)

    def count(key: str, text: str, note: str, unit: str = "") -> Figure:
        return Figure(key, words(f"figure.{key}"), views.exact(value[key]), text, note, unit)

    def of(key: str) -> str:
        if math.isnan(value[f"{key}_share"]):
            return ""
        return f"{percent(value[f'{key}_share'])} {words(f'figure.{key}_share')}"

    candidates = words("figure.zones_of", count=shown(value["zones_candidates"]))
    bound = words("figure.bound", bound=shown(value["bound"], 6))
    weak = value["on_assumed_share"]
    return [
        money("absorbed", of("absorbed")),
        count("zones_taking", shown(value["zones_taking"]), candidates),
        money("cost", words("figure.cost_note")),
        money("saving", of("saving")),
        count("gap", percent(value["gap"]), bound),
        money("capital", words("figure.capital_note")),
        count("jobs", shown(value["jobs"]), words("figure.jobs_note")),
        Figure(
            "teu",
            words("figure.teu"),
            views.exact(teu),
            shown(teu),
            words("figure.teu_note", teu_in=teu_in, teu_out=teu_out),
            "TEU",
        ),
        count("co2e", shown(value["co2e"]), words("figure.co2e_note"), "t"),
        count("on_assumed_share", percent(weak), words("figure.on_assumed_share_note")),
    ]


def _near_note(tables: Mapping[str, pd.DataFrame], words: Words) -> str:
    taken = tables["siting"]["absorbed_mcny"]
    return words("map.near_note", largest=million(float(taken.max()) if len(taken) else 0.0))


def page_views(facts: Facts, tables: Mapping[str, pd.DataFrame], words: Words) -> dict[str, View]:
    """Return the tables of the page by name."""
    forms = tuple(
        Column(name, "number", title=words("column.form_mcny", form=_form(facts, name)))
        for name in tables["siting"].columns
        if name.endswith("_mcny") and name not in ("absorbed_mcny", "cost_mcny")
    )
    evidence = tables["evidence"]
    checks = tables["checks"].assign(
        name=[_check_name(c, words) for c in tables["checks"]["check"]]
    )
    effects = effect_words(facts, words)
    projects = tables["projects"].assign(
        effects=[effects.get(p, "") for p in tables["projects"]["project_id"]]
    )
    listed: list[tuple[str, Any, tuple[Column, ...], int | None]] = [
        ("siting", tables["siting"], (*views.SITING, *forms, *views.SITING_END), None),
        ("industries", tables["industries"], views.INDUSTRIES, None),
        ("components", tables["components"], views.COMPONENTS, None),
        ("moves", tables["moves"], views.MOVES, MOST_MOVES),
        ("routes", tables["routes"], views.ROUTES, MOST_ROUTES),
        ("bottlenecks", tables["bottlenecks"], views.BOTTLENECKS, MOST_LIMITS),
        ("pools", tables["pools"], views.POOLS, MOST_LIMITS),
        ("services", tables["services"], views.SERVICES, MOST_LIMITS),
        ("projects", projects, views.PROJECTS, None),
        ("rules", tables["rules"], views.RULES, None),
        ("assumed", tables["assumed"], views.ASSUMED, None),
        ("evidence", evidence[evidence["grade"] == "assumed"], views.EVIDENCE, MOST_EVIDENCE),
        ("checks", checks, views.CHECKS, None),
        ("provenance", tables["provenance"], views.PROVENANCE, None),
    ]
    return {n: view(n, frame, columns, words, most) for n, frame, columns, most in listed}


def _form(facts: Facts, column: str) -> str:
    return facts.names.en("form", column.removesuffix("_mcny"))


def effect_words(facts: Facts, words: Words) -> dict[str, str]:
    """Return in words what each project does, by project id."""
    found: dict[str, dict[str, list[str]]] = {}
    for row in facts.table("project_effects").to_dict("records"):
        effect, element = str(row["effect"]), str(row["element_id"])
        if effect == "allows_form":
            zone, _, form = element.partition(":")
            name = f"{facts.names.en('form', form)}, {facts.names.en('place', zone)}"
        else:
            what = {"adds_bottleneck_teu": "bottleneck", "adds_pool": "pool"}.get(effect, "service")
            name = facts.names.en(what, element)
            if effect in ("adds_bottleneck_teu", "adds_pool"):
                name += f" {shown(float(row['amount']))}"
        found.setdefault(str(row["project_id"]), {}).setdefault(effect, []).append(name)
    return {
        project: "; ".join(
            words(f"effect.{effect}", count=len(names), names=", ".join(names))
            for effect, names in effects.items()
        )
        for project, effects in found.items()
    }


def leg_lists(facts: Facts, tables: Mapping[str, pd.DataFrame], words: Words) -> list[LegList]:
    """Return the legs of the largest flow of each of the first routes."""
    flows, legs = tables["flows"], tables["legs"]
    starts = legs["flow"].searchsorted(range(len(flows) + 1))
    result = []
    for number in tables["routes"]["main_flow"].head(MOST_LEGS):
        flow = flows.iloc[number]
        frame = legs.iloc[starts[number] : starts[number + 1]]
        place = f"{flow['place']} {flow['place_zh']}".strip()
        host = f"{flow['host']} {flow['host_zh']}".strip()
        route = f"{place} → {host}" if flow["direction"] == "in" else f"{host} → {place}"
        title = words(
            "routes.legs_of",
            direction=words.of("direction", flow["direction"]),
            route=route,
            industry=flow["industry"],
            teu=shown(flow["teu"]),
            cost=shown(flow["generalised_cny_per_teu"]),
        )
        names = facts.names
        frame = frame.assign(
            **{
                "from": [names.en("place", p) for p in frame["from_id"]],
                "from_zh": [names.zh("place", p) for p in frame["from_id"]],
                "to": [names.en("place", p) for p in frame["to_id"]],
                "to_zh": [names.zh("place", p) for p in frame["to_id"]],
                "what": [
                    f"{words.of('kind', k)}, {_mode(m, words)}"
                    for k, m in zip(frame["kind"], frame["mode"], strict=True)
                ],
                "regime": [
                    (a if a == b else f"{a} → {b}").replace("_", " ")
                    for a, b in zip(frame["regime"], frame["to_regime"], strict=True)
                ],
                "row_id": [
                    f"{t}: {r}" + (f"; tariffs: {x}" if x else "")
                    for t, r, x in zip(
                        frame["table"], frame["row_id"], frame["tariff_id"], strict=True
                    )
                ],
                "grade": [
                    "assumed" if "assumed" in (a, b) else a
                    for a, b in zip(frame["grade"], frame["tariff_grade"], strict=True)
                ],
            }
        )
        result.append(LegList(title, view("legs", frame, views.LEGS, words)))
    return result


def _mode(mode: str, words: Words) -> str:
    return " → ".join(words.of("mode", m) for m in mode.split(">"))
