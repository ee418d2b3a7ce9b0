"""`transferz predict`: every format, any chunk, all or nothing."""

import csv
import gzip
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from transferz.baselines.networks.ensemble import MODEL_FILE, Ensemble, Fit, Scaler, ensemble_bytes
from transferz.baselines.networks.network import StackedNetworks
from transferz.cli.predict import predict as main
from transferz.schemas import InputError, ParameterError, TransferZError
from transferz.tables import printing

BANDS = ("g", "r", "i")
SEEDS = (0, 3)
BIG = 9_007_199_254_740_993  # 2**53 + 1: lost where ids pass through floats
COUNT = 60
INPUTS = ["t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.fits", "t.fits.gz", "t.dat", "t.dat.gz"]
INPUTS += ["t.vot", "t.ecsv", "t.hdf5"]
OUTPUTS = ["o.csv", "o.parquet", "o.fits"]
MOCK = {"method": "nn_base", "source": {"release": {"mock": True}}}


def random_ensemble(seeds=SEEDS, bands=3):
    """Networks as they are before training: forecasts of no worth, but not constant."""
    networks = StackedNetworks.from_seeds(bands, seeds).eval().requires_grad_(False)
    scaler = Scaler(np.full(bands, 18.0), np.full(bands, 27.0))
    return Ensemble(networks, scaler, tuple(Fit(seed, 1, 1, 0.5) for seed in seeds))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    provenance = {"method": "nn_spec", "source": {"table": {"file": "t.csv"}}}
    (folder / MODEL_FILE).write_bytes(ensemble_bytes(random_ensemble(), BANDS, provenance))
    return folder


def rows(count=COUNT):
    rng = np.random.default_rng(3)
    return {
        "id": [BIG + k for k in range(count)],
        "name": [f"n{k}" for k in range(count)],
        **{band: np.round(rng.uniform(18, 27, count), 4).tolist() for band in BANDS},
        "extra": np.round(rng.normal(0, 1, count), 6).tolist(),
    }


