"""Releases of other surveys, by their manifests alone: six bands, or spectra alone."""

import numpy as np
import pyarrow.parquet as pq
import pytest

import transferz
from transferz.exporting import export
from transferz.loading import described
from transferz.releases import find_release
from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.tables.reading import open_table

NAMES = list("ugrizY")


def stored(release, config, names):
    table = pq.read_table(release / config / "train-00000-of-00001.parquet", columns=names)
    return np.column_stack([table[name].to_numpy() for name in names])


@pytest.fixture(scope="module")
def six(six_bands, tmp_path_factory):
    """The default config as `datasets` has it."""
    return transferz.load_dataset(path=six_bands, cache_dir=str(tmp_path_factory.mktemp("six")))


def test_a_release_says_its_bands_and_configs(six_bands, spectra_only):
    release = find_release(six_bands)
    assert [band.name for band in release.bands()] == NAMES
    assert list(release.configs().values()) == ["labels", "spectroscopic", "combo"]
    assert list(release.files()) == ["labels", "spectroscopic", "combo"]
    with pytest.raises(
        ReleaseError,
        match=r"no config of redshifts measured with many bands \(role 'label'\), which is to be "
        r"tried; it has: spectra \(spectroscopic redshifts\)$",
    ):
        find_release(spectra_only).config("label", "is to be tried")


def test_the_default_config_is_the_labels_or_else_the_first(six, six_bands, spectra_only, tmp_path):
    expected = stored(six_bands, "labels", ["object_id"])[:, 0]
    np.testing.assert_array_equal(six["train"]["object_id"], expected)
    np.testing.assert_array_equal(transferz.to_pandas(six_bands, split="train").object_id, expected)
    spectra = transferz.load_dataset(path=spectra_only, split="train", cache_dir=str(tmp_path))
    np.testing.assert_array_equal(
        spectra["object_id"], stored(spectra_only, "spectra", ["object_id"])[:, 0]
    )


def streamed(dataset):
    """The dataset as a stream of its own shards, after some of what may be done to a stream."""
    stream = dataset.to_iterable_dataset(num_shards=3).filter(lambda row: row["redshift"] > 0)
    return stream.map(lambda row: row | {"new": 1}).with_format("numpy").skip(0)


@pytest.mark.parametrize("place", ["directory", "dataset", "selection", "stream", "iterable"])
def test_tensors_have_the_bands_of_the_release(place, six, six_bands):
    data = {
        "directory": lambda: six_bands,
        "dataset": lambda: six,
        "selection": lambda: {"train": six["train"].select(range(300))},
        "stream": lambda: transferz.load_dataset(path=six_bands, streaming=True),
        "iterable": lambda: {"train": streamed(six["train"])},
    }[place]()
    magnitudes = stored(six_bands, "labels", [f"mag_auto_{name}" for name in NAMES])
    every = transferz.to_torch(data, split="train")
    np.testing.assert_array_equal(every.features, magnitudes)
    np.testing.assert_array_equal(every.errors, np.full_like(magnitudes, 0.03))
    some = transferz.to_torch(data, bands=["Y", "u"], split="train")
    np.testing.assert_array_equal(some.features, magnitudes[:, [5, 0]])
    with pytest.raises(ParameterError, match="expected some of u, g, r, i, z, Y, each once"):
        transferz.to_torch(data, bands="gy", split="train")


@pytest.mark.parametrize("place", ["directory", "dataset", "stream", "iterable"])
def test_units_and_descriptions_are_the_releases(place, six, six_bands):
    data = six_bands
    if place != "directory":
        stream = transferz.load_dataset(path=six_bands, split="train", streaming=True)
        data = {
            "dataset": six["train"],
            "stream": stream.map(lambda row: row),
            "iterable": streamed(six["train"]),
        }[place]
    assert transferz.units(data)["mag_auto_Y"] == "mag(AB)"
    options = {"split": "train"} if place == "directory" else {}
    assert transferz.to_pandas(data, **options).attrs["units"]["magerr_auto_u"] == "mag"
    table = transferz.to_astropy(data, **options)
    assert table["mag_auto_u"].info.description == "u magnitude"
    assert str(table["mag_auto_u"].unit) == "mag(AB)"
    back = transferz.from_astropy(table)
    assert transferz.units(back)["mag_auto_u"] == "mag(AB)"


def test_datasets_of_several_surveys_are_not_taken_for_one(six, loaded):
    datasets = pytest.importorskip("datasets")
    both = datasets.concatenate_datasets([six["test"], loaded["test"]])
    with pytest.raises(ParameterError, match="missing"):  # HSC's, of which half have none
        transferz.to_torch(both)
    streams = [one["test"].to_iterable_dataset() for one in (six, loaded)]
    assert described(streams[0])["bands"] and not described(streams[1])
    assert described(datasets.concatenate_datasets(streams)) == {}


@pytest.mark.parametrize("ending", ["vot", "fits", "ecsv", "hdf5"])
def test_exports_have_the_bands_of_the_release(ending, six_bands, tmp_path):
    out = tmp_path / f"table.{ending}"
    written = export(find_release(six_bands), out)
    assert (written.config, len(written.rows)) == ("labels", 480)
    names = open_table(out).names
    if ending == "hdf5":
        wanted = [f"{what}_{name}_lsst" for what in ("mag", "mag_err") for name in NAMES]
    else:
        wanted = [*pq.read_schema(six_bands / "labels/train-00000-of-00001.parquet").names, "split"]
    assert set(wanted) <= set(names)
