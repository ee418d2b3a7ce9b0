"""Versions of a release: what changed between two, and whether the number says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transferz.dataset.splits.hashing import hash_rows
from transferz.dataset.versions.diff import (
    LISTED,
    STEPS,
    actual_step,
    diff,
    diff_rows,
    next_version,
    read_snapshot,
    refusal,
    require_step,
)
from transferz.schemas import ReleaseError
from transferz.schemas.survey.files import Version
from transferz.tables.files import write_json

COLUMNS = {
    "object_id": {"dtype": "int64", "unit": ""},
    "value": {"dtype": "float64", "unit": "mag"},
}
VERSIONS = {"none": "1.2.3", "patch": "1.2.4", "minor": "1.3.0", "major": "2.0.0"}
OLD = "1.2.3"


def rows(ids=range(10), **columns) -> pd.DataFrame:
    """Rows of one config; even ids are in train, odd ones in test."""
    ids = np.array(list(ids), dtype="int64")
    frame = pd.DataFrame({"object_id": ids, "value": ids + 0.5} | columns)
    return frame.assign(split=np.where(ids % 2, "test", "train"))


def write(to: Path, version: str, columns=COLUMNS, **configs: pd.DataFrame) -> Path:
    """What versions are compared by, in the layout of a release: mock rows of two columns."""
    (to / "_index").mkdir(parents=True)
    for config, frame in configs.items():
        (to / config).mkdir()
        index = []
        for split, part in frame.groupby("split", sort=True):
            table = pa.Table.from_pandas(part.drop(columns="split"), preserve_index=False)
            pq.write_table(table, to / config / f"{split}-00000-of-00001.parquet")
            hashes = hash_rows(table).view("int64")
            index.append(part[["object_id", "split"]].assign(row_hash=hashes))
        listed = pa.Table.from_pandas(pd.concat(index), preserve_index=False)
        pq.write_table(listed, to / f"_index/{config}.index")
    write_json(to / "MANIFEST.json", {"version": version, "columns": columns, "sha256": version})
    return to


def column(name, **change):
    return COLUMNS | {name: COLUMNS.get(name, COLUMNS["value"]) | change}


def changed(frame):
    return frame.assign(value=frame["value"].where(frame["object_id"] != 4, 9.0))


def moved(frame):
    return frame.assign(split=frame["split"].where(frame["object_id"] != 4, "validation"))


KINDS = {
    "the same": ("none", {"transferz": rows()}, COLUMNS),
    "pages": ("patch", {"transferz": rows()}, COLUMNS),
    "rows added": ("minor", {"transferz": rows(range(12))}, COLUMNS),
    "config added": ("minor", {"transferz": rows(), "combo": rows()}, COLUMNS),
    "column added": ("minor", {"transferz": rows(more=1.0)}, column("more")),
    "rows removed": ("major", {"transferz": rows(range(9))}, COLUMNS),
    "rows exchanged": ("major", {"transferz": rows(range(1, 11))}, COLUMNS),
    "row changed": ("major", {"transferz": changed(rows())}, COLUMNS),
    "row moved": ("major", {"transferz": moved(rows())}, COLUMNS),
    "config removed": ("major", {"combo": rows()}, COLUMNS),
    "column dropped": (
        "major",
        {"transferz": rows().drop(columns="value")},
        {"object_id": COLUMNS["object_id"]},
    ),
    "unit changed": ("major", {"transferz": rows()}, column("value", unit="deg")),
    "type changed": ("major", {"transferz": rows()}, column("value", dtype="float32")),
    "column added, row changed": ("major", {"transferz": changed(rows(more=1.0))}, column("more")),
    "column added, row moved": ("major", {"transferz": moved(rows(more=1.0))}, column("more")),
    "column and row added": ("minor", {"transferz": rows(range(12), more=1.0)}, column("more")),
}


def versions_of(tmp_path, kind, version):
    needed, configs, columns = KINDS[kind]
    old = read_snapshot(write(tmp_path / "old", OLD, transferz=rows()))
    new = read_snapshot(write(tmp_path / "new", version, columns, **configs))
    return old, new, needed


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_change_needs_its_step_and_may_have_a_greater_one(tmp_path, kind):
    old, latest, needed = versions_of(tmp_path, kind, "3.0.0")
    for number, (step, version) in enumerate(VERSIONS.items()):
        digest = old.digest if (kind, step) == ("the same", "none") else latest.digest
        new = replace(latest, version=Version.parse(version), digest=digest)
        changes = diff(old, new)
        found = changes.step
        assert found == (needed if digest == old.digest else max(needed, "patch", key=STEPS.index))
        allowed = number >= STEPS.index(needed)
        if allowed:
            require_step(old, new, changes)
        else:
            would_do = next_version(old.version, needed)
            with pytest.raises(ReleaseError, match=rf"needs a {needed.upper()} step.*make it "):
                require_step(old, new, changes)
            assert refusal(old, new, changes).endswith(f"make it {would_do}")
        assert step == actual_step(old.version, new.version)


@pytest.mark.parametrize("kind", ["the same", "rows added", "row moved"])
def test_an_older_version_is_refused_whatever_changed(tmp_path, kind):
    old, new, _ = versions_of(tmp_path, kind, "1.2.2")
    with pytest.raises(ReleaseError, match=r"version 1\.2\.2 is older than 1\.2\.3 .*; make it "):
        require_step(old, new, diff(old, new))


def test_a_refusal_says_what_changed_with_counts(tmp_path):
    frame = moved(changed(rows(range(1, 12))))
    old = read_snapshot(write(tmp_path / "old", OLD, transferz=rows(), combo=rows()))
    new = read_snapshot(write(tmp_path / "new", "1.3.0", transferz=frame, truth=rows()))
    said = refusal(old, new, diff(old, new))
    for part in (
        *("rows removed: 1 in transferz", "rows moved: 1 in transferz", "make it 2.0.0"),
        *("rows changed: 1 in transferz", "rows added: 2 in transferz", "configs removed: combo"),
        *("configs added: truth", "a MINOR step after 1.2.3", "needs a MAJOR step"),
    ):
        assert part in said


def test_a_column_that_changes_is_named_with_both_units(tmp_path):
    old, new, _ = versions_of(tmp_path, "unit changed", "1.2.4")
    changes = diff(old, new)
    assert changes.columns_changed == {"value": "float64 in mag -> float64 in deg"}
    assert "changed" not in set(changes.rows["what"])  # what is named once is not counted again


@pytest.mark.parametrize("versions", [("1.0.0+mock", "1.1.0"), ("1.0.0", "1.1.0+mock")])
def test_mock_and_real_are_no_versions_of_one_another(tmp_path, versions):
    old, new = (
        read_snapshot(write(tmp_path / version, version, transferz=rows())) for version in versions
    )
    with pytest.raises(ReleaseError, match="one is a mock, the other is not"):
        diff(old, new)


def test_a_mock_is_told_a_mock_version(tmp_path):
    old = read_snapshot(write(tmp_path / "old", "1.0.0+mock", transferz=rows()))
    new = read_snapshot(write(tmp_path / "new", "1.0.1+mock", transferz=rows(range(11))))
    assert refusal(old, new, diff(old, new)).endswith("make it 1.1.0+mock")


DAMAGES = {
    "manifest gone": lambda r: (r / "MANIFEST.json").unlink(),
    "manifest cut": lambda r: (r / "MANIFEST.json").write_text("{"),
    "manifest empty": lambda r: (r / "MANIFEST.json").write_text("{}"),
    "columns a list": lambda r: write_json(
        r / "MANIFEST.json", {"version": OLD, "columns": [], "sha256": ""}
    ),
    "no version": lambda r: write_json(
        r / "MANIFEST.json", {"version": "one", "columns": {}, "sha256": ""}
    ),
    "index gone": lambda r: (r / "_index/transferz.index").unlink(),
    "index cut": lambda r: (r / "_index/transferz.index").write_bytes(b"PAR1"),
    "index twice": lambda r: pq.write_table(
        pa.concat_tables([pq.read_table(r / "_index/transferz.index")] * 2),
        r / "_index/transferz.index",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_release_is_refused_in_one_sentence(tmp_path, damage):
    release = write(tmp_path / "old", OLD, transferz=rows())
    DAMAGES[damage](release)
    with pytest.raises(ReleaseError, match="is no release that is whole") as error:
        read_snapshot(release)
    assert str(release) in str(error.value)


@pytest.mark.parametrize("damage", ["cut", "column", "ids", "rows"])
def test_data_that_are_needed_and_damaged_are_named(tmp_path, damage):
    """Where columns were added, rows are compared by the data: these must be readable."""
    old, new, _ = versions_of(tmp_path, "column added", "1.3.0")
    path = new.path / "transferz/test-00000-of-00001.parquet"
    table = pq.read_table(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:50])
    elif damage == "rows":  # more than the file has bytes
        many = pa.concat_tables([table.slice(0, 1)] * 200_000).combine_chunks()
        pq.write_table(many, path, compression="zstd")
        assert path.stat().st_size < 200_000
    else:
        pq.write_table(table.drop_columns("value") if damage == "column" else table.slice(1), path)
    with pytest.raises(ReleaseError, match="get the release anew"):
        diff(old, new)


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        *(("1.0.0", "1.0.0", "none"), ("1.0.0", "1.0.1", "patch"), ("1.0.9", "1.0.10", "patch")),
        *(("1.0.5", "1.1.0", "minor"), ("1.9.0", "1.10.2", "minor"), ("1.9.9", "2.0.0", "major")),
        *(("0.1.0", "0.2.0", "minor"), ("2.0.0", "1.9.9", None), ("1.0.1", "1.0.0", None)),
    ],
)
def test_steps(old, new, step):
    assert actual_step(Version.parse(old), Version.parse(new)) == step


FRAMES = st.dictionaries(
    st.integers(0, 12),
    st.tuples(st.sampled_from(["train", "validation", "calibration", "test"]), st.integers(0, 2)),
    max_size=12,
)


def index(content):
    ids = sorted(content)
    split = pd.array([content[one][0] for one in ids], dtype="string[pyarrow]")
    hashes = np.array([content[one][1] for one in ids], dtype="int64")
    ids = np.array(ids, dtype="int64")
    return pd.DataFrame({"object_id": ids, "split": split, "row_hash": hashes})


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(FRAMES, FRAMES)
def test_comparing_rows_agrees_with_a_naive_comparison(old, new):
    found = diff_rows(index(old), index(new), "combo")
    assert tuple(found.columns) == LISTED and found["object_id"].dtype == "int64"
    both = sorted(old.keys() & new.keys())
    wanted = [(one, "added", "", "") for one in sorted(new.keys() - old.keys())]
    wanted += [(one, "removed", "", "") for one in sorted(old.keys() - new.keys())]
    wanted += [(one, "changed", "", "") for one in both if old[one][1] != new[one][1]]
    splits = {one: (old[one][0], new[one][0]) for one in both}
    wanted += [(one, "moved", *pair) for one, pair in splits.items() if len(set(pair)) == 2]
    assert list(found.drop(columns="config").itertuples(index=False, name=None)) == wanted


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(FRAMES.filter(len), FRAMES.filter(len), st.booleans())
def test_comparing_releases_agrees_with_pandas(tmp_path_factory, old, new, more):
    """By the indices where the columns are equal, by the data where a column was added."""
    tmp_path = tmp_path_factory.mktemp("pair")

    def frame(content, **columns):
        values = {one: content[one][1] + 0.25 for one in content}
        ids = sorted(content)
        split = [content[one][0] for one in ids]
        return rows(ids, value=[values[one] for one in ids], **columns).assign(split=split)

    columns = column("more") if more else COLUMNS
    a, b = frame(old), frame(new, **({"more": 7.0} if more else {}))
    changes = diff(
        read_snapshot(write(tmp_path / "a", "1.0.0", transferz=a)),
        read_snapshot(write(tmp_path / "b", "2.0.0", columns, transferz=b)),
    )
    joined = a.merge(b, on="object_id", how="outer", suffixes=("_a", "_b"), indicator=True)
    both = joined[joined["_merge"] == "both"]
    counts = {
        "added": int((joined["_merge"] == "right_only").sum()),
        "removed": int((joined["_merge"] == "left_only").sum()),
        "moved": int((both["split_a"] != both["split_b"]).sum()),
        "changed": int((both["value_a"] != both["value_b"]).sum()),
    }
    assert changes.counts() == {"transferz": counts}
    major = counts["removed"] or counts["moved"] or counts["changed"]
    least = "major" if major else "minor" if counts["added"] or more else "patch"
    assert changes.step == least
    assert tuple(changes.rows.columns) == LISTED
    assert changes.rows["what"].value_counts().to_dict() == {k: n for k, n in counts.items() if n}
