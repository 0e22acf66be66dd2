"""The study folder: finished solves, chapters and tables, each written whole or not at all.

```
study.json            format, instance, versions
instance/             the tables that all cases change
solves/KEY.json.gz    one finished case: what was asked, how it ended, the plan
names.json            further names and tags that finished cases were asked under
chapters/NAME.json    what a command found, with its tables (optimizer.studies.chapter)
tables/               the tables of all chapters as CSV and Parquet
report.html, study.xlsx
```
"""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Iterator
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

from instances import Instance, read_instance, write_instance
from optimizer.errors import OptimizerError
from optimizer.plan.plan import Plan, Question, Status
from optimizer.report.chapter import Chapter
from optimizer.studies.case import Case, Solved

FORMAT = "zoneopt-study-1"
ORDER = (  # of chapters in a report: from the plan to the decision
    "study", "curve", "parks", "prices", "tornado", "pareto", "disrupt", "stochastic", "phase",
    "status", "share", "compare", "alternatives",
)  # fmt: skip


class StudyFolderError(OptimizerError):
    """A study folder cannot be written or read; the message says which and what to do."""


class MemoryStore:
    """Keeps finished solves for as long as the session lives."""

    def __init__(self) -> None:
        self.solved: dict[str, Solved] = {}
        self.cases: dict[str, Case] = {}
        self.instance_hash = ""

    def begin(self, instance: Instance, question: Question) -> None:
        """Make sure that all that is kept belongs to the same instance.

        Raises
        ------
        StudyFolderError
            It was used for other tables: their solves answer nothing about these.
        """
        if self.instance_hash not in ("", instance.hash):
            raise StudyFolderError("this store holds solves of other tables: make a new one")
        self.instance_hash = instance.hash

    def find(self, key: str) -> Solved | None:
        """The finished case of a key, if there is one."""
        return self.solved.get(key)

    def keep(self, case: Case, solved: Solved) -> None:
        """Keep a finished case."""
        self.solved[solved.key] = solved
        self.cases[solved.key] = case

    def name(self, case: Case) -> None:
        """Note that a known case was asked for under this name."""
        self.cases.setdefault(case.key, case)


