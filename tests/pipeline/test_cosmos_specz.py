"""The survey `cosmos_specz`: the mock's sky, and spectra as published catalogues have them."""

import json
import shutil
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.io import fits

from transferz import cli
from transferz.dataset.verify.verifying import inspect
from transferz.dataset.versions.trace import find_build, trace

HERE = Path(__file__).parent
SURVEY, CATALOGUES = "cosmos_specz", ("cosmos2020", "hsc", "specz")
STAGES = [*((stage, name) for stage in ("fetch", "ingest", "select") for name in CATALOGUES)]
STAGES += [(stage,) for stage in ("match", "split", "release", "card")]
ARCSEC = 1.0 / 3600.0
OFFSET = np.array([0.25, -0.15])  # arcsec, of all spectra from HSC


def load(path):
    """Import a helper of the tests by its path: the tests are no package."""
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


upstream = load(HERE / "upstream.py")


def shifted(rows, seed, north=0.0):
    """Positions of HSC objects as another survey has them, moved further north by some arcsec."""
    east, up = np.random.default_rng(seed).normal(0.0, 0.06, (2, len(rows)))
    ra, dec = rows["ra"].to_numpy(), rows["dec"].to_numpy()
    stretch = np.cos(np.radians(dec))
    return {
        "ra": ra + (OFFSET[0] + east) * ARCSEC / stretch,
        "dec": dec + (OFFSET[1] + up + north) * ARCSEC,
    }


def write_catalogues(folder, raw):
    """Write spectra of the mock's galaxies as VVDS, OzDES and PRIMUS publish theirs."""
    hsc = pd.read_csv(next((raw / "hsc").glob("*.csv")), comment="#")
    truth = pq.read_table(raw / "truth.parquet").to_pandas().set_index("object_id")
    hsc["z"] = hsc["object_id"].map(truth["redshift_true"])
    real = hsc[hsc["isprimary"] & (hsc["i_cmodel_mag"] < 23.5) & (hsc["z"] > 0.02)]
    real = real.sample(frac=1.0, random_state=3, ignore_index=True)
    vvds, ozdes, primus = real[:320], real[260:420], real[420:460]
    rng, flags = np.random.default_rng(4), [4] * 6 + [3] * 4 + [2, 1]
    aside = np.where(np.arange(len(vvds)) < 15, -0.6, 0.0)
    first = pd.DataFrame(shifted(vvds, 5, aside)).assign(Z=vvds["z"].to_numpy())
    first["ZFLAGS"] = rng.choice(flags, len(first))
    # Two spectra to either side of one galaxy, too far apart to be one object's; a galaxy too near;
    # and spectra where HSC has nothing, within the field and beyond it.
    beside = pd.DataFrame(shifted(vvds[:15], 8, 0.6)).assign(Z=0.4, ZFLAGS=3)
    empty = pd.DataFrame({"ra": [150.7, 151.0, 150.9, 34.5], "dec": [2.9, 3.0, 3.1, -5.0]})
    empty = empty.assign(Z=[0.005, 0.7, 0.7, 0.7], ZFLAGS=4)
    whole = pd.concat([first, beside, empty], ignore_index=True)
    whole.insert(0, "NUM", np.arange(len(whole)) + 220000)
    names = {"ra": "ALPHA", "dec": "DELTA"}
    whole.rename(columns=names).to_csv(folder / "vvds.csv", index=False)
    second = pd.DataFrame(shifted(ozdes, 6)).assign(z=ozdes["z"].to_numpy(), qop=4, Comment="")
    second.loc[:4, "z"] += 0.3  # another redshift than VVDS's
    second.loc[100:104, "qop"] = 6  # stars
    second.insert(0, "OzDES_ID", [f"DES{number}" for number in range(len(second))])
    names = {"ra": "Alpha_J2000", "dec": "Delta_J2000"}
    second.rename(columns=names).to_parquet(folder / "ozdes.parquet", index=False)
    third = pd.DataFrame(shifted(primus, 7)).assign(Z=primus["z"].to_numpy(), ZQUALITY=4)
    third = third.assign(CLASS="GALAXY", OBJNAME=[f"P{number}" for number in range(len(third))])
    third.rename(columns={"ra": "RA", "dec": "DEC"}).to_csv(folder / "primus.csv", index=False)
    return [folder / name for name in ("vvds.csv", "ozdes.parquet", "primus.csv")]