def write(path, columns):
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path, row_group_size=17)
        return path
    if path.suffix == ".hdf5":
        with h5py.File(path, "w", track_order=True) as file:
            for name, values in columns.items():
                file[name] = values
        return path
    if path.suffix in (".fits", ".vot", ".ecsv") or ".fits" in path.name:
        Table(columns).write(path, format={".vot": "votable"}.get(path.suffix))
        return path
    parting = {"csv": ",", "tsv": "\t"}.get(path.name.split(".")[1], "  ")
    lines = [("#" if parting == "  " else "") + parting.join(columns)]
    lines += [parting.join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    data = "\n".join([*lines, ""]).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(path):
    """By other readers than ours: name -> list of values, as text in CSV."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pydict()
    if path.suffix == ".fits":
        table = Table.read(path)
        return {name: table[name].tolist() for name in table.colnames}
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    return {name: [line[place] for line in lines] for place, name in enumerate(header)}


def predict(model, table, out, *options):
    return main(["--model", str(model), str(table), "--out", str(out), "--threads", "1", *options])


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_format_gives_what_the_whole_table_gives(name, output, model, tmp_path, capsys):
    columns = rows()
    out = tmp_path / output
    table = write(tmp_path / name, columns)
    assert predict(model, table, out, "--chunk-rows", "7", "--each-seed") == 0
    got = read(out)
    names = ["redshift_pred", *(f"redshift_pred_seed_{seed}" for seed in SEEDS)]
    assert list(got) == [*columns, *names]
    each = random_ensemble().predict(np.column_stack([columns[band] for band in BANDS]))
    expected = [each.mean(axis=0), *each]
    for column, values in zip(names, expected, strict=True):
        found = np.array(got[column], dtype=np.float64)
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-6)
    assert [int(value) for value in got["id"]] == columns["id"]
    assert got["name"] == columns["name"]
    for column in (*BANDS, "extra"):
        assert [float(value) for value in got[column]] == columns[column]
    assert capsys.readouterr() == ("", "")  # nothing to say, no terminal
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([output, name])


def test_fluxes_are_no_magnitudes(model, tmp_path):
    columns = rows()
    columns |= {band: [10 ** (0.4 * (23.9 - m)) for m in columns[band]] for band in BANDS}
    table = write(tmp_path / "t.parquet", columns)
    with pytest.raises(InputError, match=r"the numbers in g \(.* may be fluxes") as error:
        predict(model, table, tmp_path / "o.csv", "--drop-missing")
    assert "t.parquet" in str(error.value) and "transferz magnitudes" in str(error.value)
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.fits", "t.dat"])
def test_chunks_do_not_change_the_result(name, model, tmp_path):
    table = write(tmp_path / name, rows())
    results = []
    for chunk, threads in [("1", "1"), ("59", "2"), ("60", "3"), ("1000", "1")]:
        predict(model, table, tmp_path / "o.parquet", "--chunk-rows", chunk, "--threads", threads)
        results.append(pq.read_table(tmp_path / "o.parquet").to_pydict())
    assert all(result == results[0] for result in results)


def test_types_are_kept_and_known(model, tmp_path):
    table = write(tmp_path / "t.csv", rows())
    predict(model, table, tmp_path / "o.parquet")
    schema = pq.read_schema(tmp_path / "o.parquet")
    kinds = dict(zip(schema.names, schema.types, strict=True))
    assert (kinds["id"], kinds["name"], kinds["g"]) == (pa.int64(), pa.string(), pa.float64())
    assert kinds["redshift_pred"] == pa.float64()
    assert schema.metadata[b"transferz"] == b"redshift_pred: mean of 2 seeds of nn_spec, transferz"


def test_a_csv_is_kept_cell_by_cell(model, tmp_path):
    text = (
        'id,note,g,r,i,w\n00123,"a, ""b""",20.10,21,22,\n'
        '18446744073709551615,"two\nlines",20,21,22,x\n'
        '7,"",20,21,22,NA\n8,plain é,+2.05e1,21, 22.5,1.50\n'
    )
    (tmp_path / "t.csv").write_text(text)
    predict(model, tmp_path / "t.csv", tmp_path / "o.csv")
    before, after = read(tmp_path / "t.csv"), read(tmp_path / "o.csv")
    assert {name: after[name] for name in before} == before
    lines = (tmp_path / "o.csv").read_text().split("\n")
    assert lines[0] == "id,note,g,r,i,w,redshift_pred"
    assert lines[1].startswith('00123,"a, ""b""",20.10,21,22,,')
    assert lines[4].startswith('7,"",20,21,22,NA,')


def test_strings_and_nulls_survive_from_csv_to_parquet(model, tmp_path):
    lines = [
        "id,long,empty,flag,word,g,r,i",
        f"{BIG},,,1,,20,21,22",
        "2,18446744073709551615,,,,20,21,22",
    ]
    lines += ['3,1.5,,NA,"",20,21,22', "-4,7,,3,b,20,21,22"]
    (tmp_path / "t.csv").write_text("\n".join([*lines, ""]))
    predict(model, tmp_path / "t.csv", tmp_path / "o.parquet", "--chunk-rows", "1")
    got = pq.read_table(tmp_path / "o.parquet")
    assert got["id"].to_pylist() == [BIG, 2, 3, -4]
    assert got["long"].to_pylist() == [None, "18446744073709551615", "1.5", "7"]  # no float64 is
    assert got["empty"].to_pylist() == [None] * 4
    assert got["flag"].to_pylist() == [1, None, None, 3]
    assert got["word"].to_pylist() == [None, None, "", "b"]


PARQUET_COLUMNS = {
    "id": pa.array([BIG, None, 3], pa.int64()),
    "big": pa.array([2**64 - 1, None, 3], pa.uint64()),
    "small": pa.array([1, None, -3], pa.int8()),
    "flag": pa.array([True, None, False]),
    "word": pa.array(["a,b", None, ""]),
    "kind": pa.array(["x", None, "x"]).dictionary_encode(),
    "day": pa.array([0, None, 1], pa.date32()),
    "half": pa.array([1.5, None, 0.1], pa.float32()),
    **{band: pa.array([20.0, 21.0, 22.0], pa.float32()) for band in BANDS},
}


