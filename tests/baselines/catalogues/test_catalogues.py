"""`transferz predict` over HATS catalogues: the same bits as a table's, whole, and resumed."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from skies import BANDS, COUNT, galaxies, leaves, read, write_collection, write_model

from transferz.baselines.benchmark import Prediction
from transferz.baselines.benchmark.calling import MethodError
from transferz.baselines.catalogues import running
from transferz.baselines.catalogues.collection import is_catalogue, open_collection
from transferz.baselines.catalogues.leaves import leaf_schema
from transferz.cli.predict import predict as main
from transferz.schemas import InputError, ParameterError
from transferz.schemas.survey.columns import Column, Table
from transferz.schemas.survey.derived import CONTENT_KEY, votable_footer

pytest.importorskip("lsdb")


def predict(model, table, out, *options):
    chosen = ["--model", str(model)] if model else []
    return main([*chosen, str(table), "--out", str(out), "--threads", "1", *map(str, options)])


def is_valid(place):
    from hats.io.validation import is_valid_catalog

    return is_valid_catalog(place, strict=True)


def forecasts(table, name="redshift_pred"):
    return table[name].to_numpy().tobytes()


@pytest.fixture(scope="module")
def done(sky, model, tmp_path_factory):
    """The collection with forecasts, each seed's too."""
    out = tmp_path_factory.mktemp("done") / "out"
    assert predict(model, sky, out, "--each-seed") == 0
    return out


def test_a_catalogue_is_known_by_what_is_in_its_folder_or_by_its_address(sky, tmp_path):
    assert is_catalogue(str(sky))
    assert is_catalogue(str(sky / "sky"))
    assert is_catalogue("hf://datasets/org/repo/catalogue")
    assert not is_catalogue(str(tmp_path))
    assert not is_catalogue(str(tmp_path / "t.parquet"))


def test_it_is_a_valid_collection_with_the_same_partitions_and_margin(sky, done):
    import lsdb

    assert is_valid(done)
    assert sorted(leaves(done)) == sorted(leaves(sky))
    assert len(leaves(sky)) > 8
    before, after = lsdb.open_catalog(sky), lsdb.open_catalog(done)
    assert after.get_healpix_pixels() == before.get_healpix_pixels()
    assert after.margin.get_healpix_pixels() == before.margin.get_healpix_pixels()
    assert len(after) == COUNT
    assert after.compute(progress_bar=False)["redshift_pred"].notna().all()
    info = after.hc_structure.catalog_info
    assert (info.total_rows, info.hats_max_rows) == (
        COUNT,
        before.hc_structure.catalog_info.hats_max_rows,
    )
    assert sorted(path.name for path in done.parent.iterdir()) == ["out"]
    for name in ("skymap.fits", "point_map.fits", "partition_info.csv"):
        assert (done / "sky" / name).read_bytes() == (sky / "sky" / name).read_bytes()


def test_every_other_column_is_kept_with_its_type_nulls_and_order(sky, done):
    added = ["redshift_pred", "redshift_pred_seed_0", "redshift_pred_seed_3"]
    for name, path in leaves(sky).items():
        before, after = pq.ParquetFile(path).read(), pq.ParquetFile(done / name).read()
        assert after.schema.names == [*before.schema.names, *added]
        assert after.drop_columns(added).equals(before)
    assert "curve" in before.schema.names


def test_forecasts_are_those_of_one_table_whatever_the_partitions(sky, done, model, tmp_path):
    table = read(sky / "sky")
    pq.write_table(table.drop_columns(["curve"]), tmp_path / "t.parquet")
    predict(model, tmp_path / "t.parquet", tmp_path / "o.parquet", "--each-seed")
    expected = pq.read_table(tmp_path / "o.parquet")
    other = write_collection(galaxies(), tmp_path / "other", 1000)
    assert len(leaves(other / "sky")) != len(leaves(sky / "sky"))
    predict(model, other, tmp_path / "new", "--each-seed")
    for place in (done, tmp_path / "new"):
        found = read(place / "sky")
        for name in ("redshift_pred", "redshift_pred_seed_0", "redshift_pred_seed_3"):
            assert forecasts(found, name) == forecasts(expected, name)


