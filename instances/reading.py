"""Reading an instance from whatever form it has, and all that is wrong with it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from instances.bundle import bundled_path, list_bundled
from instances.checks import check_tables
from instances.draft import drafts_of
from instances.errors import Fault, InstanceError
from instances.instance import Instance, finish
from instances.read_csv import decode, read_csv_sheet
from instances.read_parquet import read_parquet_sheet
from instances.read_workbook import SETTINGS_SHEET, read_workbook
from instances.schema import TABLE
from instances.settings import check_header, parse_toml
from instances.sheets import RawInstance, did_you_mean

Source = str | PathLike[str]
SETTINGS_FILE = "instance.toml"
SETTINGS = SETTINGS_SHEET  # how `RawInstance.unread` calls them, whatever the form
_FORMS = ("csv", "parquet")
_WORKBOOKS = (".xlsx", ".xlsm")


def read_instance(
    source: Source,
    *,
    format: str | None = None,
    capacity: float | None = None,
    single_source: bool = False,
) -> Instance:
    """The instance at ``source``: a bundled name, a folder of CSV or Parquet files, or a file.

    A file is an .xlsx workbook or a published benchmark, whose ``format`` is found from its
    content unless it is named; ``capacity`` and ``single_source`` say how to read it
    (`instances.read_published`). Names such as ``transfer:M:seed=3`` stand for drawn instances, see
    `instances.generators.transfer`. Raises `InstanceError` with every fault that was found.
    """
    drawn = isinstance(source, str) and source.startswith("transfer:")
    path = Path() if drawn else _locate(source)
    if path.is_file() and path.suffix.lower() not in _WORKBOOKS:
        from instances.read_published import read_published

        return read_published(path, format=format, capacity=capacity, single_source=single_source)
    asked = {"format": format, "capacity": capacity, "single_source": single_source or None}
    for name, value in asked.items():
        if value is not None:
            message = "is an option of published files only; leave it out"
            raise InstanceError([Fault(str(source), None, name, str(value), message)])
    if drawn:
        from instances.generators.transfer import transfer_named

        return transfer_named(str(source))
    raw = read_raw(source)
    faults = list(raw.faults)
    header = None
    if SETTINGS not in raw.unread:
        header = check_header(raw.settings, raw.settings_file, faults)
    rates = header.currency if header else _rates(raw)
    drafts = drafts_of(raw.sheets, rates, faults, file_of=raw.file_of, unread=raw.unread)
    return finish(header, drafts, faults)


def find_faults(
    source: Source | Instance,
    *,
    format: str | None = None,
    capacity: float | None = None,
    single_source: bool = False,
) -> list[Fault]:
    """Every fault of the instance at ``source``; an empty list when there is none.

    The keywords are those of `read_instance`.
    """
    if isinstance(source, Instance):
        return check_tables(source._drafts)
    try:
        read_instance(source, format=format, capacity=capacity, single_source=single_source)
    except InstanceError as error:
        return list(error.faults)
    return []


def _rates(raw: RawInstance) -> dict[str, float]:
    """The usable rates of settings that have faults, so that units give no faults on top."""
    rates = {}
    for key, value in raw.settings.items():
        section, _, code = key.partition(".")
        if section == "currency" and isinstance(value, int | float) and value > 0:
            rates[code] = float(value)
    return rates


def read_raw(source: Source) -> RawInstance:
    """What the files hold, not understood yet. Raises `InstanceError` when nothing is there."""
    path = _locate(source)
    if path.is_dir():
        return _read_folder(path)
    if path.suffix.lower() in _WORKBOOKS:
        return read_workbook(path)
    message = "is not an instance: give a folder with instance.toml or an .xlsx workbook"
    raise InstanceError([Fault(str(path), None, "", "", message)])


def _locate(source: Source) -> Path:
    if isinstance(source, str) and (bundled := bundled_path(source)) is not None:
        return bundled
    path = Path(source)
    if not path.exists():
        names = [info.name for info in list_bundled()]
        hint = did_you_mean(str(source), names)
        message = (
            f"there is no such file or folder, and no bundled instance of that name.{hint} "
            f"Bundled are: {', '.join(names) or 'none'}"
        )
        raise InstanceError([Fault(str(source), None, "", "", message)])
    return path


def _read_folder(path: Path) -> RawInstance:
    found = {form: {p.stem: p for p in path.glob(f"*.{form}")} for form in _FORMS}
    known = {form: [n for n in files if n in TABLE] for form, files in found.items()}
    form = "parquet" if known["parquet"] and not known["csv"] else "csv"
    raw = RawInstance({}, SETTINGS_FILE, file_of=f"{{}}.{form}")
    settings = path / SETTINGS_FILE
    if not settings.is_file():
        if not known["csv"] and not known["parquet"]:
            message = f"the folder holds no instance: {SETTINGS_FILE} and the tables are missing"
            raise InstanceError([Fault(str(path), None, "", "", message)])
        raw.faults.append(Fault(SETTINGS_FILE, None, "", "", "the settings file is missing"))
        raw.unread.add(SETTINGS)
    else:
        text = decode(settings.read_bytes(), SETTINGS_FILE, raw.faults)
        parsed = None if text is None else parse_toml(text, SETTINGS_FILE, raw.faults)
        raw.settings = parsed or {}
        if parsed is None:
            raw.unread.add(SETTINGS)
    if known["csv"] and known["parquet"]:
        message = "the folder holds tables as CSV and as Parquet; keep one of the two forms"
        raw.faults.append(Fault(known["parquet"][0] + ".parquet", None, "", "", message))
    for name, file in sorted(found[form].items()):
        if name not in TABLE:
            hint = did_you_mean(name, TABLE)
            message = f"is not a table of an instance; rename or delete the file.{hint}"
            raw.faults.append(Fault(file.name, None, "", "", message))
            continue
        if form == "csv":
            sheet = read_csv_sheet(file, name, raw.faults)
        else:
            sheet = read_parquet_sheet(file, raw.faults)
        if sheet is None:
            raw.unread.add(name)
        else:
            raw.sheets[name] = sheet
    return raw
