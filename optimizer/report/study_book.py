"""`write_study_book`: the chapters of a study as one Excel workbook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from optimizer.report.chapter import Chapter
from optimizer.report.workbook import cell, table_sheet

_LONGEST_NAME = 31  # characters of a sheet's name


def write_study_book(path: str | Path, chapters: Sequence[Chapter], title: str) -> None:
    """Write findings and cautions on the first sheet, then one sheet per table."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    book = Workbook(write_only=True)
    front = book.create_sheet("study")
    front.column_dimensions["A"].width = 40
    front.column_dimensions["B"].width = 110
    wrapped = Alignment(wrap_text=True, vertical="top")
    front.append([cell(front, title, font=Font(bold=True, size=16))])
    for chapter in chapters:
        front.append([])
        head = f"{chapter.title} {chapter.title_zh}".strip()
        front.append([cell(front, head, font=Font(bold=True, size=13))])
        for label, sentences in (
            ("asked", chapter.asked),
            ("found", chapter.findings),
            ("not decided", chapter.cautions),
        ):
            for sentence in sentences:
                front.append([label, cell(front, sentence, alignment=wrapped)])
        for what, why in chapter.assumed:
            front.append([f"assumed: {what}", cell(front, why, alignment=wrapped)])
        for key, value in chapter.facts.items():
            front.append([key.replace("_", " "), cell(front, str(value))])
        for table in chapter.tables:
            name = f"{chapter.name} {table.name}"[:_LONGEST_NAME]
            link = cell(front, name, font=Font(color="0B5394", underline="single"))
            link.hyperlink = f"#'{name}'!A1"
            front.append([link, table.title])
    for chapter in chapters:
        for table in chapter.tables:
            name = f"{chapter.name} {table.name}"[:_LONGEST_NAME]
            table_sheet(book.create_sheet(name), table.frame)
    book.save(path)