def test_a_row_of_the_margin_has_the_forecast_that_it_has_in_its_own_partition(done):
    whole = read(done / "sky")["redshift_pred"].to_numpy()
    (margin,) = (path for path in done.iterdir() if path.name.endswith("arcs"))
    rows = read(margin)
    assert len(rows) > 5
    assert forecasts(rows) == whole[rows["row"].to_numpy()].tobytes()


def test_a_catalogue_that_stands_alone_gives_one_that_does(sky, done, model, tmp_path):
    predict(model, sky / "sky", tmp_path / "out")
    assert is_valid(tmp_path / "out")
    assert not (tmp_path / "out" / "collection.properties").exists()
    assert forecasts(read(tmp_path / "out")) == forecasts(read(done / "sky"))


def test_one_at_an_address_is_read_there(sky, done, model, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(sky), "/addressed", recursive=True)
    try:
        predict(model, "memory://addressed", tmp_path / "out")
    finally:
        memory.rm("/addressed", recursive=True)
    assert is_valid(tmp_path / "out")
    assert forecasts(read(tmp_path / "out" / "sky")) == forecasts(read(done / "sky"))


def test_units_are_kept_and_the_new_column_is_described(sky, model, tmp_path):
    from astropy.table import Table as AstropyTable

    columns = (Column("g", "float32", "a magnitude", "mag(AB)", "phot.mag"),)
    footer = votable_footer(Table("t", columns, ""))
    shutil.copytree(sky / "sky", tmp_path / "units")
    place, other = list(leaves(tmp_path / "units").values())[:2]
    table = pq.ParquetFile(place).read().drop_columns(["curve"])
    pq.write_table(table.replace_schema_metadata(footer), place)
    parsec = pa.field("r", pa.float32(), metadata={"unit": "pc"})
    table = pq.ParquetFile(other).read().drop_columns(["curve"])
    fields = [parsec if field.name == "r" else field for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), other)
    collection = open_collection(str(tmp_path / "units"))
    applied = running_forecaster(model)
    for leaf in collection.parts[0].leaves()[:2]:
        out = tmp_path / "leaf.parquet"
        running.forecast_leaf(leaf, applied, out, running.Layout(), drop_missing=False)
        described = AstropyTable.read(out, format="parquet.votable")
        assert described["redshift_pred"].meta["ucd"] == "src.redshift.phot"
        assert described["redshift_pred"].description == "mean of 2 seeds of nn_spec, transferz"
        if "a magnitude" in str(described["g"].description):
            assert described["g"].unit == "mag"
        else:
            assert described["r"].unit == "pc"


def test_what_the_catalogues_metadata_say_of_columns_is_kept(sky, model, tmp_path):
    """As hats writes it: units for the catalogue, none in the files."""
    from astropy.table import Table as AstropyTable
    from hats.io.parquet_metadata import write_voparquet_in_common_metadata

    place = shutil.copytree(sky / "sky", tmp_path / "in")
    write_voparquet_in_common_metadata(place, field_units={"g": "mag", "ra": "deg"})
    predict(model, place, tmp_path / "out")
    for path in leaves(tmp_path / "out").values():
        content = pq.read_schema(path).metadata[CONTENT_KEY.encode()].decode()
        assert 'unit="deg"' in content
        assert 'unit="mag"' in content
        assert content.count('name="redshift_pred"') == 1
    described = AstropyTable.read(io.BytesIO(without_curves(path)), format="parquet.votable")
    assert described["g"].unit == "mag"


def without_curves(path):
    """A file's bytes without its nested column, which astropy does not read."""
    held = io.BytesIO()
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["curve"]), held)
    return held.getvalue()


@pytest.mark.parametrize(
    "told", ["<VOTABLE>", "<!ENTITY a 'b'><FIELD/>", "no XML at all", "<FIELD/>"]
)
def test_a_description_that_is_none_is_not_taken_over(told, model):
    stored = pa.schema([("g", pa.float32())], {CONTENT_KEY: told, "huggingface": "untrue"})
    metadata = leaf_schema(stored, running_forecaster(model), "").metadata
    content = metadata[CONTENT_KEY.encode()].decode()
    assert content.startswith("<VOTABLE version")
    assert content.count("<FIELD") == 2
    assert b"huggingface" not in metadata


