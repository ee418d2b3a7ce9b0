"""``transferz score``: files of every kind, joined by id or with their truth, scored and drawn."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from matplotlib.figure import Figure

from transferz.baselines.forecasts import plots, score_forecasts, write_qp
from transferz.baselines.forecasts.columns import NamedColumns
from transferz.baselines.forecasts.files import read_predictions
from transferz.baselines.scores.metrics import score
from transferz.baselines.scores.probability import (
    GaussianMixture,
    GridPDF,
    Quantiles,
    Samples,
    per_galaxy,
    score_probability,
)
from transferz.cli import main
from transferz.releases import find_release
from transferz.schemas import InputError, ParameterError

LEVELS = {"q05": 0.05, "q16": 0.16, "q30": 0.3, "q50": 0.5, "q70": 0.7, "q84": 0.84, "q95": 0.95}
DEVIATES = np.array([-1.6449, -0.9945, -0.5244, 0.0, 0.5244, 0.9945, 1.6449])


@pytest.fixture(autouse=True)
def release(tiny_release, monkeypatch):
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(tiny_release))
    return find_release(tiny_release)


@pytest.fixture
def frame(release):
    """Forecasts for GalaxiesML's test split, in another order."""
    files = release.files()["galaxiesml"]["test"]
    table = pd.concat([pd.read_parquet(file) for file in files])
    rng = np.random.default_rng(3)
    found = table[["object_id", "redshift", "i_cmodel_mag"]].reset_index(drop=True)
    found = found.assign(z_pred=found["redshift"] + rng.normal(0.0, 0.05, len(table)))
    return found.sample(frac=1.0, random_state=1)


