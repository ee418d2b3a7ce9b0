"""`transferz verify` finds what breaks a promise, under a manifest that was sealed anew too."""

import json
import os
import shutil
import subprocess
from dataclasses import replace

import flips
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from releases import build, read_manifest, read_rows, remake
from tampering import (
    at,
    copy,
    edit_json,
    edit_text,
    joined,
    reseal,
    rewrite,
    split_file,
    without,
)

from transferz.dataset.pipeline.manifest import seal
from transferz.dataset.pipeline.tables import write_parquet
from transferz.dataset.verify.findings import PROMISES
from transferz.dataset.verify.rows import check_footer
from transferz.dataset.verify.verifying import inspect, require_sound, verify
from transferz.schemas import RELEASE, ReleaseError
from transferz.schemas.survey import survey as survey_module
from transferz.schemas.survey.derived import votable_footer
from transferz.schemas.survey.files import data_files, json_text
from transferz.schemas.survey.survey import find_survey
from transferz.tables.files import write_json

CONFIGS = ("transferz", "galaxiesml", "combo", "truth")
TRAIN, TEST = split_file("transferz", "train"), split_file("transferz", "test")
PAGES = ("README.md", "CITATION.cff", "croissant.json", "MANIFEST.json")


@pytest.fixture
def release(small_release, tmp_path):
    """A copy to damage."""
    return copy(small_release, tmp_path)


def broken(release):
    """What is broken: (file, promise)."""
    return {(one.file, one.promise) for one in verify(release)}


def resealed(release, **kwargs):
    return broken(reseal(release, **kwargs))


def test_a_built_release_is_sound_and_every_promise_is_checked(small_release):
    report = inspect(small_release)
    assert report.broken == ()
    assert set(report.checked) == set(PROMISES) - {"hats"} and report.unchecked == ()
    total = sum(len(read_rows(small_release, config)) for config in CONFIGS)
    assert (report.rows, report.files) == (total, sum(1 for p in small_release.rglob("*.*")))
    assert report.text().count("\n") == 1 and ": sound; " in report.text()
    assert require_sound(small_release) == report


def test_sealing_anew_without_a_change_breaks_nothing(release):
    before = {path: path.read_bytes() for path in release.rglob("*") if path.is_file()}
    assert resealed(release) == set()
    assert {path: path.read_bytes() for path in release.rglob("*") if path.is_file()} == before


def test_splits_by_blocks_of_sky(tmp_path):
    release = build(tmp_path / "data", scheme="sky_block")
    report = inspect(release)
    assert report.broken == () and "own_split" in report.checked
    put(release, "transferz", "test", take(release, "transferz", "train", 7))
    assert {(TEST, "one_split"), (TEST, "own_split")} <= resealed(release)


def publish(manifest):
    manifest["parameters"]["split"]["scheme"] = "published"


def test_published_splits_are_the_authors_own_tables_alone(release):
    """Else an object could be in any split, as long as it is so in every config."""
    edit_json(release, "MANIFEST.json", publish)
    assert ("MANIFEST.json", "own_split") in resealed_files(release)


def test_published_splits_cannot_be_checked_which_is_said(release):
    shutil.rmtree(release / "truth")
    (release / "_index/truth.index").unlink()
    edit_json(release, "MANIFEST.json", publish)
    sources = {"transferz": "transferz", "galaxiesml": "galaxiesml"}
    authors = {"version": "1.0.0", "survey": "authors", "mock": False, "sources": sources}
    edit_json(release, "MANIFEST.json", lambda manifest: manifest.update(authors))
    edit_json(release, "MANIFEST.json", lambda manifest: manifest["configs"].pop("truth"))
    report = inspect(reseal(release))
    assert {one.file for one in report.broken} == set(PAGES)  # they are a mock's
    (lacking,) = report.unable  # and so are the counts
    assert (lacking.file, lacking.promise) == ("MANIFEST.json", "counts")
    assert (
        report.unchecked == ("counts", "own_split", "figures", "words")
        and "truth" not in report.checked
    )
    sound = replace(report, broken=(), unable=(), unchecked=("own_split",))
    assert ": sound; " in sound.text() and sound.text().endswith("; not checked: own_split\n")