class Store:
    """A study folder."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(os.path.abspath(folder))
        self._names: dict[str, dict[str, Any]] = {}
        self._first_names: dict[str, str] = {}

    def begin(self, instance: Instance, question: Question) -> None:
        """Create the folder, or make sure that it belongs to the same instance.

        Raises
        ------
        StudyFolderError
            The folder holds something else, or a study of other tables.
        """
        about = self._about()
        if about is None:
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise StudyFolderError(
                    f"{self.folder} is not empty and no study folder. Give a new folder."
                )
            try:
                (self.folder / "solves").mkdir(parents=True, exist_ok=True)
                write_instance(instance, self.folder / "instance", "csv")
            except OSError as error:
                raise StudyFolderError(f"{self.folder} cannot be written: {error}") from error
            write_json(self.folder / "study.json", _about_document(instance))
        elif about["instance"]["hash"] != instance.hash:
            raise StudyFolderError(
                f"{self.folder} is a study of other tables ({about['instance']['id']}, hash "
                f"{about['instance']['hash'][:12]}; these have {instance.hash[:12]}). Give a new "
                "folder."
            )
        path = self.folder / "names.json"
        if path.exists():
            self._names = json.loads(path.read_text(encoding="utf-8"))

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Store:
        """A folder that is there already.

        Raises
        ------
        StudyFolderError
            It is no study folder.
        """
        store = cls(folder)
        if store._about() is None:
            raise StudyFolderError(
                f"{folder} is no study folder: it has no study.json of format {FORMAT}. Give a "
                "folder that a study command wrote with --out."
            )
        path = store.folder / "names.json"
        if path.exists():
            store._names = json.loads(path.read_text(encoding="utf-8"))
        return store

    def instance(self) -> Instance:
        """The tables of the study."""
        return read_instance(self.folder / "instance")

    def find(self, key: str) -> Solved | None:
        """The finished case of a key, if there is one."""
        path = self._path(key)
        if not path.exists():
            return None
        document = _read(path)
        self._first_names[key] = document["case"]["name"]
        return _solved(document)

    def keep(self, case: Case, solved: Solved) -> None:
        """Write a finished case."""
        document = {"case": _plain(case.to_dict()), "solved": solved_document(solved)}
        text = json.dumps(document, ensure_ascii=False)
        write_bytes(self._path(solved.key), gzip.compress(text.encode(), 6, mtime=0))
        self._first_names[solved.key] = case.name

    def name(self, case: Case) -> None:
        """Note that a finished case was asked for under this name too, with these tags."""
        if self._first_names.get(case.key) == case.name:
            return
        names = self._names.setdefault(case.key, {})
        if case.name not in names:
            names[case.name] = dict(case.tags)
            write_json(self.folder / "names.json", self._names)

    def keys(self) -> list[str]:
        """Keys of all finished cases, sorted."""
        return sorted(p.name.removesuffix(".json.gz") for p in self._solves().glob("*.json.gz"))

    def entries(self) -> Iterator[tuple[dict[str, Any], Solved, dict[str, Any]]]:
        """Every finished case: what was asked, how it ended, name -> tags that it was asked by."""
        for key in self.keys():
            document = _read(self._path(key))
            case = document["case"]
            names = {case["name"]: dict(case["tags"])} | self._names.get(key, {})
            yield case, _solved(document), names

    def chapters(self) -> list[Chapter]:
        """All chapters of the folder, in the order of `ORDER`, others by name."""
        found = [
            Chapter.from_dict(json.loads(path.read_text(encoding="utf-8")))
            for path in sorted((self.folder / "chapters").glob("*.json"))
        ]
        place = {name: number for number, name in enumerate(ORDER)}
        return sorted(found, key=lambda c: (place.get(c.name, len(place)), c.name))

    def add_chapter(self, chapter: Chapter, instance: Instance) -> None:
        """Keep a chapter, its tables, and write report and workbook of all chapters again."""
        from optimizer.report.study_book import write_study_book
        from optimizer.report.study_page import study_page
        from optimizer.run import write_table

        write_json(self.folder / "chapters" / f"{chapter.name}.json", chapter.to_dict())
        (self.folder / "tables").mkdir(exist_ok=True)
        for table in chapter.tables:
            write_table(self.folder / "tables" / f"{chapter.name}-{table.name}", table.frame)
        chapters = self.chapters()
        page = study_page(instance, chapters, version())
        write_bytes(self.folder / "report.html", page.encode())
        title = f"{instance.name} {instance.name_zh}".strip()
        fresh = self.folder / ".study.xlsx.new"
        write_study_book(fresh, chapters, title)
        os.replace(fresh, self.folder / "study.xlsx")

    def _about(self) -> dict[str, Any] | None:
        try:
            document = json.loads((self.folder / "study.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        is_ours = isinstance(document, dict) and document.get("format") == FORMAT
        return document if is_ours else None

    def _solves(self) -> Path:
        return self.folder / "solves"

    def _path(self, key: str) -> Path:
        return self._solves() / f"{key}.json.gz"


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(gzip.decompress(path.read_bytes()))
        return {"case": document["case"], "solved": document["solved"]}
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise StudyFolderError(
            f"{path} is damaged ({error}). Delete it; the next run solves this case again."
        ) from error


def solved_document(solved: Solved) -> dict[str, Any]:
    """A finished case as JSON can hold it; the plan as in plan.json."""
    document = {f.name: getattr(solved, f.name) for f in fields(solved) if f.name != "plan"}
    plan = solved.plan
    return _plain(document) | {"plan": plan.to_document() if plan is not None else None}


def _solved(document: dict[str, Any]) -> Solved:
    raw = document["solved"]
    plan = raw["plan"]
    return Solved(
        key=raw["key"],
        status=Status(raw["status"]),
        stop_reason=raw["stop_reason"],
        objective=float(raw["objective"]),
        bound=float(raw["bound"]),
        seconds=float(raw["seconds"]),
        plan=Plan.from_document(plan) if plan is not None else None,
        notes=tuple(raw["notes"]),
        maximised=bool(raw["maximised"]),
        document=_numbers(raw["document"]),
    )


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file whole."""
    text = json.dumps(_plain(document), ensure_ascii=False, indent=1, allow_nan=False)
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole: whoever looks finds the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with fresh.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, path)


def _plain(value: Any) -> Any:
    """A value as JSON can hold it: what is not finite becomes the word that `float` reads."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.item() if hasattr(value, "item") else value


def _numbers(value: Any) -> Any:
    """What `_plain` made words of, as numbers again."""
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return float(value) if value in ("inf", "-inf", "nan") else value


def version() -> str:
    """The version of zoneopt."""
    try:
        return metadata.version("zoneopt")
    except metadata.PackageNotFoundError:
        return "not installed"


def _about_document(instance: Instance) -> dict[str, Any]:
    about = {"id": instance.instance_id, "name": instance.name, "hash": instance.hash}
    return {"format": FORMAT, "zoneopt_version": version(), "instance": about}
