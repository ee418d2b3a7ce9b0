"""Bad input to each stage: one clear error, exit status not 0, no output, the old one untouched."""

import resource
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

STAGES = {
    "survey": (),
    "ingest": ("cosmos2020", "hsc", "galaxiesml"),
    "select": ("cosmos2020", "hsc", "galaxiesml"),
    "match": (),
    "split": (),
    "release": (),
    "card": (),
}
RUNS = [(stage, one) for stage, many in STAGES.items() for one in many or ("",)]


def output_of(space, stage, catalogue):
    if stage == "survey":
        return space.raw
    if stage in ("release", "card"):
        return space.release
    return space.interim / stage / catalogue


def refuse(space, stage, catalogue, *expected):
    """Run the stage; it must fail with one sentence holding `expected` and change nothing."""
    output = output_of(space, stage, catalogue)
    before = snapshot(output)
    beside = set(output.parent.iterdir()) if output.parent.exists() else set()
    status, said = space.stage(stage, *filter(None, [catalogue]))
    assert status == 1, said
    assert len([line for line in said.splitlines() if line.startswith("error: ")]) == 1, said
    for text in expected:
        assert text in said
    assert snapshot(output) == before
    assert (set(output.parent.iterdir()) if output.parent.exists() else set()) == beside


def snapshot(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def rewrite(path, change):
    """Change a stage's parquet file as a foreign hand might."""
    pq.write_table(change(pq.read_table(path)), path)


def set_value(name, value):
    def change(table):
        column = table[name].to_pylist()
        column[0] = value
        position = table.column_names.index(name)
        field = table.schema.field(name).with_nullable(True)
        return table.set_column(position, field, pa.array(column, field.type))

    return change


INPUTS = {
    ("ingest", "cosmos2020"): ("raw/cosmos2020", "is missing"),
    ("ingest", "hsc"): ("raw/hsc", "is missing"),
    ("ingest", "galaxiesml"): ("raw/galaxiesml", "is missing"),
    ("select", "cosmos2020"): ("interim/ingest/cosmos2020/table.parquet", "is missing"),
    ("select", "hsc"): ("interim/ingest/hsc/table.parquet", "is missing"),
    ("select", "galaxiesml"): ("interim/ingest/galaxiesml/table.parquet", "is missing"),
    ("match", ""): ("interim/select/hsc/table.parquet", "is missing"),
    ("split", ""): ("interim/match/table.parquet", "is missing"),
    ("release", ""): ("interim/split/table.parquet", "is missing"),
    ("card", ""): ("release/transferz/_index/transferz.index", "is missing"),
}


TABLE_INPUTS = [run for run in INPUTS if run[0] in ("select", "match", "split")]


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("run", INPUTS, ids="-".join)
def test_missing_input(stages, run):
    name, message = INPUTS[run]
    remove(stages.root / "data/mock" / name)
    refuse(stages, *run, message, name)


@pytest.mark.parametrize("run", [run for run in INPUTS if run[0] != "card"], ids="-".join)
def test_missing_input_leaves_no_first_output(stages, run):
    """The same where there is no old output to keep; the card stands in the release itself."""
    name, message = INPUTS[run]
    remove(stages.root / "data/mock" / name)
    output = output_of(stages, *run)
    remove(output)
    refuse(stages, *run, message)
    assert not output.exists()


@pytest.mark.parametrize("run", TABLE_INPUTS, ids="-".join)
def test_missing_column(stages, run):
    path = stages.root / "data/mock" / INPUTS[run][0]
    column = pq.read_schema(path).names[1]
    rewrite(path, lambda table: table.drop_columns(column))
    refuse(stages, *run, path.name, f"missing {column}", "rebuild it")


@pytest.mark.parametrize("run", TABLE_INPUTS, ids="-".join)
def test_truncated_table(stages, run):
    path = stages.root / "data/mock" / INPUTS[run][0]
    path.write_bytes(path.read_bytes()[:-100])
    refuse(stages, *run, INPUTS[run][0], "no sound parquet file")


def test_missing_upstream_column(stages):
    path = next(stages.raw.glob("hsc/*.csv"))
    header, rest = path.read_text().split("\n", 1)
    path.write_text(header.replace("i_extendedness_value", "extendedness") + "\n" + rest)
    refuse(stages, "ingest", "hsc", path.name, "missing i_extendedness_value")


def test_truncated_upstream_fits(stages):
    path = next(stages.raw.glob("cosmos2020/*.fits"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refuse(stages, "ingest", "cosmos2020", path.name, "cut short", "fetch it again")


@pytest.mark.parametrize(
    ("name", "value", "rule"), [("ra", "", "no missing values"), ("dec", "95.5", "<= 3.7")]
)
def test_bad_upstream_position(stages, name, value, rule):
    path = next(stages.raw.glob("hsc/*.csv"))
    lines = path.read_text().splitlines()
    cells = lines[1].split(",")
    cells[lines[0].replace('"', "").split(",").index(name)] = value
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:], ""]))
    refuse(stages, "ingest", "hsc", "table 'hsc'", f"'{name}'", rule, "broken in 1 rows", cells[0])