def test_a_release_with_a_real_name_and_without_positions_is_sound_too(small_release, tmp_path):
    """As the table that the authors published, which gives none."""
    spectroscopic = read_rows(small_release, "galaxiesml")["object_id"]

    def edit(config, rows):
        bare = (config == "transferz") | ~rows["object_id"].isin(spectroscopic)
        return rows.assign(ra=rows["ra"].where(~bare), dec=rows["dec"].where(~bare))

    release = remake(small_release, tmp_path / "transferz", edit=edit)
    assert read_rows(release, "transferz")["ra"].isna().all()
    report = inspect(release)
    assert report.broken == () and report.unchecked == ()
    assert set(PROMISES) - set(report.checked) == {"truth", "hats"}


# Damage that the hashes show.


def test_500_flipped_bytes_are_found_each_in_its_file(release):
    tally = flips.campaign(release, 500, seed=1)
    assert (tally.flips.total(), tally.missed) == (500, 0), tally.report()
    assert all(tally.flips[page] >= 25 for page in PAGES)


def test_every_byte_of_the_manifest_counts(release):
    """White space, too: what JSON reads the same is not the same manifest."""
    path = release / "MANIFEST.json"
    good = path.read_bytes()
    changed = json_text(json.loads(good) | {"date": "2000-01-01"}).encode()
    for text in (good + b"\n", good.replace(b": ", b":", 1), good[:-1], b" " + good, changed):
        path.write_bytes(text)
        assert broken(release) == {("MANIFEST.json", "manifest")}


def nothing(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def other_bytes(path):
    path.write_bytes(b"\xff\xfe\x00 not UTF-8 \xc3" * 9)


def directory(path):
    path.unlink()
    path.mkdir()


def link_to_a_directory(path):
    path.unlink()
    path.symlink_to(path.parent)


def endless_link(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def dangling_link(path):
    path.unlink()
    path.symlink_to("nowhere")


def pipe(path):
    path.unlink()
    os.mkfifo(path)


DAMAGES = (
    nothing,
    empty,
    truncated,
    other_bytes,
    directory,
    link_to_a_directory,
    dangling_link,
    endless_link,
    pipe,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", ["MANIFEST.json", "README.md", TRAIN])
def test_a_file_that_is_none_of_its_kind_is_named(release, name, damage):
    damage(release / name)
    promise = "manifest" if name == "MANIFEST.json" else "files"
    assert (name, promise) in broken(release)


@pytest.mark.parametrize("damage", [nothing, empty, other_bytes])
def test_so_it_is_when_the_manifest_lists_the_damage(release, damage):
    names = (*PAGES[:3], TRAIN, "_index/combo.index")
    for name in names:
        damage(release / name)
    found = resealed_files(release)
    expected = set(names) - ({TRAIN} if damage is nothing else set())
    assert expected <= {name for name, _ in found}
    assert {promise for _, promise in found} <= set(PROMISES)


def resealed_files(release):
    """Only the hashes of the files are made right: for damage that nothing can be read of."""
    manifest = read_manifest(release)
    (release / "MANIFEST.json").unlink()
    write_json(release / "MANIFEST.json", seal(manifest, release))
    return broken(release)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '{"files": 7}', '{"a": NaN}', "[" * 100_000, '{"a": "\\ud800"}'),
        '{"sha256": "' + "0" * 64 + '"}',
    ],
    ids=str,
)
def test_a_manifest_of_another_kind_is_a_finding(release, text):
    (release / "MANIFEST.json").write_text(text, encoding="utf-8")
    assert broken(release) == {("MANIFEST.json", "manifest")}


