"""Whether a release is whole and keeps its promises.

First its files against its manifest. If these agree, everything that the data promise, whatever
the hashes say: a manifest that was sealed anew after an edit proves nothing.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd
import pyarrow as pa

from transferz.dataset.page.figures import drawing_digest
from transferz.dataset.pipeline.manifest import read_split, table_content
from transferz.dataset.verify import claims, files, numbers, pages, promises, rows
from transferz.dataset.verify.findings import (
    PROMISES,
    SHOWN,
    Arguments,
    Broken,
    Finding,
    Report,
    Unable,
    safely,
    unreadable,
)
from transferz.dataset.verify.hats import check_hats
from transferz.schemas import ReleaseError, Table
from transferz.schemas.survey.described import configs_of
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    HATS_FOLDER,
    MANIFEST_FILE,
    data_files,
    index_file,
    read_manifest,
)
from transferz.schemas.survey.release import index_table
from transferz.schemas.survey.survey import Survey, seek_survey

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


def require_sound(release: Path) -> Report:
    """Return what was checked of a release, and refuse it if it breaks a promise.

    `ReleaseError` names the first few that it breaks, or those that could not be checked.
    """
    report = inspect(release)
    if not report.sound:
        said = report.broken or report.unable
        more = len(said) - SHOWN
        all_of_them = f"`transferz verify {quote(str(release))}` lists them"
        rest = f"; and {more} more: {all_of_them}" if more > 0 else ""
        shown = "; ".join(map(str, said[:SHOWN]))
        what = "breaks its promises" if report.broken else "could not be checked"
        raise ReleaseError(f"the release in {release} {what}: {shown}{rest}")
    return report


def inspect(release: Path, watch: Callable[[], object] = lambda: None) -> Report:
    """Check every promise of a release and say what was checked; `watch` is told of each.

    A directory that is not there raises `ReleaseError`, a package that is missing
    ModuleNotFoundError.
    """
    if not release.is_dir():
        raise ReleaseError(f"{release} is no directory; expected a transferz release")
    if task := _task_of(release):
        raise ReleaseError(
            f"{release} is a task's release; make it again of its release, by `transferz task "
            f"{task} --release RELEASE --out AGAIN`: the sha256 in {MANIFEST_FILE} is the same"
        )
    manifest, findings = files.read_manifest(release)
    inspection = Inspection(release, manifest, watch)
    inspection.note(findings)
    if not manifest:
        broken, unable = tuple(inspection.broken), tuple(inspection.unable)
        return Report(str(release), "", broken, FILES[:1], tuple(PROMISES)[1:], unable=unable)
    inspection.note(files.check_files(release, manifest))
    if not (inspection.broken or inspection.unable):
        inspection.run()
    promised = [one for one in PROMISES if promises.is_made(one, manifest)]
    return Report(
        str(release),
        manifest["version"],
        tuple(inspection.broken),
        tuple(inspection.checked),
        tuple(one for one in promised if one not in inspection.checked),
        files=len(manifest["files"]) + 1,
        rows=inspection.rows,
        unable=tuple(inspection.unable),
        others=tuple(files.other_files(release, manifest["files"])),
    )


def _task_of(release: Path) -> str:
    """Name the task that a release is of, which has no pages but its card; empty for none."""
    with contextlib.suppress(ReleaseError):
        return str(read_manifest(release).get("task", {}).get("name", ""))
    return ""


@dataclass
class Inspection:
    """Checks what a release's data and pages promise, its files being those of its manifest.

    What is ``broken``, what this machine is ``unable`` to check and the promises ``checked`` are in
    the order in which they were looked at; ``sizes`` has ``rows``, ``bytes`` and ``content`` by
    config and split, of what can't be read those that the manifest states; ``rows`` counts what was
    read.
    """

    release: Path
    manifest: dict[str, Any]
    watch: Callable[[], object]
    broken: list[Broken] = field(default_factory=list)
    unable: list[Unable] = field(default_factory=list)
    checked: list[str] = field(default_factory=lambda: list(FILES))
    sizes: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    rows: int = 0

    @property
    def survey(self) -> Survey | None:
        """The release's survey, as this package has it, if it does."""
        return seek_survey(self.manifest["survey"])

    def run(self) -> None:
        """Check everything: files one by one, then what goes across them, then the pages."""
        manifest, release, survey = self.manifest, self.release, self.survey
        there, listed = data_files(release), {name.split("/")[0] for name in manifest["files"]}
        order = [*manifest["content"], *there]
        present = {one: there[one] for one in order if one in there and one in listed}
        if pages.same_words(manifest):
            self.checked.append("words")
        self._derive("manifest", numbers.check_entries, manifest, survey)
        letter, ours = {"to_the_letter": "words" in self.checked}, True
        if survey:
            declared = rows.check_declaration
            ours = self._check(MANIFEST_FILE, "declaration", declared, manifest, survey, **letter)
        table = rows.declared_table(manifest, survey)
        expected = survey.configs if survey else configs_of(manifest)
        self._check(MANIFEST_FILE, "configs", files.check_configs, present, manifest, expected)
        data = {
            config: part
            for config, splits in present.items()
            if (part := self._config(config, splits, table, ours)) is not None
        }
        for config, stated in self.sizes.items() if promises.has_hats(manifest) else ():
            name = f"{HATS_FOLDER}/{config}"
            self._check(name, "hats", check_hats, release, config, table, stated)
        if set(data) == set(expected.values()):
            if survey:
                self._derive("counts", numbers.check_counts, manifest, self.sizes, data, survey)
            self._derive("quality", numbers.check_quality, manifest, data)
            for promise, check in promises.ROW_CHECKS.items():
                if self._provable(promise):
                    self._check(MANIFEST_FILE, promise, check, data, manifest)
        if survey is None:  # whose words the pages are in
            return
        self._check(CARD_FILE, "card", pages.check_card, release, manifest, self.sizes, table)
        self._check(
            CROISSANT_FILE, "croissant", pages.check_croissant, release, manifest, table, ours=ours
        )
        self._check(CITATION_FILE, "citation", pages.check_citation, release, manifest)
        if not self.broken and manifest.get("drawing") == drawing_digest():
            self._derive("figures", pages.check_figures, release, manifest, data)

    def _provable(self, promise: str) -> bool:
        """Whether a promise is made and can be checked: published splits follow from nothing."""
        published = self.survey is None or self.survey.split == "published"
        if promise == "own_split" and published:
            return bool(self.manifest["parameters"]["split"]["scheme"] != "published")
        return promises.is_made(promise, self.manifest)

    def _check(
        self,
        file: str,
        promise: str,
        check: Callable[Arguments, Iterable[Finding]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> bool:
        """Run a check; whether all is well."""
        findings = list(safely(file, promise, check, *args, **kwargs))
        self.note(findings[:MOST])
        if len(findings) > MOST:
            rest = f"{len(findings) - MOST:,} more of the kind"
            self.broken.append(Broken(file, promise, rest))
        if not any(isinstance(finding, Unable) for finding in findings):
            self._looked_at(promise)
        return not findings

    def _derive(
        self,
        promise: str,
        check: Callable[Arguments, Iterable[Finding]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> None:
        """Check entries of the manifest, which one of another version may lack."""

        def derived() -> Iterator[Finding]:
            try:
                yield from check(*args, **kwargs)
            except pages.FOREIGN as error:
                yield pages.of_another_version(MANIFEST_FILE, promise, error)

        self._check(MANIFEST_FILE, promise, derived)

    def note(self, findings: Iterable[Finding]) -> None:
        """Keep what is broken apart from what can't be checked here."""
        for finding in findings:
            if isinstance(finding, Unable):
                self.unable.append(finding)
            else:
                self.broken.append(finding)

    def _config(
        self, config: str, splits: dict[str, list[Path]], table: Table, ours: bool
    ) -> pd.DataFrame | None:
        """Check a config's files; return what goes across files needs, if they can be read."""
        parts = {split: self._split(config, split, of, table) for split, of in splits.items()}
        index = index_file(self.release, config)
        index_name = self._label([index])
        stated = self.manifest["content"].get(config, {}).values()
        claimed = sum(facts["rows"] for facts in stated)
        whole = (
            self._check(
                index_name, "index", claims.check_claims, [index], index_name, claimed, "index"
            )
            and self._file(index, index_table(table[table.key]))
            and self._read([index]) is not None
        )
        tables = {
            self._label(splits[split]): part for split, part in parts.items() if part is not None
        }
        if len(tables) < len(splits) or not ours:
            return None
        # All values at once, which is faster; file by file only to name those that are wrong.
        broken = list(safely("", "bounds", rows.check_values, tables.values(), "", table))
        for name, part in tables.items() if broken else ():
            self._check(name, "bounds", rows.check_values, [part], name, table)
        self._looked_at("bounds")
        try:
            data = rows.read_rows(tables, splits, table)
        except Exception as error:  # readers of damaged files raise anything
            self.note([unreadable(index_name, "index", error)])
            return None
        if whole:
            declared = index_table(table[table.key])
            self._check(index_name, "index", rows.check_index, self.release, config, data, declared)
        return data

    def _split(self, config: str, split: str, paths: list[Path], table: Table) -> pa.Table | None:
        """Check a split's files but for the values; the rows, if they can be read."""
        name, stated = self._label(paths), self.manifest["content"].get(config, {}).get(split)
        size = self.sizes.setdefault(config, {}).setdefault(split, stated or {"rows": 0})
        claimed = self._check(name, "content", claims.check_claims, paths, name, size["rows"])
        if not claimed:  # what is more than was claimed is not read, there is no end to it
            return None
        sound = [self._file(path, table) for path in paths]
        data = self._read(paths) if all(sound) else None
        if data is None:
            return None
        self.sizes[config][split] = table_content(data)
        self.rows += len(data)
        self._check(name, "content", rows.check_content, self.sizes[config][split], name, size)
        return data

    def _file(self, path: Path, table: Table) -> bool:
        """Check what a parquet file says of its columns; whether they are those of the table."""
        name, letter = self._label([path]), {"to_the_letter": "words" in self.checked}
        sound = self._check(name, "columns", rows.check_columns, path, name, table)
        sound = sound and self._check(name, "content", claims.check_texts, path, name)
        letter["to_the_letter"] &= sound
        self._check(name, "footer", rows.check_footer, path, name, table, **letter)
        return sound

    def _read(self, paths: list[Path]) -> pa.Table | None:
        """Read files whose pages agree with their checksums; None, and a finding, if they don't."""
        self._looked_at("page_checksums")
        try:
            return read_split(paths)
        except Exception as error:  # readers of damaged files raise anything
            self.note([unreadable(self._label(paths), "page_checksums", error)])
            return None

    def _looked_at(self, promise: str) -> None:
        """Remember that a promise was looked at."""
        if promise not in self.checked:
            self.checked.append(promise)
            self.watch()

    def _label(self, paths: list[Path]) -> str:
        """What reports call the files of a split."""
        first = paths[0].relative_to(self.release).as_posix()
        return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"
