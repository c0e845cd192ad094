"""The rows of a file, CSV or JSON lines, as texts by column.

A file is read whole. An error in its form, such as a row with too few cells, ends the import before
anything is sent, because nobody can tell what such a row belongs to.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from api.importing.errors import BadInputError

CSV = (".csv", ".tsv", ".txt")
JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Row:
    """One row; a cell is a text, ``None`` for nothing, or in JSON a list of further rows."""

    file: str
    line: int
    """The line at which the row begins; the first line of a file is 1."""
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """The format of a file; ``unquoted_commas`` is the column that may have delimiters unquoted."""

    delimiter: str = ","
    encoding: str = "utf-8-sig"
    unquoted_commas: str | None = None


def read(path: Path, form: Form) -> list[Row]:
    """Return the rows of a file, which is read by its ending.

    Raises:
        BadInputError: something is wrong; the error names the file, the line and the fault.

    """
    if path.suffix.lower() in CSV:
        return list(_csv_rows(path, form))
    if path.suffix.lower() in JSON_LINES:
        return list(_json_rows(path, form))
    known = ", ".join((*CSV, *JSON_LINES))
    raise BadInputError(f"{path}: its name must end in one of {known}")


def below(rows: Sequence[Row], each: str) -> Iterator[Row]:
    """Yield the entries of a list in each row, as rows.

    An entry's ``id`` is ``<each>.id``; the other cells of the row stay.
    """
    for row in rows:
        listed = row.cells.get(each)
        for entry in listed if isinstance(listed, list) else ():
            inner = entry if isinstance(entry, dict) else {"": entry}
            cells = {f"{each}.{name}".rstrip("."): value for name, value in _flat(inner)}
            yield Row(row.file, row.line, {**row.cells, **cells})


def _csv_rows(path: Path, form: Form) -> Iterator[Row]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else form.delimiter
    reader = csv.reader(io.StringIO(_text(path, form), newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    line = 1
    try:
        for cells in reader:
            if not columns:
                columns = [cell.strip() for cell in cells]
                _check_distinct(path, columns)
            elif cells:
                fitted = _fitted(cells, columns, form, f"{path}, line {line}", delimiter)
                yield Row(str(path), line, dict(zip(columns, fitted, strict=True)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInputError(f"{path}, line {line}: not CSV: {error}") from None
    if not columns:
        raise BadInputError(f"{path}, line 1: there is no header")


def _json_rows(path: Path, form: Form) -> Iterator[Row]:
    for line, text in enumerate(_text(path, form).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            # Numbers stay as they are written, for money.
            found = json.loads(text, parse_float=str, parse_int=str, parse_constant=_refuse)
        except ValueError as error:
            raise BadInputError(f"{path}, line {line}: not JSON: {error}") from None
        if not isinstance(found, dict):
            raise BadInputError(f"{path}, line {line}: not a JSON object")
        yield Row(str(path), line, dict(_flat(found)))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _flat(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield an object's names and values; those of an inner object by a dotted path."""
    for name, value in found.items():
        if isinstance(value, dict):
            for inner, deeper in _flat(value):
                yield f"{name}.{inner}", deeper
        elif isinstance(value, bool):
            yield name, str(value).lower()
        else:
            yield name, value


def _text(path: Path, form: Form) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode(form.encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInputError(f"{path}, line {line}: not {form.encoding}") from None
    except LookupError:
        raise BadInputError(f"encoding: there is no {form.encoding!r}") from None


def _check_distinct(path: Path, columns: Sequence[str]) -> None:
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise BadInputError(f"{path}, line 1: the column {', '.join(twice)} is there twice")


def _fitted(
    cells: Sequence[str], columns: Sequence[str], form: Form, where: str, delimiter: str
) -> Sequence[str]:
    """Return as many cells as columns; join the surplus to the text that it was cut from."""
    surplus = len(cells) - len(columns)
    if surplus > 0 and form.unquoted_commas in columns:
        start = columns.index(form.unquoted_commas)
        whole = delimiter.join(cells[start : start + surplus + 1])
        return [*cells[:start], whole, *cells[start + surplus + 1 :]]
    if surplus:
        raise BadInputError(f"{where}: {len(cells)} cells for {len(columns)} columns")
    return cells
