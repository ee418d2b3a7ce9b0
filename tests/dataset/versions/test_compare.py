"""`transferz compare`: counts known by hand, and what must hold for any two releases."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz import cli
from transferz.dataset.pipeline.manifest import seal
from transferz.dataset.versions.compare import (
    compare,
    describe,
    differing,
    join_rows,
    label_statistics,
    read_config,
)
from transferz.dataset.versions.trace import UNEXPLAINED, find_build
from transferz.schemas import BANDS, ERRORS, MAGNITUDES, RELEASE, SPLITS, ReleaseError
from transferz.schemas.survey.columns import magnitude_name
from transferz.schemas.survey.files import file_digest, read_manifest
from transferz.schemas.survey.frames import to_arrow
from transferz.tables.files import write_json

COLUMN_OF = dict(zip(BANDS, MAGNITUDES, strict=True))


def rows(ids, *, split="train", redshift=0.5, kind="photometric", magnitude=22.0):
    """What is compared of a config, from scalars or one value per id."""
    frame = pd.DataFrame({"object_id": np.array(ids, dtype="int64")})
    frame = frame.assign(redshift=redshift, redshift_kind=kind, split=split)
    frame = frame.assign(**dict.fromkeys(MAGNITUDES, magnitude))
    return frame.astype(dict.fromkeys(("redshift", *MAGNITUDES), "float32"))


def write_release(place: Path, configs, counts=None, survey="mock") -> Path:
    """A release directory of the real layout; positions and the like null or invented."""
    for config, frame in configs.items():
        (place / config).mkdir(parents=True)
        full = frame.assign(
            **dict.fromkeys(ERRORS, np.float32(0.03)),
            **dict.fromkeys(("ra", "dec"), np.nan),
            **dict.fromkeys(("redshift_lo", "redshift_hi"), frame["redshift"]),
            cosmos_id=pd.array([pd.NA] * len(frame), dtype="Int64"),
            specz_name=None,
            group_id=frame["object_id"],
        )
        for split, part in full.groupby("split"):
            file = place / config / f"{split}-00000-of-00001.parquet"
            pq.write_table(to_arrow(part, RELEASE), file, write_page_checksum=True)
    mock = survey == "mock"
    version = "1.0.0+mock" if mock else "1.0.0"
    manifest = {"version": version, "survey": survey, "mock": mock, "counts": counts or {}}
    manifest["files"] = {
        path.relative_to(place).as_posix(): file_digest(path) for path in place.glob("*/*.parquet")
    }
    (place / "MANIFEST.json").write_text(json.dumps(manifest))
    return place


def write_stage(interim: Path, stage: str, catalogue: str = "", cuts=(), **tables):
    """A stage's folder: tables from keyword arguments, and its counts."""
    folder = interim / stage / catalogue
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in tables.items():
        pd.DataFrame(columns).to_parquet(folder / f"{name}.parquet", index=False)
    counts = {"rows_in": 0, "removed": dict(cuts), "rows_out": 0}
    (folder / "counts.json").write_text(json.dumps(counts))
    return counts


def removed(pairs):
    return {
        "id": np.array([one for one, _ in pairs], dtype="int64"),
        "cut": pd.Series([cut for _, cut in pairs], dtype="str"),
    }


HSC_CUTS = {"primary": 1, "extended": 2}
COSMOS_CUTS = {"clean_area": 1, "galaxy": 2}
SPECTRUM_CUTS = {"error_range": 1, "secure": 2}