def running_forecaster(model):
    import torch

    from transferz.baselines.networks.ensemble import load_ensemble
    from transferz.baselines.networks.forecasting import Forecaster

    return Forecaster.of(load_ensemble(model), None, torch.device("cpu"), each_seed=False)


def lacking(sky, place, whole_leaves=0, each=0):
    """Copy a collection and take g away: from all rows of some partitions, from `each` of others.

    Returned are the rows of the primary catalogue that keep it.
    """
    shutil.copytree(sky, place)
    kept = []
    for number, path in enumerate(leaves(place).values()):
        table = pq.ParquetFile(path).read()
        count = len(table) if number < whole_leaves else min(each, len(table))
        values = [None] * count + table["g"].to_pylist()[count:]
        at = table.schema.get_field_index("g")
        pq.write_table(table.set_column(at, "g", pa.array(values, pa.float32())), path)
        if path.is_relative_to(place / "sky"):
            kept += table["row"].to_pylist()[count:]
    return kept


def test_rows_that_lack_a_magnitude_are_refused_or_left_out_and_counted(
    sky, model, tmp_path, capsys
):
    kept = lacking(sky, tmp_path / "in", whole_leaves=3)
    words = r"partition Norder=\d+, Npix=\d+ of sky: .* lack a magnitude in g \(\d+\).* drop_miss"
    with pytest.raises(InputError, match=words):
        predict(model, tmp_path / "in", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.unfinished"]
    predict(model, tmp_path / "in", tmp_path / "out", "--drop-missing")  # goes on
    assert "rows lack a magnitude, in g (" in capsys.readouterr().err
    assert sorted(read(tmp_path / "out" / "sky")["row"].to_pylist()) == sorted(kept)
    assert is_valid(tmp_path / "out")
    assert len(leaves(tmp_path / "out")) == len(leaves(sky)) - 3


def test_a_run_that_left_rows_out_does_not_go_on_as_one_that_must_not(
    sky, model, tmp_path, counted
):
    kept = lacking(sky, tmp_path / "in", each=1)
    _, counting = counted
    counting.most = 6
    with pytest.raises(InputError, match="not today"):
        predict(model, tmp_path / "in", tmp_path / "out", "--drop-missing")
    counting.most = None
    with pytest.raises(InputError, match=r"partition .* of sky: .* lack a magnitude in g"):
        predict(model, tmp_path / "in", tmp_path / "out")
    predict(model, tmp_path / "in", tmp_path / "out", "--drop-missing")
    assert len(read(tmp_path / "out" / "sky")) == len(kept) < COUNT


def test_catalogues_without_a_whole_row_are_refused(sky, model, tmp_path):
    lacking(sky, tmp_path / "in", whole_leaves=1000)
    with pytest.raises(InputError, match=r"none of its .* rows has all magnitudes"):
        predict(model, tmp_path / "in", tmp_path / "out", "--drop-missing")
    assert not (tmp_path / "out").exists()


def test_a_partition_may_be_several_files(sky, done, model, tmp_path):
    place = shutil.copytree(sky / "sky", tmp_path / "in")
    for path in leaves(place).values():
        table = pq.ParquetFile(path).read()
        path.unlink()
        path.with_suffix("").mkdir()
        for name, rows in (("a", table.slice(0, 4)), ("b", table.slice(4))):
            pq.write_table(rows, path.with_suffix("") / f"{name}.parquet")
    for name in ("hats.properties", "properties"):
        text = (place / name).read_text().replace("npix_suffix=.parquet", "npix_suffix=/")
        (place / name).write_text(text)
    predict(model, place, tmp_path / "out")
    import lsdb

    opened = lsdb.open_catalog(tmp_path / "out")  # hats' strict check counts files as partitions
    assert len(opened.compute(progress_bar=False)) == COUNT
    files = (tmp_path / "out").rglob("Npix=*/*.parquet")
    found = pa.concat_tables([pq.ParquetFile(path).read() for path in files]).sort_by("row")
    assert forecasts(found) == forecasts(read(done / "sky"))


def test_partitions_of_one_row_and_of_none(sky, done, model, tmp_path):
    place = shutil.copytree(sky / "sky", tmp_path / "in")
    (one, none), rows = list(leaves(place).values())[:2], {}
    for path, count in ((one, 1), (none, 0)):
        table = pq.ParquetFile(path).read()
        rows[path] = table["row"].to_pylist()
        pq.write_table(table.slice(0, count), path)
    predict(model, place, tmp_path / "out")
    assert is_valid(tmp_path / "out")
    assert str(none.relative_to(place)) not in leaves(tmp_path / "out")
    found = read(tmp_path / "out")
    whole = read(done / "sky")["redshift_pred"].to_numpy()
    assert len(found) == COUNT - len(rows[one]) - len(rows[none]) + 1
    assert forecasts(found) == whole[found["row"].to_numpy()].tobytes()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["--bands", "g,r,z"], InputError, "has no column 'z'"),
        (["--bands", "g,r"], ParameterError, "names 2 columns for a model of 3"),
        (["--workers", "2", "--scheduler", "tcp://x:1"], ParameterError, "give one"),
        (["--scheduler", "tcp://127.0.0.1:9"], ParameterError, "no Dask scheduler answers"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    options, error, words, sky, model, tmp_path, monkeypatch
):
    monkeypatch.setattr(running, "PATIENCE", "1s")
    with pytest.raises(error, match=words):
        predict(model, sky, tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


def test_places_that_do_not_fit_are_refused(sky, done, model, tmp_path):
    with pytest.raises(InputError, match="is there already"):
        predict(model, sky, done)
    with pytest.raises(InputError, match="folder that exists"):
        predict(model, sky, tmp_path / "absent" / "out")
    with pytest.raises(InputError, match="has a column 'redshift_pred' already"):
        predict(model, done, tmp_path / "out")
    with pytest.raises(InputError, match="can't open the catalogue"):
        predict(model, "memory://nothing/here", tmp_path / "out")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "hats.properties").write_text("obs_collection=broken\n")
    with pytest.raises(InputError, match="can't open the catalogue"):
        predict(model, tmp_path / "broken", tmp_path / "out")
    for options in (["--workers", "2"], ["--scheduler", "tcp://x:1"]):
        with pytest.raises(ParameterError, match="about a HATS catalogue"):
            predict(model, tmp_path / "t.csv", tmp_path / "o.csv", *options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]


