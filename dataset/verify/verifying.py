"""Whether a release is whole and keeps its promises.

First its files against its manifest. If these agree, everything that the data promise, whatever
the hashes say: a manifest that was sealed anew after an edit proves nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from transferz.dataset.pipeline.manifest import read_split, table_content
from transferz.dataset.verify import files, rows
from transferz.dataset.verify.findings import (
    PROMISES,
    SHOWN,
    Arguments,
    Broken,
    Report,
    safely,
    unreadable,
)
from transferz.schemas import CONFIGS, INDEX, ReleaseError, Table
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    MANIFEST_FILE,
    data_files,
    index_file,
)

FILES = ("manifest", "files")
"""The promises that are looked at first."""

MOST = 20
"""Findings of one check that are told."""


def verify(release: Path) -> list[Broken]:
    """Return what a release breaks of its promises; empty if all is well.

    Damaged files hide what is in them: if any is damaged, nothing else is looked for. A directory
    that is not there raises `ReleaseError`.
    """
    return list(inspect(release).broken)


def require_sound(release: Path) -> None:
    """Refuse a release that breaks a promise: `ReleaseError` names the first few."""
    broken = verify(release)
    if broken:
        more = len(broken) - SHOWN
        rest = f"; and {more} more: `transferz verify {release}` lists them" if more > 0 else ""
        shown = "; ".join(map(str, broken[:SHOWN]))
        raise ReleaseError(f"the release in {release} breaks its promises: {shown}{rest}")


def inspect(release: Path) -> Report:
    """Check every promise of a release and say what was checked.

    A directory that is not there raises `ReleaseError`.
    """
    if not release.is_dir():
        raise ReleaseError(f"{release} is no directory; expected a transferz release")
    manifest, broken = files.read_manifest(release)
    if not manifest:
        return Report(str(release), "", tuple(broken), FILES[:1], tuple(PROMISES)[1:])
    inspection = Inspection(release, manifest, list(files.check_files(release, manifest)))
    if not inspection.broken:
        inspection.run()
    promised = [one for one in PROMISES if one != "truth" or manifest["mock"]]
    return Report(
        str(release),
        manifest["version"],
        tuple(inspection.broken),
        tuple(inspection.checked),
        tuple(one for one in promised if one not in inspection.checked),
        files=len(manifest["files"]) + 1,
        rows=sum(size["rows"] for splits in inspection.sizes.values() for size in splits.values()),
    )


@dataclass
class Inspection:
    """Checks what a release's data and pages promise, its files being those of its manifest.

    What is ``broken`` and the promises ``checked`` are in the order in which they were looked at;
    ``sizes`` has ``rows``, ``bytes`` and ``content`` of what was read, by config and split.
    """

    release: Path
    manifest: dict[str, Any]
    broken: list[Broken] = field(default_factory=list)
    checked: list[str] = field(default_factory=lambda: list(FILES))
    sizes: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def run(self) -> None:
        """Check everything: files one by one, then what goes across them, then the pages."""
        manifest, release, present = self.manifest, self.release, data_files(self.release)
        stated = manifest["columns"]
        ours = self._check(MANIFEST_FILE, "declaration", rows.check_declaration, stated)
        table = rows.declared_table(stated)
        expected = CONFIGS if manifest["mock"] else CONFIGS[:-1]
        self._check(MANIFEST_FILE, "configs", files.check_configs, present, manifest, expected)
        data = {
            config: part
            for config, splits in present.items()
            if (part := self._config(config, splits, table, ours)) is not None
        }
        self._check(MANIFEST_FILE, "content", rows.check_counts, manifest["counts"], self.sizes)
        if set(data) == set(expected):
            for promise, check in rows.ROW_CHECKS.items():
                if self._provable(promise):
                    self._check(MANIFEST_FILE, promise, check, data, manifest["parameters"])
        self._check(CARD_FILE, "card", files.check_card, release, manifest, self.sizes, table)
        self._check(
            CROISSANT_FILE, "croissant", files.check_croissant, release, manifest, table, ours=ours
        )
        version, date = manifest["version"], manifest["date"]
        self._check(CITATION_FILE, "citation", files.check_citation, release, version, date)

    def _provable(self, promise: str) -> bool:
        """Whether a promise is made and can be checked: published splits follow from nothing."""
        if promise == "own_split" and self.manifest["survey"] == "authors":
            return bool(self.manifest["parameters"]["split"]["scheme"] != "published")
        return promise != "truth" or bool(self.manifest["mock"])

    def _check(
        self,
        file: str,
        promise: str,
        check: Callable[Arguments, Iterable[Broken]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> bool:
        """Run a check; whether all is well."""
        findings = list(safely(file, promise, check, *args, **kwargs))
        self.broken += findings[:MOST]
        if len(findings) > MOST:
            rest = f"{len(findings) - MOST:,} more of the kind"
            self.broken.append(Broken(file, promise, rest))
        self._note(promise)
        return not findings

    def _config(
        self, config: str, splits: dict[str, list[Path]], table: Table, ours: bool
    ) -> pd.DataFrame | None:
        """Check a config's files; return what goes across files needs, if they can be read."""
        parts = {split: self._split(config, split, of, table) for split, of in splits.items()}
        index = index_file(self.release, config)
        index_name = self._label([index])
        whole = self._file(index, INDEX) and self._read([index]) is not None
        tables = {
            self._label(splits[split]): part for split, part in parts.items() if part is not None
        }
        if len(tables) < len(splits) or not ours:
            return None
        # All values at once, which is faster; file by file only to name those that are wrong.
        broken = list(safely("", "bounds", rows.check_values, tables.values(), ""))
        for name, part in tables.items() if broken else ():
            self._check(name, "bounds", rows.check_values, [part], name)
        self._note("bounds")
        try:
            data = rows.read_rows(tables, splits)
        except Exception as error:  # readers of damaged files raise anything
            self.broken.append(unreadable(index_name, "index", error))
            return None
        if whole:
            self._check(index_name, "index", rows.check_index, self.release, config, data)
        return data

    def _split(self, config: str, split: str, paths: list[Path], table: Table) -> pa.Table | None:
        """Check a split's files but for the values; the rows, if they can be looked at."""
        sound = [self._file(path, table) for path in paths]
        data = self._read(paths)
        if data is None:
            return None
        name, size = self._label(paths), table_content(data)
        stated = self.manifest["content"].get(config, {}).get(split, {})
        self._check(name, "content", rows.check_content, size, name, stated)
        self.sizes.setdefault(config, {})[split] = size
        return data if all(sound) else None

    def _file(self, path: Path, table: Table) -> bool:
        """Check what a parquet file says of its columns; whether they are those of the table."""
        name = self._label([path])
        columns = self._check(name, "columns", rows.check_columns, path, name, table)
        self._check(name, "footer", rows.check_footer, path, name, table)
        return columns

    def _read(self, paths: list[Path]) -> pa.Table | None:
        """Read files whose pages agree with their checksums; None, and a finding, if they don't."""
        self._note("page_checksums")
        try:
            return read_split(paths)
        except Exception as error:  # readers of damaged files raise anything
            self.broken.append(unreadable(self._label(paths), "page_checksums", error))
            return None

    def _note(self, promise: str) -> None:
        """Remember that a promise was looked at."""
        if promise not in self.checked:
            self.checked.append(promise)

    def _label(self, paths: list[Path]) -> str:
        """What reports call the files of a split."""
        first = paths[0].relative_to(self.release).as_posix()
        return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"