def write_interim(interim: Path) -> dict[str, dict]:
    """Stages of a build that released 1 to 10 of TransferZ and 900, 901 of GalaxiesML.

    11 a split conflict, 12 and 13 cut in HSC (18 too, whose COSMOS2020 row was cut as well), 14
    and 15 cut in COSMOS2020, 16 without a pair; 17 unknown. 19 is 901 under another id; 20 has no
    true redshift. 902 and 903 are cut from GalaxiesML, 904 (two rows) at last by `secure`.
    """
    spectra_ids = [900, 901, 901, 902, 903, 904, 904]
    hsc, kept = [*range(1, 17), 18, 19, 20], [*range(1, 12), 14, 15, 16, 19, 20]
    pairs = {
        "cosmos_id": [1000 + n for n in hsc if n != 16],
        "object_id": [n for n in hsc if n != 16],
    }
    matched = [*range(1, 12), 19, 20]
    spectra = [900, 901]
    twin = pd.array([901 if n == 19 else 2 if n == 2 else pd.NA for n in matched], dtype="Int64")
    released = [*range(1, 11), 19, 20, *spectra]
    cosmos_gone = removed([(1014, "galaxy"), (1015, "clean_area"), (1018, "galaxy")])
    hsc_gone = removed([(12, "primary"), (13, "extended"), (18, "extended")])
    spectra_gone = removed(
        [
            (902, "secure"),
            (903, "error_range"),
            (904, "secure"),
            (904, "error_range"),
            (901, "secure"),
        ]
    )
    return {
        "ingest@cosmos2020": write_stage(
            interim, "ingest", "cosmos2020", table={"cosmos_id": pairs["cosmos_id"]}
        ),
        "ingest@hsc": write_stage(interim, "ingest", "hsc", table={"object_id": hsc}),
        "ingest@galaxiesml": write_stage(
            interim, "ingest", "galaxiesml", table={"object_id": spectra_ids}
        ),
        "select@cosmos2020": write_stage(
            interim, "select", "cosmos2020", COSMOS_CUTS, removed=cosmos_gone,
            table={"cosmos_id": [1000 + n for n in matched]},
        ),
        "select@hsc": write_stage(
            interim, "select", "hsc", HSC_CUTS, removed=hsc_gone, table={"object_id": kept}
        ),
        "select@galaxiesml": write_stage(
            interim, "select", "galaxiesml", SPECTRUM_CUTS,
            removed=spectra_gone, table={"object_id": spectra},
        ),
        "match": write_stage(
            interim, "match", pairs=pairs, table={"object_id": matched, "spectroscopic_id": twin}
        ),
        "split": write_stage(
            interim, "split", cuts={"split_conflict": 1}, removed=removed([(11, "split_conflict")]),
            table={"object_id": released},
        ),
    }  # fmt: skip


THEIRS = [*range(1, 9), *range(11, 19)]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A release with the build that made it."""
    survey = tmp_path_factory.mktemp("data") / "cosmos2020"
    counts = write_interim(survey / "interim")
    spectra = rows([900, 901], kind="spectroscopic")
    photometric = rows([*range(1, 11), 19, 20])
    configs = {
        "transferz": photometric,
        "galaxiesml": spectra,
        "combo": pd.concat([spectra, photometric.query("object_id != 19")]),
        "truth": rows(range(1, 11), kind="true"),
    }
    return write_release(survey / "release" / "transferz", configs, counts)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A downloaded release: 1 moved to test, 2 with another label, 3 fainter by 0.5 in g."""
    frame = rows([*THEIRS, 19, 20])
    frame.loc[frame["object_id"] == 1, "split"] = "test"
    frame.loc[frame["object_id"] == 2, "redshift"] = np.float32(1.0)
    frame.loc[frame["object_id"] == 3, magnitude_name("g")] += np.float32(0.5)
    spectra = rows([900, 902, 903, 904, 905], kind="spectroscopic")
    configs = {
        "transferz": frame,
        "galaxiesml": spectra,
        "combo": pd.concat([spectra, frame]),
        "truth": rows([1, 12, 20, 903], kind="true"),
    }
    return write_release(tmp_path_factory.mktemp("downloaded") / "transferz", configs)


@pytest.fixture(scope="module")
def compared(ours, theirs):
    return compare(ours, theirs)


def steps(compared, config, side="only_b"):
    found = compared.report["configs"][config]["removed_by"][side]
    return [(one["stage"], one["cut"], one["rows"]) for one in found]


def test_rows_are_counted(compared):
    counts = compared.report["configs"]["transferz"]["rows"]
    assert counts == {"both": 10, "only_a": 2, "only_b": 8, "changed": 3}


def test_what_removed_each_row_is_counted_in_the_order_of_the_pipeline(compared):
    assert steps(compared, "transferz") == [
        ("ingest@hsc", "not_in_table", 1),
        ("select@cosmos2020", "clean_area", 1),
        ("select@cosmos2020", "galaxy", 1),
        ("select@hsc", "primary", 1),
        ("select@hsc", "extended", 2),
        ("match", "no_counterpart", 1),
        ("split", "split_conflict", 1),
    ]


def test_a_spectrum_is_followed_through_galaxiesml(compared):
    """904 had two rows: it was there until the second fell; 905 was never in the table."""
    assert steps(compared, "galaxiesml") == [
        ("ingest@galaxiesml", "not_in_table", 1),
        ("select@galaxiesml", "error_range", 1),
        ("select@galaxiesml", "secure", 2),
    ]


