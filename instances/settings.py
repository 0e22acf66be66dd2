"""The settings of an instance and the file ``instance.toml`` that holds them."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from instances.errors import Fault
from instances.schema import SETTINGS, TABLE
from instances.sheets import did_you_mean
from instances.units import CURRENCIES

_TEXTS = ("id", "name", "name_zh", "description")
_SECTIONS = ("instance", "settings", "currency", "sources", "known")
_POSITIVE = ("road_speed_km_per_hour", "road_detour_factor")
KNOWN = ("optimum_mcny",)


@dataclass(frozen=True, slots=True)
class Settings:
    """Numbers that hold for the whole instance; `instances.schema.SETTINGS` explains each."""

    year: int
    discount_rate: float
    carrying_rate: float
    service_factor: float = 0.0
    emission_cny_per_tonne: float = 0.0
    road_detour_factor: float = 1.3
    road_speed_km_per_hour: float = 60.0
    deferred_interest_rate: float = 0.0


@dataclass(frozen=True)
class Header:
    """What ``instance.toml`` says, checked."""

    instance_id: str
    name: str
    name_zh: str
    description: str
    settings: Settings
    currency: dict[str, float]
    sources: dict[str, str]
    known: dict[str, float]


def flatten(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as dotted keys: ``{"settings": {"year": 1}}`` gives ``settings.year``."""
    flat: dict[str, Any] = {}
    for section, content in document.items():
        if isinstance(content, Mapping):
            flat |= {f"{section}.{key}": value for key, value in content.items()}
        else:
            flat[section] = content
    return flat


def parse_toml(text: str, file: str, faults: list[Fault]) -> dict[str, Any] | None:
    """The dotted keys of a TOML text; None after a syntax fault, which tells its place."""
    try:
        return flatten(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        faults.append(Fault(file, None, "", "", f"this is not valid TOML: {error}"))
        return None


def check_header(flat: Mapping[str, Any], file: str, faults: list[Fault]) -> Header | None:
    """The settings in ``flat``, or None when they have faults, which go to ``faults``."""
    before = len(faults)

    def fault(key: str, value: Any, message: str) -> None:
        faults.append(Fault(file, None, key, "" if value is None else str(value), message))

    texts = {key: flat.get(f"instance.{key}", "") for key in _TEXTS}
    for key, value in texts.items():
        if not isinstance(value, str):
            if isinstance(value, int | float) and not isinstance(value, bool):
                texts[key] = str(value)  # Excel makes numbers of what looks like one
            else:
                fault(f"instance.{key}", value, "must be text")
        elif not value.strip() and key in ("id", "name"):
            fault(f"instance.{key}", None, "is missing; every instance has an id and a name")
    sections: dict[str, dict[str, Any]] = {s: {} for s in _SECTIONS}
    allowed = {
        "instance": _TEXTS, "settings": tuple(SETTINGS), "currency": CURRENCIES,
        "sources": tuple(TABLE), "known": KNOWN,
    }  # fmt: skip
    for dotted, value in flat.items():
        section, _, key = dotted.partition(".")
        if section not in allowed or not key:
            hint = did_you_mean(section, _SECTIONS)
            fault(dotted, value, f"is not a key of an instance.{hint}")
        elif key not in allowed[section]:
            hint = did_you_mean(key, allowed[section])
            fault(dotted, value, f"is not a key of [{section}].{hint}")
        else:
            sections[section][key] = value
    settings = _settings(sections["settings"], fault)
    currency = {k: _number(v) for k, v in sections["currency"].items()}
    for code, rate in currency.items():
        if rate is None or not (0 < rate < math.inf):
            given = sections["currency"][code]
            fault(f"currency.{code}", given, "must be CNY per unit, a number above 0")
        elif code == "cny" and rate != 1:
            fault("currency.cny", rate, "is 1 by definition; delete the line")
    known = {k: _number(v) for k, v in sections["known"].items()}
    for key, number in known.items():
        if number is None or not math.isfinite(number):
            fault(f"known.{key}", sections["known"][key], "must be a finite number")
    for table, source in sections["sources"].items():
        if not isinstance(source, str):
            fault(f"sources.{table}", source, "must be text")
    if len(faults) > before or settings is None:
        return None
    one_line = {k: " ".join(str(v).split()) for k, v in texts.items()}
    return Header(
        one_line["id"],
        one_line["name"],
        one_line["name_zh"],
        _clean(texts["description"]),
        settings,
        {k: v for k, v in currency.items() if v is not None},
        {k: _clean(v) for k, v in sections["sources"].items() if _clean(v)},
        {k: v for k, v in known.items() if v is not None},
    )


def _clean(text: Any) -> str:
    return str(text).replace("\r\n", "\n").replace("\r", "\n").strip()


def _number(value: Any) -> float | None:
    """The number, from TOML or from an Excel cell of text; None when it is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value) if isinstance(value, str) and "_" not in value else None
    except ValueError:
        return None


def _settings(given: Mapping[str, Any], fault: Any) -> Settings | None:
    values: dict[str, float] = {}
    good = True
    for key, (kind, default, doc) in SETTINGS.items():
        dotted = f"settings.{key}"
        value = given.get(key, default)
        if value is None or value == "":
            fault(dotted, None, f"is missing: {doc}")
            good = False
            continue
        number = _number(value)
        least = 1e-9 if key in _POSITIVE else 0.0
        if number is None or not math.isfinite(number):
            fault(dotted, value, f"must be a finite number: {doc}")
        elif kind == "integer" and number != int(number):
            fault(dotted, value, f"must be a whole number: {doc}")
        elif number < least:
            fault(dotted, value, f"must be {'above' if least else 'at least'} 0: {doc}")
        else:
            values[key] = int(number) if kind == "integer" else number
            continue
        good = False
    return Settings(**values) if good else None  # type: ignore[arg-type]


def header_items(header: Header) -> dict[str, Any]:
    """The dotted keys and values that ``instance.toml`` and the Excel sheet hold."""
    flat: dict[str, Any] = {
        "instance.id": header.instance_id,
        "instance.name": header.name,
        "instance.name_zh": header.name_zh,
        "instance.description": header.description,
    }
    flat |= {f"settings.{k}": v for k, v in asdict(header.settings).items()}
    for section in ("currency", "sources", "known"):
        flat |= {f"{section}.{k}": v for k, v in getattr(header, section).items()}
    return flat


def to_toml(flat: Mapping[str, Any]) -> str:
    """TOML text of dotted keys; reading it gives the same keys and values back."""
    lines: list[str] = []
    section = ""
    for dotted, value in flat.items():
        head, _, key = dotted.partition(".")
        if head != section:
            lines += ["", f"[{head}]"] if lines else [f"[{head}]"]
            section = head
        # JSON strings are TOML basic strings as long as no control characters are in them
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
        lines.append(f"{key} = {shown}")
    return "\n".join(lines) + "\n"
