"""CSV files to sheets: encoding and separator are found out, never guessed silently."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from pathlib import Path

from instances.errors import Fault
from instances.schema import TABLE
from instances.sheets import Sheet, sheet_from_rows

logger = logging.getLogger(__name__)
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def read_csv_sheet(path: Path, table: str, faults: list[Fault]) -> Sheet | None:
    """The sheet in ``path``, or None when it cannot be read (then ``faults`` says why)."""
    text = decode(path.read_bytes(), path.name, faults)
    if text is None:
        return None
    separator = _separator(text, table)
    broken: list[Fault] = []
    sheet = sheet_from_rows(path.name, _records(text, separator, path.name, broken), faults)
    faults.extend(broken)
    return None if broken else sheet


def _records(
    text: str, separator: str, file: str, faults: list[Fault]
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            yield number, row
    except csv.Error as error:
        message = f"the quotes do not match ({error}); double the quotes inside quoted text"
        faults.append(Fault(file, number + 1, "", "", message))


def _separator(text: str, table: str) -> str:
    """Comma, semicolon or tab: whichever makes more of the header into columns of the table."""
    line = text.lstrip("\r\n").split("\n", 1)[0].rstrip("\r")
    known = set(TABLE[table].names) if table in TABLE else set()

    def score(separator: str) -> tuple[int, int]:
        names = [name.strip().strip('"') for name in line.split(separator)]
        return sum(name in known for name in names), len(names)

    best = max((",", ";", "\t"), key=score)  # the first of equals, so the comma
    if best != ",":
        logger.warning("%s.csv is separated by %r", table, best)
    return best


def decode(data: bytes, file: str, faults: list[Fault]) -> str | None:
    """The text of a file in UTF-8, UTF-16 with a byte order mark, or GB 18030 (GBK, GB 2312)."""
    if data[:2] in _UTF16:
        try:
            text = data[2:].decode(_UTF16[data[:2]])
        except UnicodeDecodeError as error:
            faults.append(_undecodable(data, file, error.start + 2, "is not valid UTF-16"))
            return None
        logger.warning("%s is UTF-16; UTF-8 is the better choice", file)
        return text
    if b"\x00" in data:
        position = data.index(b"\x00")
        faults.append(_undecodable(data, file, position, "is a zero byte: this is not text"))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
    if any(_is_utf8_chinese(line) for line in data.split(b"\n")):
        reason = "is not UTF-8 although other lines are: the file mixes encodings"
        faults.append(_undecodable(data, file, bad, reason))
        return None
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as error:
        reason = "is neither UTF-8 nor GB 18030"
        faults.append(_undecodable(data, file, error.start, reason))
        return None
    # Latin-1 text passes as GB 18030 too, as characters that GB 2312, the everyday set, lacks
    if not any(c >= "一" and c.encode("gb2312", "ignore") for c in text):
        reason = "is not UTF-8 and makes no Chinese text either"
        faults.append(_undecodable(data, file, bad, reason))
        return None
    logger.warning("%s is GBK (GB 18030) and was read as such; UTF-8 is the better choice", file)
    return text


def _is_utf8_chinese(line: bytes) -> bool:
    try:
        return any("\u4e00" <= c <= "\u9fff" for c in line.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _undecodable(data: bytes, file: str, position: int, reason: str) -> Fault:
    row = data.count(b"\n", 0, position) + 1
    value = f"0x{data[position]:02x}" if position < len(data) else ""
    message = f"the byte at position {position} {reason}; save the file as 'CSV UTF-8'"
    return Fault(file, row, "", value, message)