def test_a_leaf_that_is_damaged_is_named_and_mended(sky, done, model, tmp_path):
    place = shutil.copytree(sky, tmp_path / "in")
    path = sorted(leaves(place).values())[4]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"partition Norder=.*can't read .*parquet"):
        predict(model, place, tmp_path / "out", "--each-seed")
    path.write_bytes(whole)
    predict(model, place, tmp_path / "out", "--each-seed")
    assert_same(tmp_path / "out", done)


def assert_same(found, expected):
    """Two catalogues hold the same files of the same bytes, but for the dates in properties."""
    files = {
        str(path.relative_to(expected)): path for path in expected.rglob("*") if path.is_file()
    }
    assert sorted(files) == sorted(
        str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()
    )
    for name, path in files.items():
        if not name.endswith("properties"):
            assert (found / name).read_bytes() == path.read_bytes(), name


@pytest.fixture
def counted(monkeypatch):
    """The leaves that are forecast; after `most`, an error in place of another."""
    made, plain = [], running.forecast_leaf

    def counting(leaf, *rest, **options):
        if len(made) == counting.most:
            raise InputError(f"{leaf}: not today")
        made.append(leaf)
        return plain(leaf, *rest, **options)

    counting.most = None
    monkeypatch.setattr(running, "forecast_leaf", counting)
    return made, counting


def test_a_run_that_ended_goes_on_and_finished_leaves_are_not_done_again(
    sky, done, model, tmp_path, counted
):
    made, counting = counted
    counting.most = 5
    with pytest.raises(InputError, match="not today"):
        predict(model, sky, tmp_path / "out", "--each-seed")
    assert not (tmp_path / "out").exists()
    assert not is_catalogue(str(tmp_path / "out.unfinished"))
    counting.most = None
    predict(model, sky, tmp_path / "out", "--each-seed")
    assert len(made) == len(set(made)) == len(leaves(sky))
    assert_same(tmp_path / "out", done)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_run_left_that_was_killed_at_its_very_end_is_no_hindrance(
    sky, done, model, tmp_path, monkeypatch
):
    """It has its name already, and what tells how it was made is still there."""
    kept = []
    plain = running.Job.finish

    def finish(job):
        kept.append(shutil.copytree(job.folder / "done", tmp_path / "done"))
        plain(job)
        shutil.copytree(kept[0], job.folder / "done")

    monkeypatch.setattr(running.Job, "finish", finish)
    predict(model, sky, tmp_path / "out", "--each-seed")
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "out")
    predict(model, sky, tmp_path / "out", "--each-seed")
    assert_same(tmp_path / "out", done)