def test_parquet_keeps_its_types_nulls_and_metadata(model, tmp_path):
    listed = pa.array([[1, 2], None, []], pa.list_(pa.int64()))
    fields = [pa.field(n, v.type, metadata={"unit": "mag"}) for n, v in PARQUET_COLUMNS.items()]
    columns = [*PARQUET_COLUMNS.values(), listed]
    schema = pa.schema([*fields, pa.field("listed", listed.type)])
    footer = {"mine": "kept", "huggingface": "untrue", "IVOA.VOTable-Parquet.content": "untrue"}
    table = pa.Table.from_arrays(columns, schema=schema.with_metadata(footer))
    pq.write_table(table, tmp_path / "t.parquet")
    predict(model, tmp_path / "t.parquet", tmp_path / "o.parquet", "--chunk-rows", "2")
    got = pq.read_table(tmp_path / "o.parquet")
    assert got.drop_columns(["redshift_pred"]).equals(table)
    assert got.schema.field("g").metadata[b"unit"] == b"mag"
    assert got.schema.metadata.keys() == {b"mine", b"transferz"}
    with pytest.raises(InputError, match=r"column 'listed' is list.*CSV can't hold"):
        predict(model, tmp_path / "t.parquet", tmp_path / "o.csv")
    with pytest.raises(InputError, match=r"column 'listed' \(list.*can't go into FITS"):
        predict(model, tmp_path / "t.parquet", tmp_path / "o.fits")
    assert not (tmp_path / "o.csv").exists()
    assert not (tmp_path / "o.fits").exists()


@pytest.mark.filterwarnings("ignore:Column .flag. contains NULL")
def test_parquet_to_csv_and_fits_keeps_values_and_nulls(model, tmp_path):
    small = {n: v for n, v in PARQUET_COLUMNS.items() if n != "big"}
    table = write(tmp_path / "t.parquet", small)
    predict(model, table, tmp_path / "o.csv")
    got = read(tmp_path / "o.csv")
    assert got["id"] == [str(BIG), "", "3"]
    assert got["word"] == ["a,b", "", ""]
    assert got["half"] == ["1.5", "", "0.1"]
    assert got["day"] == ["1970-01-01", "", "1970-01-02"]
    assert got["flag"] == ["true", "", "false"]
    predict(model, table, tmp_path / "o.fits")
    got = Table.read(tmp_path / "o.fits")
    assert got["id"].tolist() == [BIG, None, 3]
    assert got["small"].tolist() == [1, None, -3]
    assert got["word"].tolist()[0] == "a,b"
    assert got["kind"].tolist()[0] == "x"
    assert got["day"].tolist()[2] == "1970-01-02"
    np.testing.assert_array_equal(got["half"], np.array([1.5, np.nan, 0.1], np.float32))
    with fits.open(tmp_path / "o.fits") as units:
        units.verify("exception")
        assert "transferz" in str(units[1].header["HISTORY"])
    predict(model, as_an_input(tmp_path / "o.fits"), tmp_path / "again.parquet")
    got = pq.read_table(tmp_path / "again.parquet")
    assert got["flag"].to_pylist() == [True, None, False]
    assert got["id"].to_pylist() == [BIG, None, 3]


def as_an_input(path):
    """Rename the forecasts of an output, so that it can be an input."""
    with fits.open(path, mode="update") as units:
        units[1].columns.change_name("redshift_pred", "before")
    return path


