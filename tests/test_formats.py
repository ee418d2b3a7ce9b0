"""The same table in every format and dialect gives the same bits, by every command's own way."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from astropy.table import Table as AstropyTable
from variants import BANDS, LACKING, LEAKED, NAMES, NUMBERS, OPTIONS, ROWS, TRUTH, VARIANTS

from transferz.baselines.benchmark.own_tables import OwnTable, split_sample
from transferz.baselines.benchmark.scoring import score_set
from transferz.baselines.forecasts.files import NamedColumns, read_predictions
from transferz.baselines.forecasts.scoring import use_own_labels
from transferz.baselines.leaks.leaks import read_objects
from transferz.baselines.leaks.tables import OPTIONS as LEAK_OPTIONS
from transferz.baselines.leaks.tables import check_table
from transferz.baselines.networks.ensemble import Ensemble, Fit, Model, Scaler
from transferz.baselines.networks.forecasting import Forecaster, predict_table
from transferz.baselines.networks.network import StackedNetworks
from transferz.releases import find_release
from transferz.tables.cells import as_ids, as_numbers
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import naming


def bits(values):
    """A float64's bits, of all NaNs the same."""
    numbers = np.asarray(values, dtype=np.float64)
    return np.where(np.isnan(numbers), np.nan, numbers).tobytes()


@pytest.fixture(scope="module")
def held(tiny_release):
    return read_objects(find_release(tiny_release))


@pytest.fixture(scope="module")
def forecaster():
    networks = StackedNetworks.from_seeds(len(BANDS), (0, 1)).eval().requires_grad_(False)
    scaler = Scaler(np.full(len(BANDS), 18.0), np.full(len(BANDS), 27.0))
    ensemble = Ensemble(networks, scaler, (Fit(0, 1, 1, 0.5), Fit(1, 1, 1, 0.5)))
    return Forecaster.of(Model(ensemble, BANDS, {}), None, torch.device("cpu"), each_seed=False)


@pytest.fixture(scope="module")
def firsts():
    """What the first variant gave."""
    return {}


@pytest.fixture(scope="module")
def scored():
    """Score forecasts, the same bits once, for it takes time."""
    known = {}

    def score(forecasts):
        key = bits(forecasts.point), bits(forecasts.redshift)
        if key not in known:
            known[key] = repr(score_set(forecasts))
        return known[key]

    return score


def test_there_are_near_two_hundred_variants():
    assert len(VARIANTS) >= 190


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_gives_the_same(variant, tmp_path, held, forecaster, scored, firsts):
    path, options = tmp_path / "table", OPTIONS[variant]
    VARIANTS[variant](path)
    names = options.get("names")
    table = open_table(path, names, choose=naming(NAMES))
    rows = read_whole(table, NAMES)

    # what is read
    assert as_ids(rows, "object_id", path).to_pylist() == TRUTH["object_id"]
    for name in NUMBERS:
        assert bits(as_numbers(rows, name, path).to_numpy()) == bits(TRUTH[name]), name
    for name in ("name", "code"):
        assert [text.strip() for text in rows[name].to_pylist()] == TRUTH[name]

    # splits, forecasts, scores, leaks
    own = OwnTable(path, BANDS, "redshift", identifier="object_id", names=names)
    sample = own.read(drop_missing=True)
    splits = split_sample(sample, own, (0.4, 0.2, 0.2, 0.2))
    out = tmp_path / f"out.{options.get('out', 'parquet')}"
    predict_table(forecaster, table, out, drop_missing=True, rows=5)
    got = read_whole(open_table(out), (*NAMES, "redshift_pred"))
    named = NamedColumns(true="redshift", points=("z_phot",), names=names)
    forecasts = use_own_labels(read_predictions(path, named))
    _, leaks = check_table(table, dict.fromkeys(LEAK_OPTIONS), held)
    result = {
        "splits": {name: part.identifiers.tolist() for name, part in splits.items()},
        "values": [bits(sample.magnitudes), bits(sample.redshift), sample.dropped],
        "forecasts": bits(got["redshift_pred"].to_numpy()),
        "scores": scored(forecasts),
        "leaks": (np.flatnonzero(leaks.rows).tolist(), leaks.objects.tolist()),
    }
    assert result["leaks"] == (list(LEAKED), list(LEAKED.values()))
    kept = [row for row in range(ROWS) if row != LACKING]
    assert as_ids(got, "object_id", out).to_pylist() == [TRUTH["object_id"][row] for row in kept]
    for name in ("name", "code"):  # what is passed through is passed through
        assert [t.strip() for t in got[name].to_pylist()] == [TRUTH[name][row] for row in kept]
    for what, value in result.items():
        assert firsts.setdefault(what, value) == value, what


READ_BY = {
    "pandas": lambda path, how: pd.read_csv(
        path, **how, dtype={"object_id": "str", "name": "str", "code": "str"}
    ),
    "fits": lambda path, _: AstropyTable.read(path, format="fits").filled(np.nan).to_pandas(),
    "pyarrow": lambda path, _: pq.read_table(path).to_pandas(),
}


@pytest.mark.parametrize(
    ("variant", "reader"),
    [(name, one) for name, how in OPTIONS.items() for one in how if one in READ_BY],
)
def test_other_readers_agree(variant, reader, tmp_path):
    path, how = tmp_path / "table", OPTIONS[variant][reader]
    VARIANTS[variant](path)
    frames = [READ_BY[reader](path, how)]
    if reader == "fits":
        fitsio = pytest.importorskip("fitsio")
        rows = fitsio.read(str(path), ext=open_table(path).number)
        frames.append(pd.DataFrame({name: rows[name].tolist() for name in NAMES}))
    for frame in frames:
        assert [int(number) for number in frame["object_id"]] == TRUTH["object_id"]
        for name in NUMBERS:
            assert bits(pd.to_numeric(frame[name])) == bits(TRUTH[name])
        for name in ("name", "code"):
            texts = [one.decode() if isinstance(one, bytes) else one for one in frame[name]]
            assert [one.strip() for one in texts] == TRUTH[name]