def run(capsys, *arguments):
    assert main(["score", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def fails(capsys, *arguments):
    assert main(["score", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def write(frame, path):
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".txt":
        frame.to_csv(path, index=False, sep=" ")
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".hdf5":
        with h5py.File(path, "w") as file:
            for name in frame.columns:
                file[name] = frame[name].to_numpy()
    else:
        Table.from_pandas(frame).write(path)
    return path


@pytest.mark.parametrize("name", ["f.csv", "f.txt", "f.parquet", "f.fits", "f.hdf5"])
@pytest.mark.parametrize("by", ["id", "truth"])
def test_every_format_gives_the_metrics(frame, tmp_path, capsys, name, by):
    columns = ["object_id", "z_pred"] if by == "id" else ["redshift", "z_pred", "i_cmodel_mag"]
    path = write(frame[columns], tmp_path / name)
    magnitude = [] if by == "id" else ["--magnitude", "i_cmodel_mag"]
    found = run(capsys, path, *magnitude)
    expected = score(frame["z_pred"].to_numpy(np.float32), frame["redshift"].to_numpy(np.float32))
    metrics = found["scores"]["ranges"]["all"]["metrics"]
    for metric, value in expected.items():
        assert metrics[metric]["mean"] == pytest.approx(float(value), rel=1e-4, abs=1e-9), metric
        assert metrics[metric]["spread"] is None
    assert metrics["scatter"]["error"] > 0
    assert set(found["scores"]["ranges"]) == {"all", "cosmological", "lsst"}
    assert found.get("config") == ("galaxiesml" if by == "id" else None)


def test_the_table_says_what_it_is_of(frame, tmp_path, capsys):
    path = write(frame[["object_id", "z_pred"]], tmp_path / "f.csv")
    assert main(["score", str(path)]) == 0
    said = capsys.readouterr().out
    assert "galaxiesml's test split of transferz 1.0.0+mock, MOCK galaxies, not real ones" in said
    assert "LSST's requirements" in said
    assert "bias" in said


def test_columns_of_seeds_are_seeds(frame, tmp_path, capsys):
    names = [f"redshift_pred_seed_{k}" for k in range(3)]
    seeds = frame.assign(**{name: frame["z_pred"] + 0.01 * k for k, name in enumerate(names)})
    path = write(seeds[["object_id", "redshift_pred_seed_0", *names[1:]]], tmp_path / "f.parquet")
    found = run(capsys, path)
    metrics = found["scores"]["ranges"]["all"]["metrics"]
    assert found["seeds"] == 3
    assert metrics["mse"]["spread"] > 0
    named = run(capsys, path, "--pred", "redshift_pred_seed_1")
    assert named["seeds"] == 1


def distribution(kind, frame):
    point = frame["z_pred"].to_numpy()[:, None]
    width = 0.05
    if kind == "samples":
        values = point + width * np.random.default_rng(0).normal(size=(len(point), 200))
        return values, "s_{}", ["--samples", "s_*"], Samples(values)
    if kind == "quantiles":
        values = point + width * DEVIATES
        text = ",".join(f"{name}={level}" for name, level in LEVELS.items())
        return values, None, ["--quantiles", text], Quantiles(np.array([*LEVELS.values()]), values)
    grid = np.linspace(-0.5, 3.0, 176)
    values = np.exp(-0.5 * ((grid - point) / width) ** 2)
    return values, "p_{}", ["--pdf", "p_*", "--grid=-0.5:3:176"], GridPDF(grid, values)


@pytest.mark.parametrize("kind", ["samples", "quantiles", "pdf"])
@pytest.mark.parametrize("shape", ["columns", "lists"])
def test_distributions_are_scored(frame, tmp_path, capsys, kind, shape):
    values, name, options, expected = distribution(kind, frame)
    table = frame[["object_id", "z_pred"]]
    if shape == "lists" and kind != "quantiles":
        table = table.assign(wide=list(values))
        options = [options[0], "wide", *options[2:]]
    else:
        names = list(LEVELS) if name is None else [name.format(k) for k in range(values.shape[1])]
        wide = pd.DataFrame(values, columns=names, index=table.index)
        table = pd.concat([table, wide], axis=1)
    path = write(table, tmp_path / "f.parquet")
    found = run(capsys, path, *options)
    true = frame["redshift"].to_numpy(np.float64)
    columns = per_galaxy(expected, true, frame["object_id"].to_numpy())
    scores = score_probability(columns, true, frame["z_pred"].to_numpy())
    metrics = found["scores"]["ranges"]["all"]["metrics"]
    for metric in ("crps", "cde_loss", "coverage_90", "width_68", "pit_ks"):
        assert metrics[metric]["mean"] == pytest.approx(float(scores[metric]), rel=1e-3), metric
        assert metrics[metric]["error"] > 0
    assert len(found["scores"]["pit"]["all"]) == 20


def test_without_points_the_median_is_the_point(frame, tmp_path, capsys):
    values, name, options, expected = distribution("samples", frame)
    names = [name.format(k) for k in range(values.shape[1])]
    table = pd.DataFrame(values, columns=names).assign(object_id=frame["object_id"].to_numpy())
    found = run(capsys, write(table, tmp_path / "f.parquet"), *options)
    median = expected.quantiles([0.5])[:, 0]
    true = frame["redshift"].to_numpy(np.float64)
    rmse = found["scores"]["ranges"]["all"]["metrics"]["rmse"]["mean"]
    assert rmse == pytest.approx(float(score(median, true)["rmse"]), rel=1e-4)


def test_figures(frame, tmp_path, capsys):
    values, _, options, _ = distribution("quantiles", frame)
    wide = pd.DataFrame(values, columns=list(LEVELS), index=frame.index)
    path = write(pd.concat([frame, wide], axis=1), tmp_path / "f.parquet")
    run(capsys, path, *options, "--plot", tmp_path / "plots")
    drawn = {one.name: one.read_bytes() for one in (tmp_path / "plots").iterdir()}
    assert set(drawn) == {"redshift.png", "residuals.png", "pit.png", "qq.png"}
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())
    run(capsys, path, "--plot", tmp_path / "points")
    assert {one.name for one in (tmp_path / "points").iterdir()} == {
        "redshift.png",
        "residuals.png",
    }


def test_figures_that_can_not_be_written_leave_what_was_there(frame, tmp_path, capsys, monkeypatch):
    """No folder where there was none, and no old figure beside new ones."""
    path = write(frame[["object_id", "z_pred"]], tmp_path / "f.csv")
    (tmp_path / "old").mkdir()
    (tmp_path / "old/redshift.png").write_bytes(b"old")

    def second_fails(figure, beside):
        if beside.name == "residuals.png":
            raise OSError(28, "No space left on device")
        beside.write_bytes(b"new")

    monkeypatch.setattr("transferz.baselines.forecasts.plots.save_png", second_fails)
    for folder in (tmp_path / "old", tmp_path / "new/plots"):
        said = fails(capsys, path, "--plot", folder)
        assert f"cannot write {folder / 'residuals.png'}: No space left" in said
    assert [one.read_bytes() for one in (tmp_path / "old").iterdir()] == [b"old"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["f.csv", "old"]


def test_figures_of_a_mock_say_so(frame, tmp_path, capsys, monkeypatch):
    titles = []
    drawing = "transferz.baselines.forecasts.plots.draw"
    monkeypatch.setattr(drawing, lambda found, folder, title: titles.append(title) or [])
    path = write(frame[["object_id", "z_pred", "redshift"]], tmp_path / "f.csv")
    run(capsys, path, "--plot", tmp_path)
    run(capsys, path, "--true", "redshift", "--plot", tmp_path)
    assert titles == ["f.csv\nMOCK galaxies, not real ones", "f.csv"]


@pytest.mark.parametrize("name", ["f.csv", "photo-z_" * 15 + "of_$field$_7.csv"])
def test_a_figures_title_is_as_wide_as_the_figure_at_most(name):
    figure = Figure(figsize=(plots.WIDTH, 2.0), layout="constrained")
    with plots.paper_style():
        plots.put_title(figure, f"{name}\nMOCK galaxies, not real ones", x=0.02, ha="left")
        shown = figure.get_suptitle().split("\n")
        figure.draw_without_rendering()
    assert shown[0][:4] == name[:4] and shown[0].endswith(name[-12:])
    assert ("…" in shown[0]) == (len(name) > 50) and shown[1] == "MOCK galaxies, not real ones"
    extent = figure._suptitle.get_window_extent()
    assert extent.x0 > 0 and extent.x1 < figure.bbox.x1


@pytest.mark.parametrize("missed", [1, 30])  # per cent
def test_a_figures_note_is_not_cut(missed):
    true = np.linspace(0.01, 2.0, 1000)
    predicted = np.where(np.arange(1000) % 100 < missed, -0.5, true)
    with plots.paper_style():
        figure = plots._redshift(predicted, true)
        figure.draw_without_rendering()
        (axes, _) = figure.axes
        note = axes.title if axes.title.get_text() else axes._left_title
        assert note.get_text() == f"dotted: |dz| = 0.15; {missed:.1f} % lie beyond the axes"
        assert note.get_window_extent().x1 < figure.bbox.x1


def test_missing_forecasts(frame, tmp_path, capsys):
    path = write(frame[["object_id", "z_pred"]].iloc[:60], tmp_path / "f.csv")
    said = fails(capsys, path)
    assert "10 ids of the 70 galaxies of galaxiesml's test split have no forecast" in said
    assert "--allow-missing" in said
    found = run(capsys, path, "--allow-missing")["scores"]
    assert (found["n"], found["completeness"]) == (60, pytest.approx(60 / 70))
    assert main(["score", str(path), "--allow-missing"]) == 0
    assert "85.71 % complete" in capsys.readouterr().out
    holes = frame[["redshift", "z_pred"]].copy()
    holes.iloc[:3, 1] = np.nan
    assert "3 of 70 rows have no forecast" in fails(capsys, write(holes, tmp_path / "h.csv"))


def test_a_sentinel_is_no_forecast(frame, tmp_path, capsys):
    frame.iloc[:4, frame.columns.get_loc("z_pred")] = -99.0
    by_id = write(frame[["object_id", "z_pred"]], tmp_path / "a.csv")
    assert "4 ids of the 70 galaxies" in fails(capsys, by_id)
    with_truth = write(frame[["redshift", "z_pred"]], tmp_path / "b.csv")
    assert "4 of 70 rows have no forecast" in fails(capsys, with_truth)
    assert run(capsys, with_truth, "--allow-missing")["scores"]["n"] == 66


@pytest.mark.parametrize("none", [-1, -9, -9.99, 9.9999, 99])
def test_every_sentinel_is_no_forecast_no_truth_and_no_percentile(frame, tmp_path, capsys, none):
    values, _, options, _ = distribution("quantiles", frame)
    wide = pd.DataFrame(values, columns=list(LEVELS), index=frame.index)
    table = pd.concat([frame[["redshift", "z_pred"]], wide], axis=1)
    whole = {}
    for name in ("redshift", "z_pred", "q16"):
        marked = table.copy()
        marked.iloc[:4, table.columns.get_loc(name)] = none
        path = write(marked, tmp_path / f"{name}.csv")
        what = "true redshift" if name == "redshift" else "forecast"
        assert f"4 of 70 rows have no {what}" in fails(capsys, path, *options)
        found = run(capsys, path, *options, "--allow-missing")
        assert found["left_out"] == {"forecast": 0, "true redshift": 0} | {what: 4}
        whole[name] = found["scores"]["ranges"]["all"]["metrics"]
        assert main(["score", str(path), *options, "--allow-missing"]) == 0
        assert f"4 galaxies have no {what}" in capsys.readouterr().out
    assert whole["redshift"] == whole["z_pred"] == whole["q16"]


def test_a_magnitude_that_is_none_is_in_no_range(frame, tmp_path, capsys):
    frame.iloc[:3, frame.columns.get_loc("i_cmodel_mag")] = [0.0, -9.0, 50.0]
    path = write(frame[["redshift", "z_pred", "i_cmodel_mag"]], tmp_path / "a.csv")
    found = run(capsys, path, "--magnitude", "i_cmodel_mag")
    assert found["left_out"] == {"forecast": 0, "true redshift": 0, "magnitude": 3}
    assert found["scores"]["n"] == 70


def test_complex_forecasts_are_refused():
    with pytest.raises(InputError, match="predicted: expected real numbers, found complex128"):
        score_forecasts(np.full(3, 0.5 + 0.1j), np.full(3, 0.5))


def test_a_missing_distribution_is_a_missing_forecast(frame, tmp_path, capsys):
    values, name, options, _ = distribution("pdf", frame)
    values[:5] = np.nan
    names = [name.format(k) for k in range(values.shape[1])]
    wide = pd.DataFrame(values, columns=names, index=frame.index)
    path = write(pd.concat([frame[["object_id", "z_pred"]], wide], axis=1), tmp_path / "a.parquet")
    assert "5 ids of the 70 galaxies" in fails(capsys, path, *options)
    found = run(capsys, path, *options, "--allow-missing")["scores"]
    assert found["n"] == 65
    assert found["ranges"]["all"]["metrics"]["crps"]["mean"] > 0


def test_a_null_list_is_a_missing_forecast(frame, tmp_path, capsys):
    values, _, options, _ = distribution("samples", frame)
    lists = [None, None, *values[2:]]
    path = write(frame[["object_id"]].assign(wide=lists), tmp_path / "a.parquet")
    options = [options[0], "wide"]
    assert "2 ids of the 70 galaxies" in fails(capsys, path, *options)
    assert run(capsys, path, *options, "--allow-missing")["scores"]["n"] == 68
    lists = [values[0][:5], *values[1:]]
    path = write(frame[["object_id"]].assign(wide=lists), tmp_path / "b.parquet")
    assert "lists of several lengths" in fails(capsys, path, *options)


@pytest.fixture
def mixture(frame):
    column = np.ones((len(frame), 1))
    return GaussianMixture(column, frame["z_pred"].to_numpy()[:, None], 0.05 * column)


def test_a_qp_file_is_joined_by_its_ids(frame, mixture, tmp_path, capsys):
    path = tmp_path / "a.hdf5"
    write_qp(path, mixture, object_id=frame["object_id"], redshift=frame["redshift"] + 0.1)
    found = run(capsys, path)
    assert (found["config"], found["scores"]["completeness"]) == ("galaxiesml", 1.0)
    bias = found["scores"]["ranges"]["all"]["metrics"]["bias"]["mean"]
    assert abs(bias) < 0.02  # the label is the release's, not that of the file


def test_a_qp_file_is_known_by_its_content(frame, mixture, tmp_path, capsys):
    path = tmp_path / "a.hdf5"
    write_qp(path, mixture, object_id=frame["object_id"])
    assert run(capsys, path.rename(tmp_path / "a.dat"))["config"] == "galaxiesml"


def test_a_damaged_split_is_never_scored_against(frame, release, tmp_path, capsys):
    """A page whose checksum differs is refused, though its values could be read."""
    place = shutil.copytree(release.path, tmp_path / "transferz")
    split = place / "galaxiesml" / "test-00001-of-00002.parquet"
    metadata = pq.read_metadata(split)
    column = metadata.row_group(0).column(metadata.schema.to_arrow_schema().names.index("redshift"))
    start = column.dictionary_page_offset or column.data_page_offset
    whole = bytearray(split.read_bytes())
    whole[start + column.total_compressed_size - 5] ^= 1
    split.write_bytes(whole)
    path = write(frame[["object_id", "z_pred"]], tmp_path / "f.csv")
    said = fails(capsys, path, "--config", "galaxiesml", "--release", place)
    assert "as MANIFEST.json says, found others" in said


def test_a_qp_file_of_ones_own_galaxies(frame, mixture, tmp_path, capsys):
    path, true = tmp_path / "a.hdf5", frame["redshift"].to_numpy()
    own = {"object_id": np.arange(len(frame)), "redshift": true}
    write_qp(path, mixture, point=true + 0.1, **own)
    assert "the column of the true redshifts with --true" in fails(capsys, path)
    found = run(capsys, path, "--true", "redshift")
    assert (found["truth"], found["scores"]["n"]) == ("the file", 70)
    assert found["scores"]["ranges"]["all"]["metrics"]["mse"]["mean"] == pytest.approx(0.01)
    perfect = run(capsys, path, "--true", "redshift", "--pred", "redshift")
    assert perfect["scores"]["ranges"]["all"]["metrics"]["mse"]["mean"] == 0.0
    said = fails(capsys, path, "--true", "z")
    assert "has no column 'z'; it has: object_id, point, redshift" in said
    assert "says itself what its distributions are" in fails(capsys, path, "--samples", "s_*")
    write_qp(tmp_path / "b.hdf5", mixture, point=true)
    assert "there are: point" in fails(capsys, tmp_path / "b.hdf5")


def test_numbered_columns_are_taken_by_their_numbers(frame, tmp_path, capsys):
    values, name, options, _ = distribution("pdf", frame)
    names = [name.format(k) for k in range(values.shape[1])]
    wide = pd.DataFrame(values, columns=names, index=frame.index)
    table = pd.concat([frame[["object_id", "z_pred"]], wide], axis=1)
    ordered = run(capsys, write(table, tmp_path / "a.parquet"), *options)["scores"]
    by_name = table[["object_id", "z_pred", *sorted(names)]]
    assert run(capsys, write(by_name, tmp_path / "b.parquet"), *options)["scores"] == ordered


def test_ids_that_are_no_test_galaxys(frame, release, tmp_path, capsys):
    table = frame[["object_id", "z_pred"]]
    twice = pd.concat([table, table.iloc[:2]])
    assert "2 ids are there more than once" in fails(capsys, write(twice, tmp_path / "a.csv"))
    unknown = pd.concat([table, pd.DataFrame({"object_id": [77], "z_pred": [0.5]})])
    said = fails(capsys, write(unknown, tmp_path / "b.csv"))
    assert "1 ids are of no galaxy" in said
    assert "(77)" in said
    learned = pd.read_parquet(release.files()["galaxiesml"]["train"][0]).iloc[:4]
    mixed = pd.concat([table, learned[["object_id"]].assign(z_pred=0.5)])
    said = fails(capsys, write(mixed, tmp_path / "c.csv"))
    assert "4 ids are of galaxiesml's train split, and not to be scored" in said
    other = pd.concat([pd.read_parquet(one) for one in release.files()["transferz"]["test"]])
    both = pd.concat([table, other[["object_id"]].assign(z_pred=0.5)])
    path = write(both, tmp_path / "d.csv")
    assert run(capsys, path, "--config", "galaxiesml")["scores"]["n"] == 70
    assert run(capsys, path, "--config", "transferz")["scores"]["completeness"] == 1.0


def test_what_is_not_clear_is_asked(frame, tmp_path, capsys):
    odd = write(frame.rename(columns={"z_pred": "mine"})[["object_id", "mine"]], tmp_path / "a.csv")
    said = fails(capsys, odd)
    assert "which column holds the forecasts" in said
    assert "object_id, mine" in said
    two = write(frame.assign(z_phot=0.5), tmp_path / "two.csv")
    assert "There are z_pred, z_phot; name one with --pred" in fails(capsys, two)
    odd = write(frame[["z_pred"]], tmp_path / "b.csv")
    assert "which column holds the true redshifts" in fails(capsys, odd)
    path = write(frame, tmp_path / "c.csv")
    assert "no column 'nothing'" in fails(capsys, path, "--pred", "nothing")
    assert "no column like 'p_*'" in fails(capsys, path, "--pdf", "p_*")
    assert "--grid has none redshifts for 1" in fails(capsys, path, "--pdf", "z_pred")
    assert "--grid is about --pdf" in fails(capsys, path, "--grid", "0:1:3")
    assert "no column like 's_*'" in fails(capsys, path, "--samples", "s_*")
    assert "expected COLUMN=LEVEL" in fails(capsys, path, "--quantiles", "q05")
    assert "has no column 'b'" in fails(capsys, path, "--quantiles", "a=0.5,b=0.4")
    assert "not both" in fails(capsys, path, "--true", "redshift", "--id", "object_id")
    floats = frame.assign(object_id=frame["object_id"] + 0.5)
    assert "expected whole numbers" in fails(capsys, write(floats, tmp_path / "d.parquet"))
    lost = write(frame.assign(object_id=frame["object_id"].astype("Int64")), tmp_path / "e.parquet")
    table = pd.read_parquet(lost)
    table.iloc[:2, table.columns.get_loc("object_id")] = pd.NA
    assert "2 of 70 rows have no id" in fails(capsys, write(table, tmp_path / "f.parquet"))
    assert "no table at" in fails(capsys, tmp_path / "none.csv")


def test_nothing_to_score_is_said(frame, tmp_path, capsys):
    table = frame[["redshift", "z_pred"]]
    assert "there is no galaxy to score" in fails(capsys, write(table[:0], tmp_path / "a.parquet"))
    empty = write(table.assign(z_pred=np.nan), tmp_path / "b.parquet")
    assert "all forecasts are missing" in fails(capsys, empty, "--allow-missing", "--plot", "x")
    absurd = write(table.assign(redshift=-99.0), tmp_path / "c.csv")
    assert "70 of 70 rows have no true redshift" in fails(capsys, absurd)
    path = write(table, tmp_path / "d.csv")
    said = fails(capsys, path, "--plot", path / "plots")
    assert f"{path} is a file, not a folder; name another place" in said


def test_a_config_that_is_not_there_is_said_with_those_that_are(frame, tmp_path, capsys):
    path = write(frame[["object_id", "z_pred"]], tmp_path / "f.csv")
    said = fails(capsys, path, "--config", "combo")
    assert "expected one of transferz, galaxiesml, which" in said
    assert "found 'combo'" in said


def test_fluxes_in_place_of_the_magnitude_are_refused(frame, tmp_path, capsys):
    flux = 10 ** (0.4 * (23.9 - frame["i_cmodel_mag"]))
    path = write(frame[["redshift", "z_pred"]].assign(i=flux), tmp_path / "f.csv")
    assert "numbers in i (median" in fails(capsys, path, "--magnitude", "i")


def test_a_missing_magnitude_is_not_a_bright_one(frame, tmp_path, capsys):
    faint = frame["i_cmodel_mag"] > 23.0
    holes = frame.assign(i=frame["i_cmodel_mag"].where(~faint, -99.0))
    path = write(holes[["redshift", "z_pred", "i"]], tmp_path / "a.csv")
    found = run(capsys, path, "--magnitude", "i")["scores"]["ranges"]["lsst"]["n"]
    inside = (frame["redshift"] > 0.3) & (frame["redshift"] < 3.0)
    assert found == int((inside & ~faint).sum())


def test_a_runs_own_forecasts_are_known(tmp_path, capsys):
    columns = {"config": ["transferz"], "object_id": [1], "seed": [0], "point": [0.5]}
    path = write(pd.DataFrame(columns), tmp_path / "forecasts.parquet")
    assert "what `transferz benchmark` wrote" in fails(capsys, path)


def test_python_is_told_of_arguments(frame, tmp_path):
    path = write(frame[["z_pred"]], tmp_path / "f.csv")
    with pytest.raises(InputError, match=r"with true=, or .* with identifier=; or give") as error:
        read_predictions(path, NamedColumns())
    said = error.value.on_command_line()
    assert "with --true, or the ids of a release's galaxies with --id; or give --truth FILE" in said


def test_arrays_in_python(frame):
    true, point = frame["redshift"].to_numpy(), frame["z_pred"].to_numpy()
    column = np.ones((len(true), 1))
    mixture = GaussianMixture(column, point[:, None], 0.05 * column)
    found = score_forecasts(point, true, distribution=mixture)
    assert found["ranges"]["all"]["metrics"]["crps"]["mean"] > 0
    assert set(found["ranges"]) == {"all", "cosmological"}
    with pytest.raises(InputError, match="one value for each of 70 true redshifts"):
        score_forecasts(point[:-1], true)
    with pytest.raises(InputError, match="true: 1 of 70 rows have no true redshift"):
        score_forecasts(point, np.where(np.arange(70) == 3, np.nan, true))
    with pytest.raises(InputError, match="i_mag: expected one value"):
        score_forecasts(point, true, i_mag=np.zeros(5))
    with pytest.raises(InputError, match="2 seeds with one distribution"):
        score_forecasts(np.stack([point, point]), true, distribution=mixture)


def test_parameter_errors_are_parameter_errors():
    from transferz.cli.score import parse_grid

    with pytest.raises(ParameterError, match="FROM:TO:COUNT"):
        parse_grid("3:0:20")


def test_series_in_different_orders_are_refused():
    true = pd.Series(np.linspace(0.1, 2.0, 50))
    with pytest.raises(InputError, match="predicted and true have rows of different indexes"):
        score_forecasts(true.sort_values(ascending=False), true)
    scores = score_forecasts(true[::-1], true[::-1], i_mag=np.full(50, 20.0))
    assert scores["ranges"]["all"]["metrics"]["rmse"]["mean"] == 0.0


def test_an_ensemble_in_memory_is_scored():
    qp = pytest.importorskip("qp")
    true = np.linspace(0.1, 2.0, 50)
    norm = {"loc": true[:, None], "scale": np.full((50, 1), 0.1)}
    ensemble = qp.Ensemble(qp.stats.norm, data=norm)
    metrics = score_forecasts(true, true, distribution=ensemble)["ranges"]["all"]["metrics"]
    assert metrics["coverage_68"]["mean"] == 1.0


def test_a_pdfs_columns_are_in_order_of_their_numbers(frame, tmp_path, capsys):
    """Decimals are numbers, whatever the file's order; names that tell none are refused."""
    values, _, options, _ = distribution("pdf", frame)
    values, grid = values[:, ::5], np.linspace(-0.5, 3.0, 176)[::5]
    options = ["--pdf", "p_*", f"--grid={grid[0]}:{grid[-1]}:{grid.size}"]
    table, found = frame[["object_id", "z_pred"]], {}
    for kind, form in (("place", "p_{:d}"), ("redshift", "p_{:g}"), ("mixed", "p_{:.3f}")):
        numbers = range(grid.size) if kind == "place" else grid.round(3)
        wide = pd.DataFrame(values, columns=map(form.format, numbers), index=frame.index)
        wide = wide.sample(frac=1.0, axis=1, random_state=2)
        path = write(pd.concat([table, wide], axis=1), tmp_path / f"{kind}.csv")
        report = run(capsys, path, *options)
        found[kind] = report["scores"]["ranges"]["all"]["metrics"]
        assert report["columns"]["distribution"].endswith(f"{grid.size} columns")
    assert found["place"] == found["redshift"] == found["mixed"]
    assert found["place"]["cde_loss"]["mean"] < 0
    shifted = wide.rename(columns=lambda name: f"p_{float(name[2:]) + 0.1:.3f}")
    path = write(pd.concat([table, shifted], axis=1), tmp_path / "shifted.csv")
    assert "by --grid; give the grid that the columns' names tell" in fails(capsys, path, *options)
    odd = wide.rename(columns=lambda name: name.replace(".", "d"))
    path = write(pd.concat([table, odd], axis=1), tmp_path / "odd.csv")
    assert "can't be told from their names" in fails(capsys, path, *options)


def test_a_grid_may_be_uneven_and_told_by_names_or_a_file(frame, tmp_path, capsys):
    rng = np.random.default_rng(4)
    grid = np.unique(np.r_[-0.5, rng.uniform(-0.5, 3.0, 300), 3.0].round(3))
    point = frame["z_pred"].to_numpy()[:, None]
    values = np.exp(-0.5 * ((grid - point) / 0.05) ** 2)
    expected = score_forecasts(
        frame["z_pred"], frame["redshift"], distribution=GridPDF(grid, values)
    )["ranges"]["all"]["metrics"]

    def save(form, numbers):
        wide = pd.DataFrame(values, columns=[form.format(one) for one in numbers])
        shuffled = wide.set_index(frame.index).sample(frac=1.0, axis=1, random_state=2)
        whole = pd.concat([frame[["object_id", "z_pred"]], shuffled], axis=1)
        return write(whole, tmp_path / "f.parquet")

    report = run(capsys, save("p_{:.3f}", grid), "--pdf", "p_*")
    assert report["columns"]["distribution"].endswith("columns, at the redshifts of their names")
    found = report["scores"]["ranges"]["all"]["metrics"]
    assert found["cde_loss"]["mean"] == pytest.approx(expected["cde_loss"]["mean"], rel=1e-5)
    assert found["crps"]["mean"] == pytest.approx(expected["crps"]["mean"], rel=1e-5)

    path = save("p_{}", range(grid.size))
    assert "--grid has none redshifts for" in fails(capsys, path, "--pdf", "p_*")  # places, say
    (tmp_path / "plain.txt").write_text("\n".join(map(str, grid)))
    pd.DataFrame({"z": grid}).to_parquet(tmp_path / "named.parquet")
    for name in ("plain.txt", "named.parquet"):
        again = run(capsys, path, "--pdf", "p_*", "--grid", tmp_path / name)
        assert again["scores"]["ranges"]["all"]["metrics"] == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.0\n0.2\n0.1\n", "expected two redshifts or more, each above the one before"),
        ("a,b\n0.0,1.0\n0.1,1.1\n", "expected one column, the redshifts of a grid; found a, b"),
    ],
)
def test_what_is_no_grid(frame, tmp_path, capsys, text, said):
    path = write(frame[["object_id", "z_pred"]], tmp_path / "f.csv")
    (tmp_path / "grid.csv").write_text(text)
    assert said in fails(capsys, path, "--pdf", "z_pred", "--grid", tmp_path / "grid.csv")


def test_quantiles_are_put_in_order_of_their_levels(frame, tmp_path, capsys):
    values, _, options, _ = distribution("quantiles", frame)
    wide = pd.DataFrame(values, columns=list(LEVELS), index=frame.index)
    path = write(pd.concat([frame[["object_id", "z_pred"]], wide], axis=1), tmp_path / "a.csv")
    turned = ",".join(reversed(options[1].split(",")))
    assert run(capsys, path, "--quantiles", turned) == run(capsys, path, *options)
    assert "named twice" in fails(capsys, path, "--quantiles", "q05=0.05,q05=0.95")


def test_three_quantiles_are_forecasts_and_what_they_can_not_tell_is_said(frame, tmp_path, capsys):
    values, _, _, _ = distribution("quantiles", frame)
    wide = pd.DataFrame(values[:, [0, 3, 6]], columns=["lo", "mid", "hi"], index=frame.index)
    path = write(pd.concat([frame[["redshift", "z_pred"]], wide], axis=1), tmp_path / "a.csv")
    points = run(capsys, path)["scores"]["ranges"]["all"]["metrics"]
    found = run(capsys, path, "--quantiles", "lo=0.1,mid=0.5,hi=0.9")
    metrics = found["scores"]["ranges"]["all"]["metrics"]
    assert {name: metrics[name] for name in points} == points
    assert metrics["crps"]["mean"] is None and metrics["coverage_90"]["mean"] is None
    assert "CRPS, CDE loss, log score and PIT are left out" in found["remarks"][0]
    half = run(capsys, path, "--quantiles", "lo=0.05,hi=0.95")["scores"]["ranges"]["all"]
    assert half["metrics"]["coverage_90"]["mean"] > 0.8


def test_two_candidates_are_an_error_that_names_them(frame, tmp_path, capsys):
    both = frame[["redshift", "z_pred"]].assign(z_spec=frame["redshift"] + 0.2)
    path = write(both, tmp_path / "a.csv")
    said = fails(capsys, path)
    assert "which column holds the true redshifts? There are redshift, z_spec" in said
    assert "--true" in said
    found = run(capsys, path, "--true", "z_spec")
    assert found["columns"] == {"forecast": "z_pred", "true redshift": "z_spec"}
    assert main(["score", str(path), "--true", "z_spec"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "columns: forecast: z_pred; true redshift: z_spec"


def test_an_ensemble_without_ids_or_truth_is_scored_against_a_file(
    frame, mixture, tmp_path, capsys
):
    write_qp(path := tmp_path / "a.hdf5", mixture)
    assert "--truth FILE --in-order where they are in the same order" in fails(capsys, path)
    truth = write(frame[["redshift", "i_cmodel_mag", "object_id"]], tmp_path / "t.csv")
    found = run(capsys, path, "--truth", truth, "--in-order", "--magnitude", "i_cmodel_mag")
    assert found["truth_columns"] == {"true redshift": "redshift", "i magnitude": "i_cmodel_mag"}
    assert found["scores"]["n"] == 70 and "lsst" in found["scores"]["ranges"]
    said = fails(capsys, path, "--truth", truth)
    assert "which column holds the ids? Name it with --id" in said
    assert f"or give --truth {truth} --in-order where" in said
    short = write(frame[["redshift"]].iloc[1:], tmp_path / "s.csv")
    said = fails(capsys, path, "--truth", short, "--in-order")
    assert "has 70 rows" in said and "are 69" in said and "give --allow-missing" in said

    write_qp(tmp_path / "b.hdf5", mixture, object_id=frame["object_id"])
    by_id = write(frame[["redshift", "object_id"]].sample(frac=1.0), tmp_path / "i.csv")
    joined = run(capsys, tmp_path / "b.hdf5", "--truth", by_id)["scores"]["ranges"]["all"]
    wanted = found["scores"]["ranges"]["all"]["metrics"]["mse"]["mean"]
    assert joined["metrics"]["mse"]["mean"] == pytest.approx(wanted, rel=1e-6)


def test_forecasts_in_the_order_of_a_test_split(frame, release, tmp_path, capsys):
    files = release.files()["galaxiesml"]["test"]
    order = pd.concat([pd.read_parquet(file) for file in files])["object_id"]
    table = frame.set_index("object_id").loc[order].reset_index()
    path = write(table[["z_pred"]], tmp_path / "a.csv")
    found = run(capsys, path, "--in-order", "--config", "galaxiesml")
    by_id = run(capsys, write(table[["object_id", "z_pred"]], tmp_path / "b.csv"))
    assert found["scores"] == by_id["scores"]
    said = fails(capsys, path, "--in-order")
    assert "Give --truth FILE --in-order" in said and "--config CONFIG --in-order" in said
    short = write(table[["z_pred"]].iloc[:60], tmp_path / "c.csv")
    said = fails(capsys, short, "--in-order", "--config", "galaxiesml")
    assert "NaN where there is no forecast; either way, give --allow-missing" in said
    padded = write(table[["z_pred"]].assign(z_pred=[*table["z_pred"][:60], *[np.nan] * 10]), short)
    options = ("--in-order", "--config", "galaxiesml", "--allow-missing")
    assert run(capsys, padded, *options)["scores"]["n"] == 60


def test_all_that_a_file_does_not_tell_is_asked_at_once(frame, tmp_path, capsys):
    path = write(frame[["z_pred"]].rename(columns={"z_pred": "mine"}), tmp_path / "a.csv")
    said = fails(capsys, path)
    assert "which column holds the forecasts? Name it with --pred" in said
    assert "--truth FILE --in-order where they are in the same order" in said
    truth = write(frame[["redshift"]].rename(columns={"redshift": "zed"}), tmp_path / "t.csv")
    said = fails(capsys, path, "--pred", "mine", "--truth", truth)
    assert "Name it with --true" in said and "give --truth FILE --in-order" in said
    options = ("--pred", "mine", "--truth", truth, "--true", "zed", "--in-order")
    assert run(capsys, path, *options)["scores"]["n"] == 70


def test_words_of_the_printed_scores(frame, tmp_path, capsys):
    path = write(frame[["redshift", "z_pred"]], tmp_path / "a.csv")
    assert main(["score", str(path)]) == 0
    said = capsys.readouterr().out
    assert "spread over seeds" not in said and "Score ± bootstrap error over galaxies." in said
    assert "outliers: |Δz| > 0.15 (1 + z); 3σ outliers: Δz / (1 + z) more than 3 times" in said
    two = frame[["redshift", "z_pred"]].assign(other=frame["z_pred"] + 0.01)
    seeds = ("--pred", "z_pred,other")
    assert main(["score", str(write(two, tmp_path / "b.csv")), *seeds]) == 0
    assert "Mean over seeds ± bootstrap error over galaxies (spread" in capsys.readouterr().out


def test_a_density_of_0_in_one_row_is_a_missing_forecast(frame, tmp_path, capsys):
    values, name, options, _ = distribution("pdf", frame)
    values[0], values[1, 0] = 0.0, -1e-18
    names = [name.format(k) for k in range(values.shape[1])]
    wide = pd.DataFrame(values, columns=names, index=frame.index)
    path = write(pd.concat([frame[["object_id", "z_pred"]], wide], axis=1), tmp_path / "a.parquet")
    assert "1 ids of the 70 galaxies" in fails(capsys, path, *options)
    assert run(capsys, path, *options, "--allow-missing")["scores"]["n"] == 69


def test_exact_ids_as_text_are_ids(frame, tmp_path, capsys):
    text = frame[["object_id", "z_pred"]].astype({"object_id": str})
    found = run(capsys, write(text, tmp_path / "a.parquet"))
    assert found["scores"]["completeness"] == 1.0


# --- flags


def test_flags_of_a_file_are_scored(frame, tmp_path, capsys):
    table = frame.assign(odds=np.abs(frame["z_pred"] - frame["redshift"]))
    by_id = write(table[["object_id", "z_pred", "odds"]], tmp_path / "a.csv")
    assert run(capsys, by_id)["scores"]["risk"] is None  # nothing is taken for a flag unasked
    found = run(capsys, by_id, "--flag", "odds")
    assert (found["columns"]["flag"], found["scores"]["risk"]["flag"]) == ("odds", "method")
    own = write(table[["redshift", "z_pred", "odds"]], tmp_path / "b.csv")
    same = run(capsys, own, "--true", "redshift", "--flag", "odds")["scores"]
    for name, area in found["scores"]["risk"]["area"].items():
        assert same["risk"]["area"][name]["mean"] == pytest.approx(area["mean"], rel=1e-4)
    further = ("--truth", own, "--in-order", "--flag", "odds")
    truth = run(capsys, by_id, *further)["scores"]["risk"]
    assert truth["metrics"] == same["risk"]["metrics"]
    errors = [one["mean"] for one in found["scores"]["risk"]["metrics"]["rmse"]]
    assert errors == sorted(errors, reverse=True) and errors[-1] < errors[0] / 2
    assert main(["score", str(by_id), "--flag", "odds"]) == 0
    assert "galaxiesml, by the method's own flag: scatter" in capsys.readouterr().out


def test_flags_beside_densities_come_before_widths(frame, tmp_path, capsys):
    values, _, options, _ = distribution("quantiles", frame)
    table = pd.DataFrame(values, columns=list(LEVELS), index=frame.index)
    table = table.assign(redshift=frame["redshift"], z_pred=frame["z_pred"], odds=1)
    path = write(table, tmp_path / "f.csv")
    assert run(capsys, path, *options)["scores"]["risk"]["flag"] == "width_68"
    assert run(capsys, path, *options, "--flag", "odds")["scores"]["risk"]["flag"] == "method"


def test_a_qp_file_has_its_flags_in_its_ancillary_table(frame, tmp_path, capsys):
    point = frame["z_pred"].to_numpy()[:, None]
    forecasts = GaussianMixture(np.ones_like(point), point, np.full_like(point, 0.05))
    path = tmp_path / "f.hdf5"
    write_qp(path, forecasts, redshift=frame["redshift"].to_numpy())
    with h5py.File(path, "a") as file:
        file["ancil"]["odds"] = np.arange(70.0)
    found = run(capsys, path, "--true", "redshift", "--flag", "odds")
    assert found["scores"]["risk"]["flag"] == "method"


def test_flags_that_are_none_are_refused(frame, tmp_path, capsys):
    table = frame[["redshift", "z_pred"]].assign(odds=np.where(np.arange(70) < 3, np.nan, 1.0))
    path = write(table, tmp_path / "f.csv")
    said = fails(capsys, path, "--flag", "odds")
    assert f"{path}, column 'odds': flag: 3 galaxies have a forecast and no flag" in said
    assert "'chances'" in fails(capsys, path, "--flag", "chances")


def test_bins_of_colour_are_scored_where_the_release_has_the_bands(frame, tmp_path, capsys):
    values, _, options, _ = distribution("quantiles", frame)
    table = pd.DataFrame(values, columns=list(LEVELS), index=frame.index)
    path = write(table.assign(object_id=frame["object_id"]), tmp_path / "f.csv")
    bins = run(capsys, path, *options)["scores"]["bins"]
    assert sum(one["n"] for one in bins["g-i"]) == 70
    scored = [one["metrics"] for one in (*bins["i"], *bins["g-i"]) if one["metrics"]]
    assert scored and all("coverage_68" in one for one in scored)


def test_in_python_flags_are_given_beside_forecasts():
    true = np.linspace(0.1, 2.0, 70)
    point = true + np.where(np.arange(70) % 7, 0.01, 0.8)
    found = score_forecasts([point, point], true, flag=np.arange(70) % 7 == 0)["risk"]
    assert found["metrics"]["outlier_rate"][3]["mean"] == 0.0
    with pytest.raises(InputError, match="flag: expected one number per galaxy"):
        score_forecasts(point, true, flag=np.ones(5))
    with pytest.raises(InputError, match="flag: 1 galaxies have a forecast and no flag"):
        score_forecasts(point, true, flag=np.where(np.arange(70), 1.0, np.nan))