ENTRIES = {
    "content": [],
    "columns": {"ra": 7},
    "files": {"README.md": {"sha256": 1}},
    "parameters": {},
    "mock": "yes",
    "version": "1.0.0",
    "survey": "cosmos2020",
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_so_is_one_that_is_sealed_but_makes_no_sense(release, entry):
    manifest = read_manifest(release) | {entry: ENTRIES[entry]}
    files = manifest["files"]
    (release / "MANIFEST.json").unlink()
    sealed = seal(manifest, release) | ({"files": files} if entry == "files" else {})
    sealed = sealed | {"sha256": seal_of(sealed)}
    write_json(release / "MANIFEST.json", sealed)
    assert broken(release) == {("MANIFEST.json", "manifest")}


def seal_of(manifest):
    from transferz.schemas.survey.files import self_digest

    return self_digest(manifest)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a\\b", "./README.md", "a//b", ""])
def test_a_name_that_leads_out_is_refused_and_not_read(release, name):
    manifest = read_manifest(release)
    manifest["files"][name] = {"sha256": "0" * 64, "bytes": 1}
    write_json(release / "MANIFEST.json", manifest | {"sha256": seal_of(manifest)})
    assert broken(release) == {(name, "files")}


@pytest.mark.parametrize(
    "name",
    [
        *("transferz/extra.parquet", "combo/notes.txt", "truth/deep/notes.txt"),
        *(".huggingface.yaml", "dataset_infos.json", "transferz.py"),
    ],
)
def test_a_file_that_could_be_read_as_the_releases_is_found(release, name):
    (release / name).parent.mkdir(exist_ok=True)
    (release / name).write_text("more", encoding="utf-8")
    named = "truth/deep/" if "deep" in name else name
    assert broken(release) == {(named, "files")}


def test_what_lies_beside_a_release_is_named_and_breaks_nothing(release):
    """A clone's folder and what else machines and people leave."""
    beside = [
        *(".git/objects/ab/cd", ".git/HEAD", ".gitattributes", ".cache/huggingface/lock"),
        *(".DS_Store", "combo/.DS_Store", "figures/._flow.png", "figures/more.png"),
        *("LICENSE", "notes/a/b.txt", "backup/train-00000-of-00001.parquet"),
    ]
    for name in beside:
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).write_text("more", encoding="utf-8")
    (release / "more").symlink_to(release.parent)
    report = inspect(release)
    assert report.sound
    assert report.others == (
        *(".DS_Store", ".cache/", ".git/", ".gitattributes", "LICENSE", "backup/"),
        *("combo/.DS_Store", "figures/._flow.png", "figures/more.png", "more", "notes/"),
    )
    assert report.text().endswith(
        "; beside it, of no release: .DS_Store, .cache/, .git/ and 8 more\n"
    )
    assert report.text().count("\n") == 1


@pytest.mark.parametrize(
    "name",
    [
        *(
            "transferz.py",
            "x.pkl",
            "evil.parquet",
            "combo/train-0.parquet",
            "combo/index.parquet",
        ),
        *("combo/TRAIN-00000-of-00001.parquet", "other/train-00000-of-00001.parquet"),
        *("figures/sub/x.png", "dataset_infos.json", ".huggingface.yaml"),
    ],
)
def test_a_file_that_is_no_part_of_a_release_is_found_though_listed(release, name):
    (release / name).parent.mkdir(exist_ok=True)
    (release / name).write_text("more", encoding="utf-8")
    assert resealed_files(release) == {(name, "files")}


def test_a_folder_that_is_a_link_is_found(release):
    (release / "combo").rename(release.parent / "combo")
    (release / "combo").symlink_to(release.parent / "combo")
    assert ("combo", "files") in broken(release)


def test_files_that_are_links_are_read(release):
    """As DVC keeps them (``cache.type``), and the Hub's client in its cache."""
    blobs = release.parent / "blobs"
    blobs.mkdir()
    for number, path in enumerate(sorted(release.rglob("*.*"))):
        path.rename(blobs / str(number))
        path.symlink_to(blobs / str(number))
    assert inspect(release).sound and not inspect(release).others
    (blobs / "0").write_bytes(b"other")
    before = (blobs / "1").rename(blobs / "moved")
    first, second = sorted(release.rglob("*.*"))[:2]
    assert second.name == "MANIFEST.json"
    assert verify(release)[0].found.startswith("a link to what is not there")
    second.unlink()
    shutil.copy(before, second)
    assert broken(release) == {(first.name, "files")}