def test_repeated_upstream_id(stages):
    path = next(stages.raw.glob("hsc/*.csv"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], ""]))
    refuse(stages, "ingest", "hsc", "'object_id'", "unique values", "2 rows")


@pytest.mark.parametrize("name", ["ra", "dec"])
def test_missing_position_between_stages(stages, name):
    path = stages.interim / "select/cosmos2020/table.parquet"
    rewrite(path, set_value(name, float("nan")))
    found = f"'{name}': rule 'no missing values' broken in 1 rows, first nan (cosmos_id "
    refuse(stages, "match", "", "interim/select/cosmos2020/table.parquet", found)


SECTION_OF = {"survey": "mock", "match": "match", "split": "split", "card": "release"}


@pytest.mark.parametrize(
    ("stage", "catalogue"), [run for run in RUNS if run[0] not in ("ingest", "release")]
)
def test_unknown_parameter(stages, stage, catalogue):
    section = SECTION_OF.get(stage, f"select.{catalogue}")
    stages.change(f"{section}.colour", "blue")
    refuse(stages, stage, catalogue, "params.yaml", f"unknown parameter '{section}.colour'")


REFUSED = [
    ("match", "match.radius_arcsec", -1.0, "greater than 0"),
    ("match", "match.radius_arcsec", 0, "greater than 0"),
    ("split", "match.radius_arcsec", -1.0, "greater than 0"),
    ("split", "split.fractions", {"train": 0.5, "test": 0.4}, "sum to 1"),
    ("split", "split.fractions", {"train": 1.1, "test": -0.1}, "-0.1"),
    ("split", "split.sky_block_nside", 0, "greater than 0"),
    ("card", "release.version", "one", "release.version"),
    ("survey", "mock.area_deg2", -1.0, "mock.area_deg2"),
]


@pytest.mark.parametrize(("stage", "name", "value", "message"), REFUSED)
def test_wrong_parameter(stages, stage, name, value, message):
    stages.change(name, value)
    refuse(stages, stage, "", message)


def test_a_cut_that_leaves_nothing(stages):
    stages.change("select.hsc.cuts.depth.keep", "{band}_inputcount_value >= 3000")
    refuse(stages, "select", "hsc", "'select.hsc.cuts.depth' removed the last")


def test_a_misspelt_rule(stages):
    stages.change("select.hsc.cuts.depth.keep", "{band}_inputcounts >= 3")
    refuse(stages, "select", "hsc", "select.hsc.cuts.depth", "g_inputcounts")


def test_outside_the_project(stages, tmp_path):
    status, said = type(stages)(tmp_path).stage("match")
    assert status == 1
    assert "run this from the project's root" in said


@pytest.mark.parametrize(("stage", "catalogue"), RUNS)
def test_no_room_on_the_disk(stages, stage, catalogue):
    """Files may not grow past 2 kB, as on a full disk: every stage says so and keeps the old."""
    output = output_of(stages, stage, catalogue)
    before = snapshot(output)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        status, said = stages.stage(stage, *filter(None, [catalogue]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 1, said
    assert "error: cannot write" in said
    assert snapshot(output) == before
    assert not list(output.parent.glob(".transferz-*"))


def test_truth_must_be_there(stages):
    (stages.raw / "truth.parquet").unlink()
    refuse(stages, "release", "", "truth.parquet is missing")


def test_a_version_that_contradicts_what_changed(stages):
    shutil.copytree(stages.release, stages.root / "previous/transferz")
    stages.change("release.previous", "previous/transferz")
    rewrite(stages.interim / "split/table.parquet", lambda table: table.slice(1))
    refuse(stages, "release", "", "rows removed: ", "needs a MAJOR step", "make it 3.0.0+mock")


def test_dvc_stops_at_the_failed_stage(workspace):
    workspace.change("split.fractions", {"train": 0.5, "test": 0.4})
    before = snapshot(workspace.release)
    done = workspace.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "sum to 1" in done.stderr
    assert snapshot(workspace.release) == before
    assert pc.sum(pq.read_table(workspace.interim / "split/table.parquet")["group_id"]).as_py()


def test_a_mock_cannot_pass_for_a_real_survey(stages):
    (stages.root / "data/mock").rename(stages.root / "data/cosmos2020")
    shutil.rmtree(stages.root / "data/cosmos2020/interim")
    status, said = stages.stage("ingest", "hsc", "--survey", "cosmos2020")
    assert status == 1
    assert "the mock's catalogue, which cannot be released as survey 'cosmos2020'" in said
    assert not (stages.root / "data/cosmos2020/interim").exists()


def test_only_the_mock_is_made(stages):
    status, said = stages.stage("survey", "--survey", "authors")
    assert status == 1
    assert "survey 'authors' is observed, not made" in said
    assert "make repro SURVEY=authors" in said
    assert not (stages.root / "data/authors").exists()