@pytest.fixture(scope="module")
def space(built, tmp_path_factory):
    """The survey, built from files that are in place; the compilation is the command's own."""
    space = built.copy(tmp_path_factory.mktemp("specz") / "project", code=False)
    raw = space.root / f"data/{SURVEY}/raw"
    (raw / "cosmos2020").mkdir(parents=True)
    with fits.open(built.raw / "cosmos2020" / upstream.CLASSIC) as hdus:
        for card in ("MOCK", "MOCKSEED", "MOCKAREA"):
            for hdu in hdus:
                hdu.header.remove(card, ignore_missing=True)
        hdus.writeto(raw / "cosmos2020" / upstream.CLASSIC)
    upstream.put_hsc(built, space, SURVEY)
    (raw / "specz").mkdir()
    files = write_catalogues(tmp_path_factory.mktemp("catalogues"), built.raw)
    out = raw / "specz/compilation.parquet"
    assert cli.main(["specz", *map(str, files), "--out", str(out)]) == 0
    for stage in STAGES:
        status, said = space.stage(*stage, "--survey", SURVEY)
        assert status == 0, said
    return space


def interim(space, name):
    return space.root / f"data/{SURVEY}/interim/{name}"


def table(space, name):
    return pq.read_table(interim(space, name)).to_pandas()


def counts(space, name):
    return json.loads((interim(space, name) / "counts.json").read_text())


def folder(space):
    return space.root / f"data/{SURVEY}/release/transferz"


def rows(space, config):
    return pq.read_table(folder(space) / config).to_pandas().set_index("object_id")


@pytest.fixture(scope="module")
def judged(space):
    """What becomes of every redshift that the cuts keep, found anew by astropy."""
    hsc = table(space, "ingest/hsc/table.parquet")
    hsc = hsc[hsc["isprimary"]].reset_index(drop=True)
    whole = table(space, "ingest/specz/table.parquet")
    moved = [whole[name] - part * ARCSEC for name, part in zip(("ra", "dec"), OFFSET, strict=True)]
    sky = SkyCoord(*moved, unit="deg"), SkyCoord(hsc["ra"], hsc["dec"], unit="deg")
    i, j, distance, _ = search_around_sky(*sky, 1.0 * units.arcsec)
    near = pd.DataFrame({"i": i, "j": j, "d": distance.arcsec}).sort_values("d")
    mine, theirs = near.drop_duplicates("i"), near.drop_duplicates("j")
    contested = mine["j"].duplicated(keep=False)
    mutual = mine["i"].to_numpy() == theirs.set_index("j")["i"].reindex(mine["j"]).to_numpy()
    fate = pd.Series("no_counterpart", whole["specz_id"])
    fate.iloc[mine["i"]] = np.where(contested | ~mutual, "ambiguous", "matched")
    object_id = pd.Series(0, whole["specz_id"])
    object_id.iloc[mine["i"]] = hsc["object_id"].to_numpy()[mine["j"]]
    passed = object_id.isin(table(space, "select/hsc/table.parquet")["object_id"])
    fate[(fate == "matched") & ~passed] = "counterpart_cut"
    kept = table(space, "select/specz/table.parquet")["specz_id"]
    return pd.DataFrame({"fate": fate, "object_id": object_id}).loc[kept]


def test_every_redshift_finds_its_object_or_is_counted(space, judged):
    counted = counts(space, "match/specz")
    found = judged["fate"].value_counts()
    assert counted["rows_in"] == len(judged) and counted["rows_out"] == found["matched"] > 200
    assert list(counted["removed"]) == ["ambiguous", "no_counterpart", "counterpart_cut"]
    assert counted["removed"] == {name: found[name] for name in counted["removed"]}
    assert all(counted["removed"].values())
    joined = table(space, "match/specz/table.parquet").set_index("specz_id")["object_id"]
    assert joined.to_dict() == judged.loc[judged["fate"] == "matched", "object_id"].to_dict()
    removed = table(space, "match/specz/removed.parquet").set_index("id")["cut"]
    assert removed.to_dict() == judged.loc[judged["fate"] != "matched", "fate"].to_dict()
    report = json.loads((interim(space, "match/specz") / "report.json").read_text())
    assert report["median_offset_arcsec"] == pytest.approx(-OFFSET, abs=0.02)


def test_the_cuts_on_quality_are_those_of_the_configuration(space):
    removed = counts(space, "select/specz")["removed"]
    assert all(removed.values())
    whole = table(space, "ingest/specz/table.parquet").set_index("specz_name")
    kept = table(space, "select/specz/table.parquet").set_index("specz_name")
    good = (whole["quality"] >= 3) & (whole["object_class"].fillna("") != "star")
    good &= ~whole["disagrees"] & (whole["technique"] == "spectrum")
    good &= whole["ra"].between(148.6, 151.6) & whole["redshift"].between(0.01, 4)
    assert set(kept.index) == set(whole.index[good])
    assert not any(name.startswith("primus") for name in kept.index)