def test_a_pointer_of_git_lfs_is_called_one(release):
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n"
    (release / TRAIN).write_text(text, encoding="utf-8")
    (finding,) = verify(release)
    assert (finding.file, finding.promise) == (TRAIN, "files") and "`git lfs pull`" in finding.found
    (release / "MANIFEST.json").write_text(text, encoding="utf-8")
    assert "`git lfs pull`" in str(verify(release)[0])


@pytest.mark.parametrize("name", ["README.md", "MANIFEST.json", "CITATION.cff"])
def test_line_ends_of_windows_are_called_so(release, name):
    path = release / name
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (finding,) = verify(release)
    assert finding.file == name and "CRLF" in finding.found
    assert "`git clone -c core.autocrlf=false`" in finding.found


def test_the_remedy_for_line_ends_works(release, tmp_path):
    """A repository of a release, cloned as git for Windows does it, and as the finding says."""
    git = shutil.which("git")
    if not git:
        pytest.skip("git is not installed")

    def run(*words):
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run([git, *who, *map(str, words)], check=True, capture_output=True)

    run("-C", release, "init")
    run("-C", release, "add", ".")
    run("-C", release, "commit", "-m", "x")
    run("clone", "-c", "core.autocrlf=true", release, tmp_path / "windows")
    assert "CRLF" in str(verify(tmp_path / "windows")[0])
    run("clone", "-c", "core.autocrlf=false", release, tmp_path / "plain")
    report = inspect(tmp_path / "plain")
    assert report.sound and report.others == (".git/",)


def test_what_is_no_release_is_reported(tmp_path):
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    assert broken(tmp_path) == {("MANIFEST.json", "manifest")}
    with pytest.raises(ReleaseError, match="is no directory"):
        verify(tmp_path / "notes.txt")


def test_require_sound_names_files_and_promises(release):
    for name in PAGES[:3]:
        empty(release / name)
    empty(release / TRAIN)
    with pytest.raises(ReleaseError, match=r"README\.md: files: .*and 1 more: `transferz verify"):
        require_sound(release)


# Edits under a manifest that was sealed anew: hashes, sizes, content and indices are right again.


def take(release, config, source, row):
    """Take a row out of a split; return it."""
    table = pq.read_table(release / split_file(config, source))
    taken = table.slice(row, 1)
    rewrite(release, split_file(config, source), lambda table: without(table, row))
    return taken


def put(release, config, target, row):
    rewrite(
        release,
        split_file(config, target),
        lambda table: joined(table, row.cast(table.schema)).sort_by("object_id"),
    )


def test_a_row_moved_between_splits_in_one_config(release):
    put(release, "transferz", "test", take(release, "transferz", "train", 7))
    found = resealed(release)
    assert {(TEST, "own_split"), (TEST, "one_split"), ("README.md", "card")} <= found


def test_a_row_moved_between_splits_in_all_configs(release):
    shared = set.intersection(
        *(
            set(read_rows(release, c).query("split == 'train'").object_id)
            for c in CONFIGS
            if c != "galaxiesml"
        )
    )
    chosen = min(shared)
    for config in CONFIGS:
        ids = pq.read_table(release / split_file(config, "train"))["object_id"].to_pylist()
        if chosen in ids:
            put(release, config, "test", take(release, config, "train", ids.index(chosen)))
    found = resealed(release)
    assert {(split_file(c, "test"), "own_split") for c in ("transferz", "combo", "truth")} <= found
    assert not {one for one in found if one[1] == "one_split"}  # consistent, and yet wrong


def test_a_repeated_object(release):
    rewrite(release, TRAIN, lambda table: joined(table, table.slice(3, 1)).sort_by("object_id"))
    found = resealed(release)
    assert {(TRAIN, "unique_ids"), (TRAIN, "bounds")} <= found


def test_an_object_repeated_in_another_split(release):
    row = pq.read_table(release / TRAIN).slice(3, 1)
    put(release, "transferz", "test", row)
    found = resealed(release)
    assert {(TEST, "unique_ids"), (TRAIN, "unique_ids"), (TEST, "own_split")} <= found