def test_fits_refuses_what_it_cannot_hold(model, tmp_path):
    bands = {band: [20.0] for band in BANDS}
    for column, words in [
        ({"big": pa.array([2**64 - 1], pa.uint64())}, "column 'big' .*can't go into FITS"),
        ({"word": ["é"]}, "column 'word' holds text that is not ASCII"),
        ({"é": [1]}, "no ASCII name"),
        ({"G": [1]}, "does not tell columns 'G' and 'g' apart"),
    ]:
        table = write(tmp_path / "t.parquet", column | bands)
        with pytest.raises(InputError, match=words):
            predict(model, table, tmp_path / "o.fits")
        assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def fits_table(path, compress=""):
    """Every kind of column: with unit, null, offset, scale, arrays of one and of varying length."""
    count = 9
    varying = np.empty(count, dtype=object)
    varying[:] = [np.arange(k, dtype=np.int32) for k in range(count)]
    columns = [
        fits.Column("id", "K", array=np.arange(count) + BIG, null=-1),
        fits.Column("star", "L", array=np.arange(count) % 2 == 0),
        fits.Column("label", "5A", array=[f"x{k}" for k in range(count)]),
        fits.Column("u32", "J", bzero=2**31, array=np.arange(count, dtype=np.uint32) + 2**31),
        fits.Column("shape", "3E", unit="arcsec", array=np.arange(3.0 * count).reshape(-1, 3)),
        fits.Column("tail", "PJ()", array=varying),
        *(fits.Column(b, "E", unit="mag", array=20 + np.arange(count) / 4) for b in BANDS),
    ]
    unit = fits.BinTableHDU.from_columns(columns, name="CAT")
    unit.header["TELESCOP"] = "Subaru"
    if compress:
        unit.data["g"][4] = 99.0
    primary = fits.PrimaryHDU()
    primary.header["ORIGIN"] = "here"
    fits.HDUList([primary, unit]).writeto(path, checksum=True)
    return path


@pytest.mark.parametrize("name", ["t.fits", "t.fits.gz"])
def test_a_fits_table_is_copied_with_all_that_it_has(name, model, tmp_path):
    table = fits_table(tmp_path / name, "one galaxy lacks g")
    predict(model, table, tmp_path / "o.fits", "--chunk-rows", "4", "--drop-missing")
    with fits.open(table) as old, fits.open(tmp_path / "o.fits", checksum=True) as new:
        new.verify("exception")
        kept = np.arange(9) != 4
        assert new[0].header["ORIGIN"] == "here"
        assert new[1].header["TELESCOP"] == "Subaru"
        assert new[1].name == "CAT"
        for before, after in zip(old[1].columns, new[1].columns[:-1], strict=True):
            for what in ("name", "format", "unit", "null", "bzero", "dim"):
                assert getattr(before, what) == getattr(after, what)
            if before.name != "tail":
                np.testing.assert_array_equal(
                    old[1].data[before.name][kept], new[1].data[before.name]
                )
        for k, values in zip(np.flatnonzero(kept), new[1].data["tail"], strict=True):
            np.testing.assert_array_equal(values, np.arange(k))
        assert new[1].columns[-1].format == "D"
        assert np.isfinite(new[1].data["redshift_pred"]).all()
        assert Path(tmp_path / "o.fits").stat().st_size % 2880 == 0


def test_what_only_fits_holds_is_said_so(model, tmp_path):
    table = fits_table(tmp_path / "t.fits")
    with pytest.raises(InputError, match="column 'tail' holds arrays of varying length"):
        predict(model, table, tmp_path / "o.parquet")
    with fits.open(table) as units:
        columns = [column for column in units[1].columns if column.name != "tail"]
        fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "u.fits")
    predict(model, tmp_path / "u.fits", tmp_path / "o.parquet")
    got = pq.read_table(tmp_path / "o.parquet").to_pydict()
    assert got["u32"][:2] == [2**31, 2**31 + 1]
    assert got["star"][:2] == [True, False]
    assert got["label"][8] == "x8"
    assert got["shape"][1] == [3.0, 4.0, 5.0]


def test_fits_nulls_become_nulls(model, tmp_path):
    columns = [fits.Column("id", "J", array=[1, -7, 3], null=-7)]
    columns += [fits.Column(band, "D", array=[20.0, 21, 22]) for band in BANDS]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "t.fits")
    predict(model, tmp_path / "t.fits", tmp_path / "o.parquet")
    assert pq.read_table(tmp_path / "o.parquet")["id"].to_pylist() == [1, None, 3]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.fits", "t.dat"])
