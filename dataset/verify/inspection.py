"""All checks of a release's data and pages, in their order; `verify.verifying` reports."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pandas as pd
import pyarrow as pa

from transferz.dataset.pipeline.manifest import read_split, table_content
from transferz.dataset.verify import pages as verify_pages
from transferz.dataset.verify import rows as verify_rows
from transferz.dataset.verify import tables as verify_tables
from transferz.dataset.verify.files import check_configs
from transferz.dataset.verify.footer import check_footer
from transferz.dataset.verify.report import Broken, safely, unreadable
from transferz.schemas import CONFIGS, INDEX, RELEASE, Table
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    data_files,
)

FILES = ("manifest", "files")
"""The promises that are looked at first."""

MOST = 20
"""Findings of one check that are told."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Inspection:
    """Checks what a release's data and pages promise, its files being those of its manifest.

    Attributes
    ----------
    broken : list of Broken
        What was found.
    checked : list of str
        The promises that were looked at.
    sizes : dict
        config -> split -> ``rows``, ``bytes`` and ``content`` of what was read.
    """

    def __init__(self, release: Path, manifest: dict[str, Any]) -> None:
        self.release = release
        self.manifest = manifest
        self.broken: list[Broken] = []
        self.checked: list[str] = list(FILES)
        self.sizes: dict[str, dict[str, dict[str, Any]]] = {}
        self._table: Table = RELEASE
        self._ours = True
        self._rows: dict[str, pd.DataFrame] = {}

    def run(self) -> None:
        """Check everything: files one by one, then what goes across them, then the pages."""
        stated = self.manifest["columns"]
        self._ours = self._check(
            MANIFEST_FILE, "declaration", verify_tables.check_declaration, stated
        )
        self._table = verify_tables.declared_table(stated)
        present = data_files(self.release)
        expected = CONFIGS if self.manifest["mock"] else CONFIGS[:-1]
        self._check(MANIFEST_FILE, "configs", check_configs, present, self.manifest, expected)
        for config, splits in present.items():
            self._config(config, splits)
        rows = {one: {s: n["rows"] for s, n in sizes.items()} for one, sizes in self.sizes.items()}
        counts = self.manifest["counts"]
        self._check(MANIFEST_FILE, "content", verify_tables.check_counts, counts, rows)
        if set(self._rows) == set(expected):
            self._across()
        self._pages()

    def _check(
        self,
        file: str,
        promise: str,
        check: Callable[Arguments, Iterable[Broken]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> bool:
        """Run a check; whether all is well."""
        found = list(safely(file, promise, check, *args, **kwargs))
        self.broken += found[:MOST]
        if len(found) > MOST:
            self.broken.append(Broken(file, promise, f"{len(found) - MOST:,} more of the kind"))
        if promise not in self.checked:
            self.checked.append(promise)
        return not found

    def _attempt(
        self,
        file: str,
        promise: str,
        read: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result | None:
        """Read something; None, and a finding, if that fails."""
        try:
            return read(*args, **kwargs)
        except Exception as error:  # readers of damaged files raise anything
            self.broken.append(unreadable(file, promise, error))
            return None

    def _config(self, config: str, splits: dict[str, list[Path]]) -> None:
        """Check a config's files; keep what promises across files need, if they can be read."""
        parts = {split: self._split(config, split, paths) for split, paths in splits.items()}
        index = self.release / config / INDEX_FILE
        whole = self._file(index, INDEX) and self._read([index]) is not None
        tables = {self._label(splits[one]): part for one, part in parts.items() if part is not None}
        if len(tables) < len(splits) or not self._ours:
            return
        self._bounds(tables)
        rows = self._attempt(self._name(index), "index", verify_tables.read_rows, tables, splits)
        if rows is not None:
            self._rows[config] = rows
            if whole:
                check = verify_tables.check_index
                self._check(self._name(index), "index", check, self.release, config, rows)

    def _bounds(self, tables: dict[str, pa.Table]) -> None:
        """Check the values of a config, all at once; file by file to name those that are wrong."""
        if "bounds" not in self.checked:
            self.checked.append("bounds")
        if list(safely("", "bounds", verify_tables.check_values, tables.values(), "")):
            for name, table in tables.items():
                self._check(name, "bounds", verify_tables.check_values, [table], name)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.release).as_posix()

    def _label(self, paths: list[Path]) -> str:
        """What reports call the files of a split."""
        first = self._name(paths[0])
        return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"

    def _file(self, path: Path, table: Table) -> bool:
        """Check a parquet file but for its values; whether these can be looked at."""
        name = self._name(path)
        whole = self._check(name, "page_checksums", verify_tables.check_pages, path, name)
        columns = self._check(name, "columns", verify_tables.check_columns, path, name, table)
        self._check(name, "footer", check_footer, path, name, table)
        return whole and columns

    def _split(self, config: str, split: str, paths: list[Path]) -> pa.Table | None:
        """Check a split's files but for the values; the rows, if they can be looked at."""
        sound = [self._file(path, self._table) for path in paths]
        name, table = self._label(paths), self._read(paths)
        if table is None:
            return None
        size = table_content(table)
        stated = self.manifest["content"].get(config, {}).get(split, {})
        self._check(name, "content", verify_tables.check_content, size, name, stated)
        self.sizes.setdefault(config, {})[split] = size
        return table if all(sound) else None

    def _read(self, paths: list[Path]) -> pa.Table | None:
        """Read files whose pages agree with their checksums; None, and a finding, if they don't."""
        return self._attempt(self._label(paths), "page_checksums", read_split, paths)

    def applies(self, promise: str) -> bool:
        """Whether such a release makes a promise at all."""
        return promise != "truth" or bool(self.manifest["mock"])

    def _provable(self, promise: str) -> bool:
        """Whether a promise can be checked: splits that authors published follow from nothing."""
        scheme, survey = self.manifest["parameters"]["split"]["scheme"], self.manifest["survey"]
        published = (scheme, survey) == ("published", "authors")
        return self.applies(promise) and not (published and promise == "own_split")

    def _across(self) -> None:
        """Check what rows of several files promise together."""
        rows, parameters = self._rows, self.manifest["parameters"]
        for promise, check in verify_rows.OF_ROWS.items():
            if self._provable(promise):
                self._check(MANIFEST_FILE, promise, check, rows)
        for promise, check_by in verify_rows.OF_ROWS_AND_PARAMETERS.items():
            if self._provable(promise):
                self._check(MANIFEST_FILE, promise, check_by, rows, parameters)

    def _pages(self) -> None:
        release, manifest, table = self.release, self.manifest, self._table
        card, croissant = verify_pages.check_card, verify_pages.check_croissant
        self._check(CARD_FILE, "card", card, release, manifest, self.sizes, table)
        self._check(
            CROISSANT_FILE, "croissant", croissant, release, manifest, table, ours=self._ours
        )
        version, date = manifest["version"], manifest["date"]
        self._check(CITATION_FILE, "citation", verify_pages.check_citation, release, version, date)