def test_a_dropped_row(release):
    take(release, "combo", "train", 5)
    assert {promise for _, promise in resealed(release)} == {"combo", "card", "quality"}


def test_two_labels_swapped_with_the_index_as_it_was(release):
    swap_labels(release)
    found = resealed(release, index=False)
    assert ("_index/transferz.index", "index") in found


def test_two_labels_swapped_and_the_index_made_anew(release):
    swap_labels(release)
    found = resealed(release)
    assert ("_index/transferz.index", "index") not in found
    assert {promise for _, promise in found} == {"combo", "card", "quality"}  # it names the content


def swap_labels(release):
    def change(table):
        first, second = (table["redshift"][k].as_py() for k in (100, 101))
        assert first != second
        return at(at(table, "redshift", 100, second), "redshift", 101, first)

    rewrite(release, TRAIN, change)


def test_a_close_pair_in_two_splits(release):
    """An object is put beside one of another split, in every config that has it."""
    train = pq.read_table(release / TRAIN)
    place = {name: train[name][50].as_py() for name in ("ra", "dec")}
    moved = pq.read_table(release / TEST)["object_id"][10].as_py()
    for config in CONFIGS:
        name = split_file(config, "test")
        ids = pq.read_table(release / name)["object_id"].to_pylist()
        if moved in ids:
            row = ids.index(moved)
            rewrite(release, name, lambda t, row=row: at(t, "ra", row, place["ra"]))
            rewrite(release, name, lambda t, row=row: at(t, "dec", row, place["dec"] + 1e-4))
    found = resealed(release)
    assert any(promise == "apart" for _, promise in found)
    assert any(promise == "groups" for _, promise in found)
    assert ("_index/transferz.index", "index") not in found


def test_a_wrong_group(release):
    other = pq.read_table(release / TEST)["group_id"][0].as_py()
    rewrite(release, TRAIN, lambda table: at(table, "group_id", 0, other))
    assert {(TRAIN, "groups"), (TRAIN, "apart")} <= resealed(release)


def test_a_value_out_of_its_bounds(release):
    rewrite(release, TEST, lambda table: at(table, "g_cmodel_mag", 0, 77.0))
    (finding,) = (one for one in verify(reseal(release)) if one.promise == "bounds")
    assert finding.file == TEST and "'g_cmodel_mag'" in finding.found and "<= 50" in finding.found


def test_a_label_of_another_kind(release):
    rewrite(release, TEST, lambda table: at(table, "redshift_kind", 0, "spectroscopic"))
    assert (TEST, "labels") in resealed(release)


@pytest.mark.parametrize("column", ["redshift", "ra"])
def test_a_truth_that_is_edited(release, column):
    name = split_file("truth", "train")
    rewrite(release, name, lambda table: at(table, column, 0, 1.25))
    assert (name, "truth") in resealed(release)


def test_a_dropped_column(release):
    rewrite(release, TRAIN, lambda table: table.drop_columns("specz_name"))
    report = inspect(reseal(release, index=False))
    assert (TRAIN, "columns") in {(one.file, one.promise) for one in report.broken}
    assert any("no column 'specz_name'" in one.found for one in report.broken)
    assert "combo" in report.unchecked and "; not checked: " in report.text()


@pytest.mark.parametrize("promised", [True, False], ids=["manifest too", "files alone"])
def test_a_column_dropped_everywhere(release, promised):
    for config, splits in data_files(release).items():
        for split in splits:
            name = split_file(config, split)
            rewrite(release, name, lambda table: table.drop_columns("specz_name"))
    if promised:
        edit_json(release, "MANIFEST.json", lambda m: m["columns"].pop("specz_name"))
    found = resealed(release)
    if promised:
        wanted = {("MANIFEST.json", "declaration"), ("croissant.json", "croissant")}
        assert wanted | {(TRAIN, "footer")} <= found
        assert (TRAIN, "columns") not in found
    else:
        assert (TRAIN, "columns") in found