def test_a_galaxy_that_combo_holds_by_its_spectrum_is_told_from_a_lost_one(compared):
    assert ("release", "spectroscopic_row_kept", 1) in steps(compared, "combo")
    assert sum(n for *_, n in steps(compared, "combo")) == 8 + 4 + 1


def test_truth_is_followed_through_both_samples(compared):
    assert steps(compared, "truth") == [
        ("select@hsc", "primary", 1),
        ("select@galaxiesml", "error_range", 1),
        ("release", "no_true_redshift", 1),
    ]


def test_where_there_is_no_build_the_report_says_so(compared):
    config = compared.report["configs"]["transferz"]
    assert config["removed_by"]["only_a"] is None
    assert "not here" in compared.report["b"]["untraced"]
    assert compared.report["a"]["untraced"] == ""


def test_rows_only_in_ours_are_traced_through_their_build(ours, theirs):
    swapped = compare(theirs, ours)
    assert steps(swapped, "transferz", "only_a")[0] == ("ingest@hsc", "not_in_table", 1)
    assert swapped.report["configs"]["transferz"]["removed_by"]["only_b"] is None


def test_splits_labels_and_magnitudes(compared):
    config = compared.report["configs"]["transferz"]
    assert config["splits"]["train"] == {"train": 9, "validation": 0, "calibration": 0, "test": 1}
    assert config["labels"] == {
        "rows": 10, "equal": 9, "median": 0.0, "scatter": 0.0, "outliers": 0.1,
    }  # fmt: skip
    assert config["magnitudes"]["g"] == {"median": 0.0, "max_abs": 0.5}
    assert config["magnitudes"]["r"] == {"median": 0.0, "max_abs": 0.0}


def test_the_listing_holds_every_differing_row(compared):
    listed = compared.rows.query("config == 'transferz'").set_index("object_id")
    assert sorted(listed.index) == [1, 2, 3, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    assert listed["differs"].loc[[1, 2, 3]].tolist() == ["split", "redshift", "magnitudes"]
    assert listed.loc[1, ["split_a", "split_b"]].tolist() == ["train", "test"]
    assert listed.loc[14, ["where", "stage", "cut"]].tolist() == [
        "only_b", "select@cosmos2020", "galaxy",
    ]  # fmt: skip
    assert listed["cut"].loc[[9, 10, 1]].isna().all()
    assert pd.isna(listed.loc[14, "redshift_a"])


def test_label_statistics_follows_its_formula():
    a = rows(range(5), redshift=[0.5, 0.6, 1.0, 1.5, 2.0])
    b = rows(range(5), redshift=[0.5, 0.5, 1.1, 1.0, 2.0])
    dz = np.array([0.0, 0.1 / 1.5, -0.1 / 2.1, 0.5 / 2.0, 0.0])
    found = label_statistics(join_rows(a, b))
    assert (found["rows"], found["equal"], found["outliers"]) == (5, 2, 0.2)
    assert found["median"] == pytest.approx(np.median(dz), abs=1e-6)
    assert found["scatter"] == pytest.approx(1.4826 * np.median(np.abs(dz)), abs=1e-6)


def test_a_row_that_the_build_holds_is_called_unexplained(ours, tmp_path):
    """Which happens only if the release was changed after it was built."""
    survey = shutil.copytree(ours.parents[1], tmp_path / "cosmos2020")
    cut_down = survey / "release" / "transferz"
    shutil.rmtree(cut_down / "transferz")
    shutil.copytree(cut_down / "galaxiesml", cut_down / "transferz")
    manifest = read_manifest(cut_down)
    (cut_down / "MANIFEST.json").unlink()
    write_json(cut_down / "MANIFEST.json", seal(manifest, cut_down))
    assert (("", UNEXPLAINED, 12)) in steps(compare(cut_down, ours), "transferz")


def test_interim_tables_of_another_build_are_not_used(ours, tmp_path):
    copy = tmp_path / "cosmos2020"
    subprocess.run(["cp", "-r", ours.parents[1], copy], check=True)
    place = copy / "release" / "transferz"
    assert find_build(place)[0] is not None
    (copy / "interim/select/hsc/counts.json").write_text('{"removed": {"primary": 99}}')
    build, reason = find_build(place)
    assert build is None and "another build" in reason
    (copy / "interim/match/pairs.parquet").unlink()
    assert "pairs.parquet is missing" in find_build(place)[1]


def test_an_authors_build_is_traced_through_their_table(tmp_path, ours):
    """Their TransferZ is one table, already matched: no HSC, no pairs."""
    survey = tmp_path / "authors"
    interim, nobody = survey / "interim", pd.array([pd.NA] * 2, dtype="Int64")
    gone = removed([(3, "complete")])
    stages = {
        "ingest@transferz": {"catalogue": "transferz", "table": {"object_id": [1, 2, 3]}},
        "select@transferz": {
            "catalogue": "transferz", "cuts": {"complete": 1}, "removed": gone,
            "table": {"object_id": [1, 2]},
        },
        "match": {"table": {"object_id": [1, 2], "spectroscopic_id": nobody}},
        "split": {"removed": removed([]), "table": {"object_id": [1, 2]}},
    }  # fmt: skip
    counts = {name: write_stage(interim, name.split("@")[0], **one) for name, one in stages.items()}
    place = write_release(
        survey / "release" / "transferz", {"transferz": rows([1, 2])}, counts, "authors"
    )
    found = compare(ours, place)
    assert steps(found, "transferz", "only_a") == [
        ("ingest@transferz", "not_in_table", 9),
        ("select@transferz", "complete", 1),
    ]
    assert found.report["configs_only_in"] == {"a": ["galaxiesml", "combo", "truth"], "b": []}


identifiers = st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=20)