def test_a_file_that_has_been_lost_is_done_again(sky, done, model, tmp_path, counted):
    _, counting = counted
    counting.most = 4
    with pytest.raises(InputError, match="not today"):
        predict(model, sky, tmp_path / "out", "--each-seed")
    next(iter(leaves(tmp_path / "out.unfinished" / "catalogue").values())).unlink()
    counting.most = None
    predict(model, sky, tmp_path / "out", "--each-seed")
    assert_same(tmp_path / "out", done)


def test_another_model_input_or_option_is_refused_and_the_remedies_work(
    sky, done, model, tmp_path, counted
):
    _, counting = counted
    counting.most = 2
    with pytest.raises(InputError, match="not today"):
        predict(model, sky, tmp_path / "out", "--each-seed")
    counting.most = None
    other = write_model(tmp_path / "m", seeds=(0, 4))
    changed = shutil.copytree(sky, tmp_path / "changed")
    for arguments, words in [
        ((other, sky, tmp_path / "out", "--each-seed"), "another (columns|model)"),
        ((model, sky, tmp_path / "out"), "another columns"),
        ((model, sky, tmp_path / "out", "--each-seed", "--bands", "r,g,i"), "order|bands"),
        ((model, changed, tmp_path / "out", "--each-seed"), "another catalogue"),
    ]:
        with pytest.raises(ParameterError, match=words):
            predict(*arguments)
    predict(model, sky, tmp_path / "out", "--each-seed")
    assert_same(tmp_path / "out", done)


HELD = """
import sys
from transferz.baselines.catalogues import leaves, running
from transferz.cli.predict import predict as main
writes, plain = iter("1234567"), leaves._Writer.write
def held(self, *chunk):
    plain(self, *chunk)
    if next(writes, None) is None:
        print("seven files are begun", flush=True)
        sys.stdin.read()
leaves._Writer.write = held
main(sys.argv[1:])
"""


def test_a_run_that_is_killed_as_it_writes_goes_on(sky, done, model, tmp_path):
    options = ["--model", model, sky, "--out", tmp_path / "out", "--each-seed", "--threads", "1"]
    command = [sys.executable, "-c", HELD, *map(str, options)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as run:
        assert run.stdout.readline() == "seven files are begun\n"
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert not (tmp_path / "out").exists()
    unfinished = tmp_path / "out.unfinished"
    whole = leaves(unfinished / "catalogue")
    assert len(whole) == 7
    for name, path in whole.items():  # what has a leaf's name is whole
        assert path.read_bytes() == (done / name).read_bytes()
    predict(model, sky, tmp_path / "out", "--each-seed", "--workers", "1")
    assert_same(tmp_path / "out", done)


def start(*command, **options):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", *command], env=environment, stderr=subprocess.DEVNULL, **options
    )


def test_workers_of_a_running_scheduler_give_the_same_bytes(
    sky, done, model, training, tmp_path, monkeypatch
):
    """As on a cluster: a scheduler and a worker are there, on the loopback."""
    monkeypatch.setitem(sys.modules, "own_method", sys.modules[__name__])
    address = tmp_path / "scheduler.json"
    place = ["--scheduler-file", str(address), "--host", "127.0.0.1", "--no-dashboard"]
    scheduler = start("distributed.cli.dask_scheduler", *place, "--port", "0")
    worker = start(
        "distributed.cli.dask_worker",
        *["--scheduler-file", str(address), "--nthreads", "1", "--no-dashboard"],
        *["--local-directory", str(tmp_path / "scratch")],
    )
    try:
        until = time.monotonic() + 60
        while not address.exists() and time.monotonic() < until:
            time.sleep(0.1)
        found = json.loads(address.read_text())["address"]
        predict(model, sky, tmp_path / "out", "--each-seed", "--scheduler", found)
        chosen = ["--method", "own_method:Locked", *training, "--scheduler", found]
        with pytest.raises(ParameterError, match=r"can't be sent to workers .*leave out --w"):
            predict(None, sky, tmp_path / "locked", *chosen)
    finally:
        for process in (worker, scheduler):
            process.terminate()
            process.wait()
    assert_same(tmp_path / "out", done)