def test_columns_in_another_order(release):
    path = release / TRAIN
    table, footer = pq.read_table(path), pq.read_metadata(path).metadata
    names = [*table.column_names[1::-1], *table.column_names[2:]]
    rewrite(release, TRAIN, lambda table: table.select(names))
    found = resealed(release, index=False)
    assert (TRAIN, "columns") in found and (TRAIN, "footer") not in found  # it is the old one
    other = votable_footer(replace(RELEASE, columns=tuple(RELEASE[name] for name in names)))
    assert other.keys() == {key.decode() for key in footer}
    write_parquet([table.select(names)], path, table.select(names).schema, other)
    assert {(TRAIN, "columns"), (TRAIN, "footer")} <= resealed(release, index=False)


def test_a_column_of_another_type(release):
    def wider(table):
        at = table.column_names.index("redshift")
        return table.set_column(at, "redshift", table["redshift"].cast(pa.float64()))

    rewrite(release, TRAIN, wider)
    assert (TRAIN, "columns") in resealed(release)


def test_a_unit_in_the_footer(release):
    path = release / TRAIN
    table = pq.read_table(path)
    footer = {key.decode(): one.decode() for key, one in pq.read_metadata(path).metadata.items()}
    changed = {key: one.replace('unit="deg"', 'unit="rad"', 1) for key, one in footer.items()}
    assert changed != footer
    write_parquet([table], path, table.schema, changed)
    assert resealed(release, index=False) == {(TRAIN, "footer")}
    write_parquet([table], path, table.schema)
    (finding,) = check_footer(path, TRAIN, RELEASE)
    assert finding.found == "none"


def test_a_unit_in_croissant(release):
    edit_text(release, "croissant.json", ('"unitText": "deg"', '"unitText": "rad"'))
    assert resealed(release) == {("croissant.json", "croissant")}


@pytest.mark.parametrize(("fact", "value"), [("unit", "rad"), ("dtype", "float32")])
def test_a_unit_in_the_manifest(release, fact, value):
    edit_json(release, "MANIFEST.json", lambda m: m["columns"]["ra"].update({fact: value}))
    assert ("MANIFEST.json", "declaration") in resealed(release)


def declare(monkeypatch, table):
    """Let the package declare other columns of the mock's releases."""
    other = find_survey("mock").model_copy()
    other.__dict__["release"] = table  # a cached property
    real = survey_module.find_survey
    monkeypatch.setattr(
        survey_module, "find_survey", lambda name: other if name == "mock" else real(name)
    )


def test_a_better_description_is_no_broken_promise(release, monkeypatch):
    """The package moves on; a release that was sound stays so."""
    better = tuple(replace(one, description="Better.") for one in RELEASE)
    declare(monkeypatch, replace(RELEASE, columns=better))
    report = inspect(release)
    assert report.sound and report.unchecked == ("words",)


def test_a_release_of_other_declarations_says_so_once(release, monkeypatch):
    """As an older package's would look to this one."""
    more = (*RELEASE.columns, replace(RELEASE["ra"], name="new_column"))
    declare(monkeypatch, replace(RELEASE, columns=more))
    (finding,) = verify(release)
    assert (finding.file, finding.promise) == ("MANIFEST.json", "declaration")
    assert "without new_column" in finding.found and "another version" in finding.expected


def test_an_edited_card(release):
    """Through everything, once; the edits one by one below."""
    rows = read_manifest(release)["content"]["transferz"]["train"]["rows"]
    edit_text(
        release,
        "README.md",
        ("license: cc-by-4.0", "license: mit"),
        ("2.0.0+mock\n", "2.0.1+mock\n"),
        (f" {rows:,} |", f" {rows + 7:,} |"),
    )
    findings = verify(reseal(release))
    assert {(one.file, one.promise) for one in findings} == {("README.md", "card")}
    found = [one.found for one in findings]
    title, row = "in 'the opening': '# TransferZ (mock) 2.0.1+mock'", "in 'Configs and splits': '"
    assert found[:2] == ["license: mit", title]
    assert len(found) == 3 and found[2].startswith(row) and f" {rows + 7:,} |" in found[2]
    assert f" {rows:,} |" in findings[2].expected