def test_missing_magnitudes_are_refused_or_left_out_and_counted(
    name, output, model, tmp_path, capsys
):
    columns = rows()
    columns["g"][3], columns["r"][3], columns["r"][44] = 99.0, float("nan"), -99.0
    table, out = write(tmp_path / name, columns), tmp_path / output
    with pytest.raises(
        InputError, match=r"2 of 60 rows lack .* in g \(1\), r \(2\) .* drop_missing=True"
    ):
        predict(model, table, out, "--chunk-rows", "10")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    predict(model, table, out, "--chunk-rows", "10", "--drop-missing")
    assert capsys.readouterr().err == "2 of 60 rows lack a magnitude, in g (1), r (2): left out\n"
    kept = [k for k in range(COUNT) if k not in (3, 44)]
    got = read(out)
    assert [int(value) for value in got["id"]] == [columns["id"][k] for k in kept]
    magnitudes = np.column_stack([np.array(columns[band])[kept] for band in BANDS])
    expected = random_ensemble().predict(magnitudes).mean(axis=0)
    found = np.array(got["redshift_pred"], dtype=np.float64)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_an_empty_cell_is_a_missing_magnitude(model, tmp_path):
    (tmp_path / "t.csv").write_text("g,r,i\n20,21,22\n,21,22\nNA,21,22\n")
    with pytest.raises(InputError, match=r"2 of 3 rows .* g \(2\)"):
        predict(model, tmp_path / "t.csv", tmp_path / "o.csv")


def test_a_table_without_a_whole_row_is_refused_and_one_without_rows_is_not(model, tmp_path):
    table = write(tmp_path / "t.csv", {band: [99.0] * 3 for band in BANDS})
    with pytest.raises(InputError, match="none of its 3 rows"):
        predict(model, table, tmp_path / "o.csv", "--drop-missing")
    for name in ("e.csv", "e.parquet", "e.fits", "e.dat"):
        table = write(tmp_path / name, {band: np.empty(0) for band in BANDS})
        for output in OUTPUTS:
            predict(model, table, tmp_path / output)
            got = read(tmp_path / output)
            assert list(got) == [*BANDS, "redshift_pred"]
            assert not any(got.values())


def test_bands_are_the_tables_names_in_the_models_order(model, tmp_path):
    columns = rows()
    renamed = {f"{name}_mag" if name in BANDS else name: v for name, v in columns.items()}
    order = dict(sorted(renamed.items(), reverse=True))
    table, out = write(tmp_path / "t.csv", order), tmp_path / "o.csv"
    with pytest.raises(InputError, match=r"no column 'g'; .* with bands=.* \(g, r, i\)"):
        predict(model, table, out)
    predict(model, table, out, "--bands", "g_mag,r_mag,i_mag")
    expected = random_ensemble().predict(np.column_stack([columns[band] for band in BANDS]))
    found = np.array(read(out)["redshift_pred"], dtype=np.float64)
    np.testing.assert_allclose(found, expected.mean(axis=0), rtol=0, atol=1e-6)