@st.composite
def samples(draw):
    ids = draw(identifiers)

    def each(values):
        return draw(st.lists(values, min_size=len(ids), max_size=len(ids)))

    return rows(
        ids,
        split=each(st.sampled_from(SPLITS)),
        redshift=each(st.sampled_from([0.1, 0.5, 1.0, 3.0])),
        kind=each(st.sampled_from(["photometric", "spectroscopic"])),
        magnitude=each(st.sampled_from([20.0, 21.5, 24.0])),
    )


@settings(max_examples=25, deadline=None)
@given(samples())
def test_a_release_does_not_differ_from_itself(sample):
    joined = join_rows(sample, sample.sample(frac=1.0, random_state=1))
    counts = describe(joined, COLUMN_OF)["rows"]
    assert counts == {"both": len(sample), "only_a": 0, "only_b": 0, "changed": 0}
    assert differing(joined, [], "transferz", COLUMN_OF).empty


@settings(max_examples=25, deadline=None)
@given(samples(), samples())
def test_comparing_the_other_way_round_is_the_mirror(a, b):
    forth, back = join_rows(a, b), join_rows(b, a)
    one, two = (describe(rows, COLUMN_OF) for rows in (forth, back))
    for here, there in (("both", "both"), ("only_a", "only_b"), ("changed", "changed")):
        assert one["rows"][here] == two["rows"][there]
    assert one["labels"]["equal"] == two["labels"]["equal"]
    assert all(one["splits"][s][t] == two["splits"][t][s] for s in SPLITS for t in SPLITS)
    for band in BANDS:
        assert one["magnitudes"][band]["max_abs"] == two["magnitudes"][band]["max_abs"]
        if one["rows"]["both"]:
            assert one["magnitudes"][band]["median"] == -two["magnitudes"][band]["median"]
    columns = ["object_id", "differs"]
    pd.testing.assert_frame_equal(
        *(differing(rows, [], "combo", COLUMN_OF)[columns] for rows in (forth, back))
    )


@settings(max_examples=25, deadline=None)
@given(samples(), samples())
def test_every_object_is_in_one_place_and_listed_if_it_differs(a, b):
    joined = join_rows(a, b)
    both = set(a["object_id"]) & set(b["object_id"])
    assert set(joined.loc[joined["where"] == "both", "object_id"]) == both
    assert set(joined["object_id"]) == set(a["object_id"]) | set(b["object_id"])
    mine, other = a.set_index("object_id"), b.set_index("object_id")
    same = {n for n in both if mine.loc[n].equals(other.loc[n])}
    listed = differing(joined, [], "combo", COLUMN_OF)
    assert set(listed["object_id"]) == set(joined["object_id"]) - same


def test_the_command_prints_tables_and_writes_files(ours, theirs, tmp_path, capsys):
    report, listing = tmp_path / "report.json", tmp_path / "rows.parquet"
    command = ["compare", str(ours), str(theirs), "--json", str(report), "--rows", str(listing)]
    assert cli.main(command) == 0
    text = capsys.readouterr().out
    assert "only in B: what A's build did" in text
    assert "why B lacks the rows only in A: its interim tables are not here" in text
    found = compare(ours, theirs)
    assert json.loads(report.read_text()) == found.report
    written = pd.read_parquet(listing)
    assert written["object_id"].tolist() == found.rows["object_id"].tolist()
    assert written["cut"].dropna().tolist() == found.rows["cut"].dropna().tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "rows.parquet"]


