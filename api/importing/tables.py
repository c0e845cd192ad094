"""The files of an import, and the rows of them that each section of the mapping means."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from api.importing import rows
from api.importing.errors import BadInputError
from api.importing.mapping import ImportMapping, Section
from api.importing.rows import Form, Row


class Tables:
    """The rows of some files, by the files' names without their endings."""

    def __init__(self, mapping: ImportMapping, files: Mapping[str, Sequence[Row]]) -> None:
        """Check that the mapping and the files fit each other.

        Raises:
            BadInputError: the mapping names a file or a column that is not there, or does not name
                a file.

        """
        self._files = files
        self._nothing = {"", *mapping.nothing}
        for name, section in mapping.sections:
            self._check(name, section)
        unread = set(files) - {self._name(section) for _, section in mapping.sections}
        if unread:
            raise BadInputError(f"the mapping says nothing of {', '.join(sorted(unread))}")

    def rows(self, section: Section) -> list[Row]:
        """Return the rows that a section means, in their order."""
        return [row for row in self._all(section) if self._is_meant(section, row)]

    def _all(self, section: Section) -> Sequence[Row]:
        found = self._files[self._name(section)]
        return list(rows.below(found, section.each)) if section.each else found

    def _is_meant(self, section: Section, row: Row) -> bool:
        for column, wanted in section.where.items():
            value = row.cells.get(column)
            text = None if value is None or str(value).strip() in self._nothing else str(value).strip()
            if (text is not None) is not wanted if isinstance(wanted, bool) else text not in wanted:
                return False
        return True

    def _name(self, section: Section) -> str:
        if section.file is None and len(self._files) == 1:
            return next(iter(self._files))
        return section.file or ""

    def _check(self, name: str, section: Section) -> None:
        if self._name(section) not in self._files:
            wanted = f"is from {section.file}" if section.file else "names no file"
            raise BadInputError(f"{name} {wanted}, and the files are {', '.join(sorted(self._files))}")
        there = {column for row in self._all(section) for column in row.cells}
        if there and (missing := sorted(section.columns - there)):
            file = self._files[self._name(section)][0].file
            raise BadInputError(f"{file}: {name} wants the column {', '.join(missing)}, which is not there")


def read(mapping: ImportMapping, paths: Sequence[Path]) -> Tables:
    """Read the files.

    Raises:
        BadInputError: a file cannot be read or is wrong, or does not fit the mapping.

    """
    files: dict[str, Sequence[Row]] = {}
    for path in paths:
        if path.stem in files:
            raise BadInputError(f"{path}: another file has the name {path.stem} too")
        form = Form(mapping.delimiter, mapping.encoding, mapping.unquoted_commas.get(path.stem))
        files[path.stem] = rows.read(path, form)
    return Tables(mapping, files)