class Rising:
    """A method of the benchmark: a straight line in the last band."""

    train = "table"

    def fit(self, train, validation, *, seed):
        self.bands = [name for name in train.columns if name.endswith("_mag")]
        design = np.column_stack([np.ones(len(train)), train[self.bands[-1]]])
        self.line, *_ = np.linalg.lstsq(design, train["redshift"], rcond=None)

    def predict(self, table):
        assert list(table.columns) == ["object_id", *self.bands]
        return Prediction(self.line[0] + self.line[1] * table[self.bands[-1]].to_numpy())


class Locked(Rising):
    """It holds what no other process can have."""

    def __init__(self):
        self.lock = threading.Lock()


class Failing(Rising):
    """It can't stand one galaxy."""

    odd = 0.0

    def predict(self, table):
        if (table[self.bands[0]] == type(self).odd).any():
            raise ZeroDivisionError("an odd galaxy")
        return super().predict(table)


@pytest.fixture
def training(tmp_path):
    rng = np.random.default_rng(2)
    columns = {band: rng.uniform(18, 27, 400) for band in BANDS}
    columns["zs"] = 0.1 * (columns["i"] - 17)
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    return ["--train", tmp_path / "train.parquet", "--bands", "g,r,i", "--redshift", "zs"]


def test_any_method_of_the_benchmark_is_fitted_once_and_applied(
    sky, training, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "own_method", sys.modules[__name__])
    chosen = ["--method", "own_method:Rising", *training]
    pq.write_table(read(sky / "sky").drop_columns(["curve"]), tmp_path / "t.parquet")
    predict(None, tmp_path / "t.parquet", tmp_path / "o.parquet", *chosen, "--chunk-rows", "7")
    predict(None, sky, tmp_path / "out", *chosen)
    table, found = pq.read_table(tmp_path / "o.parquet"), read(tmp_path / "out" / "sky")
    expected = 0.1 * (table["i"].to_numpy().astype(np.float64) - 17)
    np.testing.assert_allclose(table["redshift_pred"].to_numpy(), expected, atol=1e-6)
    assert forecasts(found) == forecasts(table)
    assert is_valid(tmp_path / "out")


def test_a_method_that_fails_on_a_partition_is_named_and_goes_on_when_mended(
    sky, training, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "own_method", sys.modules[__name__])
    chosen = ["--method", "own_method:Failing", *training]
    path = sorted(leaves(sky / "sky").values())[3]
    monkeypatch.setattr(Failing, "odd", pq.ParquetFile(path).read()["g"][0].as_py())
    with pytest.raises(MethodError, match=r"(?s)partition Norder=.* of sky: .*an odd galaxy"):
        predict(None, sky, tmp_path / "out", *chosen)
    kept = leaves(tmp_path / "out.unfinished" / "catalogue")
    assert kept
    monkeypatch.setattr(Failing, "odd", 0.0)
    before = {name: path.stat().st_mtime_ns for name, path in kept.items()}
    predict(None, sky, tmp_path / "out", *chosen)
    after = leaves(tmp_path / "out")
    assert {name: after[name].stat().st_mtime_ns for name in kept} == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "median", "--each-seed"], "--each-seed is about a --model"),
        (["--method", "median", "--train", "train.parquet"], "name its magnitudes with bands="),
    ],
)
def test_options_of_a_method_that_do_not_fit(options, words, sky, training, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match=words):
        predict(None, sky, tmp_path / "out", *options)


def test_options_of_a_method_are_about_one(sky, model, tmp_path):
    with pytest.raises(ParameterError, match="--train is about a --method"):
        predict(model, sky, tmp_path / "out", "--train", Path("x"))