def test_the_command_prints_json_and_writes_csv(ours, theirs, tmp_path, capsys):
    listing = tmp_path / "rows.csv"
    assert cli.main(["compare", str(ours), str(theirs), "--json", "-", "--rows", str(listing)]) == 0
    found = compare(ours, theirs)
    assert json.loads(capsys.readouterr().out) == found.report
    assert pd.read_csv(listing)["object_id"].tolist() == found.rows["object_id"].tolist()


def test_a_release_compared_with_itself_has_nothing_to_explain(ours, capsys):
    assert cli.main(["compare", str(ours), str(ours)]) == 0
    text = capsys.readouterr().out
    assert "build did" not in text
    cells = [line.rsplit(maxsplit=1) for line in text.splitlines() if line.startswith("only in")]
    assert cells == [["only in A", "0"], ["only in B", "0"]] * 4


def test_it_needs_the_base_install_alone(ours, theirs):
    """Who downloads two releases has no pandera, astropy, pydantic or yaml."""
    code = (
        "import sys\n"
        "absent = ('pandera', 'astropy', 'pydantic', 'yaml', 'scipy', 'torch')\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "from transferz.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "compare", str(ours), str(theirs)], capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


def refused(capsys, *arguments) -> str:
    assert cli.main(["compare", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def test_a_missing_release_is_refused(ours, tmp_path, capsys):
    assert "no-such is not a directory" in refused(capsys, ours, tmp_path / "no-such")


def test_releases_without_a_common_config_are_refused(ours, tmp_path, capsys):
    other = write_release(tmp_path / "transferz", {"elsewhere": rows([1])})
    assert "no config in common" in refused(capsys, ours, other)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_file_is_refused_and_nothing_written(ours, tmp_path, capsys, damage):
    place = write_release(tmp_path / "transferz", {"transferz": rows(range(500))})
    file = place / "transferz" / "train-00000-of-00001.parquet"
    content = file.read_bytes()
    broken = {"truncated": content[:-20], "flipped": content[:200] + b"\xff" * 40 + content[240:]}
    file.write_bytes(broken.get(damage, b""))
    listing = tmp_path / "rows.csv"
    said = refused(capsys, place, place, "--rows", listing)
    assert str(file) in said and "release again" in said
    assert not listing.exists()


def test_rows_that_were_edited_are_refused(ours, theirs, tmp_path, capsys):
    edited = Path(shutil.copytree(ours, tmp_path / "transferz"))
    path = next(edited.glob("transferz/train-*.parquet"))
    pq.write_table(pq.read_table(path).slice(1), path)
    said = refused(capsys, theirs, edited)
    assert f"{path} is damaged or was edited" in said and "fetch the release again" in said


def test_a_repeated_object_and_a_missing_column_are_refused(tmp_path):
    repeated = write_release(tmp_path / "one" / "transferz", {"transferz": rows([1, 2, 2])})
    files = {"train": sorted((repeated / "transferz").iterdir())}
    with pytest.raises(ReleaseError, match="found 2 twice"):
        read_config(files, COLUMN_OF)
    frame = pd.read_parquet(files["train"][0]).drop(columns=MAGNITUDES[0])
    frame.to_parquet(files["train"][0])
    with pytest.raises(ReleaseError, match=f"no column {MAGNITUDES[0]}"):
        read_config(files, COLUMN_OF)


def test_a_damaged_interim_table_is_refused(ours, theirs, tmp_path, capsys):
    copy = tmp_path / "cosmos2020"
    subprocess.run(["cp", "-r", ours.parents[1], copy], check=True)
    (copy / "interim/match/pairs.parquet").write_bytes(b"PAR1")
    said = refused(capsys, copy / "release" / "transferz", theirs)
    assert "pairs.parquet" in said and "dvc repro" in said


def test_a_listing_of_unknown_format_or_place_is_refused(ours, theirs, tmp_path, capsys):
    assert ".parquet or .csv" in refused(capsys, ours, theirs, "--rows", tmp_path / "rows.xlsx")
    nowhere = tmp_path / "no" / "rows.csv"
    assert f"cannot write {nowhere}" in refused(capsys, ours, theirs, "--rows", nowhere)
    assert list(tmp_path.iterdir()) == []