def test_an_edited_citation(release):
    edit_text(release, "CITATION.cff", ("version: 2.0.0+mock", "version: 2.0.0"))
    pages = {("croissant.json", "croissant"), ("README.md", "card")}  # which cite it
    assert resealed(release) == {("CITATION.cff", "citation")} | pages


def test_a_page_that_differs_from_its_checksum(release):
    """The bytes of a page change and every hash of the file is made right again."""
    good = (release / TRAIN).read_bytes()
    column = pq.read_metadata(release / TRAIN).row_group(0).column(1)
    flips.flip(release / TRAIN, column.data_page_offset + column.total_compressed_size // 2, 1)
    assert (release / TRAIN).read_bytes() != good
    assert (TRAIN, "page_checksums") in resealed_files(release)


def test_so_it_is_in_an_index_under_another_declaration(release):
    """Then the values of an index are not looked at, but its pages are."""
    name = "_index/combo.index"
    column = pq.read_metadata(release / name).row_group(0).column(0)
    flips.flip(release / name, column.data_page_offset + column.total_compressed_size // 2, 1)
    edit_json(release, "MANIFEST.json", lambda m: m["columns"]["ra"].update(ucd="pos.eq"))
    found = resealed_files(release)
    assert {(name, "page_checksums"), ("MANIFEST.json", "declaration")} <= found


def test_a_file_that_states_its_nulls_otherwise(release):
    """As another program writes it: the same rows, which take more bytes in memory."""

    def change(table):
        return table.cast(pa.schema([field.with_nullable(True) for field in table.schema]))

    rewrite(release, TRAIN, change)
    findings = verify(reseal(release))
    assert {(one.file, one.promise) for one in findings} == {("README.md", "card")}
    assert all("bytes" in one.found or "dataset_size" in one.found for one in findings)


def test_an_index_of_other_rows(release):
    shutil.copy(release / "_index/galaxiesml.index", release / "_index/combo.index")
    assert ("_index/combo.index", "index") in resealed(release, index=False)


def test_a_config_that_is_gone(release):
    shutil.rmtree(release / "combo")
    assert ("MANIFEST.json", "manifest") in resealed(release)  # which names it as the union
    (release / "_index/combo.index").unlink()
    edit_json(release, "MANIFEST.json", lambda manifest: manifest["configs"].pop("union"))
    assert ("MANIFEST.json", "configs") in resealed(release)


def test_a_truth_in_a_release_that_is_no_mock(release):
    def real(manifest):
        manifest.update(version="1.0.0", mock=False, survey="cosmos2020")

    edit_json(release, "MANIFEST.json", real)
    assert ("MANIFEST.json", "configs") in resealed(release)


def test_the_content_hash_is_computed_not_believed(release):
    def change(manifest):
        manifest["content"]["combo"]["test"]["content"] = "sha256:" + "0" * 64

    edit_json(release, "MANIFEST.json", change)
    manifest = read_manifest(release)
    write_json(release / "MANIFEST.json", manifest | {"sha256": seal_of(manifest)})
    assert broken(release) == {(split_file("combo", "test"), "content")}


def test_the_counts_of_the_build_are_compared_too(release):
    def change(manifest):
        manifest["counts"]["release"]["rows_out"]["combo"]["test"] += 1

    edit_json(release, "MANIFEST.json", change)
    manifest = read_manifest(release)
    write_json(release / "MANIFEST.json", manifest | {"sha256": seal_of(manifest)})
    assert broken(release) == {("MANIFEST.json", "counts")}


def test_findings_are_one_printable_line_each(release):
    name = "combo/odd\nname\x1b[2J"
    (release / name).write_text("", encoding="utf-8")
    text = inspect(release).text()
    assert text.count("\n") == 2 and "\x1b" not in text
    with pytest.raises(ReleaseError) as error:
        require_sound(release)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("seed", range(2))
def test_random_damage_never_escapes_as_an_error(release, seed):
    """Bytes anywhere change and the files' hashes are made right: a report, whatever comes."""
    rng = np.random.default_rng(seed)
    for name, offset in flips.places(release, 40, rng):
        if name != "MANIFEST.json":
            flips.flip(release / name, offset, int(rng.integers(1, 256)))
    assert resealed_files(release)