def test_a_released_spectrum_has_the_photometry_of_its_object(space):
    ours = rows(space, "spectroscopic")
    hsc = table(space, "select/hsc/table.parquet").set_index("object_id").loc[ours.index]
    for name in ("ra", "dec", "g_cmodel_mag", "y_cmodel_magsigma"):
        assert (ours[name] == hsc[name]).all()
    whole = table(space, "ingest/specz/table.parquet").set_index("specz_name")
    theirs = whole["redshift"].loc[ours["specz_name"]].to_numpy("float32")
    assert (ours["redshift"] == theirs).all() and ours["redshift_lo"].isna().all()
    assert (ours["redshift_kind"] == "spectroscopic").all()


def test_an_object_of_both_samples_is_known_by_its_id(space):
    spectroscopic, labels = rows(space, "spectroscopic"), rows(space, "transferz")
    both = labels.index.intersection(spectroscopic.index)
    assert len(both) > 50
    names = labels.loc[both, "specz_name"] == spectroscopic.loc[both, "specz_name"]
    assert names.all() and labels["specz_name"].notna().sum() >= len(both)
    assert (labels.loc[both, "cosmos_id"] == spectroscopic.loc[both, "cosmos_id"]).all()
    combo = rows(space, "combo")
    assert len(combo) == len(spectroscopic) + len(labels) - len(both)
    assert (combo.loc[both, "redshift_kind"] == "spectroscopic").all()
    joined = table(space, "match/specz/table.parquet")["object_id"]
    shared = table(space, "match/table.parquet")["object_id"].isin(joined).sum()
    assert counts(space, "match")["shared"] == {"by_id": shared, "by_position": 0}


def test_all_promises_hold(space):
    report = inspect(folder(space))
    assert report.sound, report.text()


def test_the_pages_say_where_the_spectra_are_from(space):
    manifest = json.loads((folder(space) / "MANIFEST.json").read_text())
    stated = manifest["quality"]["spectra"]
    source = rows(space, "spectroscopic")["specz_name"].str.split("-").str[0]
    assert stated == source.value_counts().to_dict() and set(stated) == {"vvds", "ozdes"}
    card = (folder(space) / "README.md").read_text()
    assert "those of two catalogues, put on one scale of quality by `transferz specz`" in card
    assert (
        f"| `vvds-…` | VIMOS VLT Deep Survey, final release | {stated['vvds']} | [Le Fèvre" in card
    )
    assert "another one's nearest too" in card and "GalaxiesML's flag" in card
    citation = (folder(space) / "CITATION.cff").read_text()
    assert "The VIMOS VLT Deep Survey final data release" in citation and "OzDES" in citation
    assert "PRIMUS" not in citation and "GalaxiesML" not in citation.split("references")[0]
    assert "OzDES" in (folder(space) / "croissant.json").read_text()


def test_what_is_not_released_is_traced_through_the_compilation(space, judged):
    build, reason = find_build(folder(space))
    assert build is not None, reason
    unsure = judged.index[judged["fate"] == "ambiguous"]
    pairs = table(space, "match/specz/pairs.parquet")
    passed = table(space, "select/hsc/table.parquet")["object_id"]
    lost = pairs.loc[pairs["specz_id"].isin(unsure), "object_id"]
    lost = lost[lost.isin(passed)]
    alone = passed[~passed.isin(pairs["object_id"])].head(3)
    objects = pd.DataFrame({"object_id": [*lost, *alone]})
    steps = trace(build, objects.assign(redshift_kind="spectroscopic"), "spectroscopic")
    assert len(lost) and set(steps["stage"]) == {"match@specz"}
    assert steps["cut"].tolist() == ["ambiguous"] * len(lost) + ["no_counterpart"] * 3


def test_a_compilation_is_taken_for_what_it_is(space, capsys):
    """Though none of its catalogues gives an error."""
    path = space.root / f"data/{SURVEY}/raw/specz/compilation.parquet"
    assert cli.main(["survey", "check", SURVEY, str(path)]) == 0
    said = capsys.readouterr().out
    assert "compilation.parquet: catalogue 'specz'" in said and "MISSING" not in said


def test_the_order_of_the_compilation_changes_nothing(space, tmp_path):
    other = space.copy(tmp_path / "project", code=False)
    path = other.root / f"data/{SURVEY}/raw/specz/compilation.parquet"
    pd.read_parquet(path).sample(frac=1.0, random_state=1).to_parquet(path, index=False)
    for stage in ("ingest", "select"):
        assert other.stage(stage, "specz", "--survey", SURVEY) == (0, "")
        file = f"{stage}/specz/table.parquet"
        assert interim(other, file).read_bytes() == interim(space, file).read_bytes()


def test_without_a_compilation_it_is_said_how_to_make_one(space, tmp_path):
    other = space.copy(tmp_path / "project", code=False)
    shutil.rmtree(other.root / f"data/{SURVEY}/raw/specz")
    status, said = other.stage("fetch", "specz", "--survey", SURVEY)
    assert status == 1
    assert "compile them by `transferz specz FILE... --out compilation.parquet`" in said