def test_column_names_are_given_where_the_header_lacks_some(model, tmp_path):
    (tmp_path / "t.dat").write_text("#g r\n20 21 22\n# a comment\n\n20.5 21 22 # another\n")
    with pytest.raises(InputError, match=r"2 column names for rows of 3 values; .*names="):
        predict(model, tmp_path / "t.dat", tmp_path / "o.csv")
    predict(model, tmp_path / "t.dat", tmp_path / "o.csv", "--columns", "g,r,i")
    got = read(tmp_path / "o.csv")
    assert (got["g"], got["i"]) == (["20", "20.5"], ["22", "22"])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["--bands", "g,r"], ParameterError, "names 2 columns for a model of 3"),
        (["--bands", "g,r,r"], ParameterError, "names a column twice"),
        (["--bands", "g,r,name"], InputError, "column 'name' .* numbers"),
        (["--device", "abacus"], ParameterError, "no device 'abacus'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, error, words, model, tmp_path):
    table = write(tmp_path / "t.csv", rows())
    with pytest.raises(error, match=words):
        predict(model, table, tmp_path / "o.csv", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_places_where_no_output_can_go_are_refused(model, tmp_path):
    table = write(tmp_path / "t.csv", rows())
    before = table.read_bytes()
    (tmp_path / "link.csv").symlink_to(table)
    (tmp_path / "folder.csv").mkdir()
    for out, words in [
        (table, "is the table itself"),
        (tmp_path / "link.csv", "is the table itself"),
        (tmp_path / "o.xlsx", "ends in .csv, .parquet, .fits"),
        (tmp_path / "folder.csv", "name a file in a folder that exists"),
        (tmp_path / "absent" / "o.csv", "name a file in a folder that exists"),
    ]:
        with pytest.raises(InputError, match=words):
            predict(model, table, out)
    assert table.read_bytes() == before
    with pytest.raises(InputError, match="no table at"):
        predict(model, tmp_path / "absent.csv", tmp_path / "o.csv")
    with pytest.raises(InputError, match="can't read a model"):
        predict(tmp_path / "absent", table, tmp_path / "o.csv")


def test_columns_that_clash_are_refused(model, tmp_path):
    for column in ("redshift_pred", "Redshift_Pred"):
        table = write(tmp_path / "t.csv", rows() | {column: [1.0] * COUNT})
        with pytest.raises(InputError, match=f"has a column '{column}' already"):
            predict(model, table, tmp_path / "o.csv")
    seeds = {"redshift_pred_seed_3": [1.0] * COUNT}
    table = write(tmp_path / "t.csv", rows() | seeds)
    predict(model, table, tmp_path / "o.csv")
    with pytest.raises(InputError, match="has a column 'redshift_pred_seed_3' already"):
        predict(model, table, tmp_path / "o.csv", "--each-seed")
    (tmp_path / "u.csv").write_text("g,r,i,a,a\n20,21,22,1,2\n")
    with pytest.raises(InputError, match="more than one column 'a'"):
        predict(model, tmp_path / "u.csv", tmp_path / "o.csv")


def test_magnitudes_far_outside_the_range_are_said(model, tmp_path, capsys):
    columns = rows()
    columns["g"][0], columns["i"][9], columns["r"][5] = 17.4, 27.6, 27.5  # the last just inside
    predict(model, write(tmp_path / "t.csv", columns), tmp_path / "o.csv", "--chunk-rows", "5")
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "2 of 60 rows have a magnitude more than 0.5 mag outside the range" in message


@pytest.mark.parametrize(
    "provenance",
    [MOCK, {"method": "nn_tl", "source": {"table": {}}, "start": MOCK}],
    ids=["itself", "what it started from"],
)
def test_a_model_of_a_mock_is_announced_and_its_output_says_so(provenance, tmp_path, capsys):
    (tmp_path / MODEL_FILE).write_bytes(ensemble_bytes(random_ensemble(), BANDS, provenance))
    table = write(tmp_path / "t.csv", rows())
    for output in OUTPUTS:
        predict(tmp_path, table, tmp_path / output)
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert "mock" in message
    assert b"mock" in pq.read_schema(tmp_path / "o.parquet").metadata[b"transferz"]
    assert "mock" in str(fits.getheader(tmp_path / "o.fits", 1)["HISTORY"])


def test_progress_is_one_line_on_a_terminal(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(printing, "SHORT", 0.0)
    table = write(tmp_path / "t.parquet", rows())
    predict(model, table, tmp_path / "o.csv", "--chunk-rows", "20")
    shown = capsys.readouterr().err
    assert "/60.0 [" in shown
    assert "rows/s" in shown
    assert shown.rsplit("\r", 2)[1].strip() == ""  # wiped
    assert "\n" not in shown
    predict(model, table, tmp_path / "o.csv", "--quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.fits", "t.dat"])
@pytest.mark.parametrize("data", [b"", b"\x00\xff\xfe garbage \x80", b"PAR1", b"g,r,i\n1,2\n"])
def test_garbage_is_one_clear_error_and_leaves_nothing(name, data, model, tmp_path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TransferZError, match=name.replace(".", r"\.")):
        predict(model, tmp_path / name, tmp_path / "o.csv")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.fits", "t.fits.gz"])
def test_a_table_cut_short_is_refused(name, output, model, tmp_path):
    table = write(tmp_path / name, rows(600))
    whole = table.read_bytes()
    cut = whole[: int(len(whole) * 0.6)]
    table.write_bytes(cut + b",1" if name == "t.csv" else cut)
    with pytest.raises(InputError, match=r"t\."):
        predict(model, table, tmp_path / output, "--chunk-rows", "50")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_odd_rows_late_in_a_table_are_found(model, tmp_path):
    for name, odd in [("t.csv", "x,y\n"), ("t.dat", "x y\n")]:
        table = write(tmp_path / name, rows())
        table.write_text(table.read_text() + odd)
        with pytest.raises(InputError, match=rf"can't read .*{name}: .* for 6 columns: 'x.y'"):
            predict(model, table, tmp_path / "o.csv", "--chunk-rows", "7")


def child(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("older", [False, True])
def test_a_full_disk_leaves_what_was_there(output, older, model, tmp_path, monkeypatch):
    """The system's own limit on a file's size stands in for the disk's."""
    table, out = write(tmp_path / "t.parquet", rows(4000)), tmp_path / output
    if older:
        out.write_bytes(b"older")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        with pytest.raises(InputError, match=rf"cannot write .*{output}: .*free space"):
            predict(model, table, out, "--chunk-rows", "100", "--each-seed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*([output] if older else []), "t.parquet"]
    )
    if older:
        assert out.read_bytes() == b"older"


HELD = """
import signal, sys, torch
from transferz.cli.predict import predict as main
torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background jobs
from transferz.baselines.networks import forecasting
whole, chunks = forecasting.Forecaster.forecast, iter("123")
def held(self, *chunk):
    if next(chunks, None) is None:
        print("three chunks are done", flush=True)
        sys.stdin.read()  # until the end comes
    return whole(self, *chunk)
forecasting.Forecaster.forecast = held
main(sys.argv[1:])
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_leaves_nothing_by_the_name(end, model, tmp_path):
    """Killed while it waits to forecast its fourth chunk of ten."""
    table = write(tmp_path / "t.parquet", rows(100))
    options = ["--model", model, table, "--out", tmp_path / "o.fits", "--chunk-rows", "10"]
    with child(HELD, *options, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout.readline() == "three chunks are done\n"
        run.send_signal(end)
        run.wait()
    assert run.returncode != 0
    assert not (tmp_path / "o.fits").exists()
    if end == signal.SIGINT:
        assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    predict(model, table, tmp_path / "o.fits")  # what the killed run left is no hindrance
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.fits", "t.parquet"]


def test_it_runs_on_a_bare_machine(model, bare_site, tmp_path):
    import transferz

    site = bare_site("numpy", "pyarrow", "torch", "safetensors")
    root = Path(transferz.__file__).parents[1]
    (site / "transferz").mkdir()
    for module in (root / "loaders").iterdir():
        (site / "transferz" / module.name).symlink_to(module)
    for room in ("schemas", "photometry", "tables", "dataset", "baselines", "cli"):
        (site / "transferz" / room).symlink_to(root / room)
    table, out = write(tmp_path / "t.csv", rows()), tmp_path / "o.csv"
    done = run_bare(site, "--model", model, table, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(read(out)["redshift_pred"]) == COUNT
    other = write(tmp_path / "t.fits", rows())
    for names in ((table, "--out", tmp_path / "o.fits"), (other, "--out", out)):
        done = run_bare(site, "--model", model, *names)
        assert done.returncode == 2
        assert done.stderr.endswith("FITS needs the package 'astropy': pip install astropy\n")


def run_bare(site, *options):
    command = [sys.executable, "-S", "-m", "transferz.cli", "predict", "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run([*command, *options], env=environment, capture_output=True, text=True)
