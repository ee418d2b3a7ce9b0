"""The nine catalogues as they are published: samples of at most 1,000 rows of each."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferz import cli
from transferz.dataset.match import ambiguous, positions
from transferz.dataset.pipeline.tables import read_table
from transferz.dataset.sky.matching import Whole, match_with_offset
from transferz.dataset.spectra.catalogues import load_catalogues
from transferz.dataset.spectra.merging import merge
from transferz.dataset.spectra.reading import read_catalogue
from transferz.schemas import SPECZ
from transferz.schemas.survey.survey import find_survey

ROOT = Path(__file__).parents[3]
CATALOGUES = load_catalogues()


@pytest.fixture(scope="module")
def samples():
    folder = os.environ.get("TRANSFERZ_REAL_DATA")
    if not folder:
        pytest.skip("TRANSFERZ_REAL_DATA does not name the folder of real tables")
    return sorted((Path(folder) / "specz_samples").glob("*.parquet"))


@pytest.fixture(scope="module")
def read(samples):
    return {path: read_catalogue(path, CATALOGUES) for path in samples}


def units(flags):
    """Quality by the unit digit of VIMOS flags, counted by hand."""
    unit = flags.abs().astype(int) % 10
    quality = unit.where(unit != 9, 2)
    return quality.where(~flags.isin([-10, -99]), 0)


RECOUNT = {
    "vvds": lambda t: (units(t["ZFLAGS"]), t["Z"]),
    "vuds": lambda t: (units(t["zflags"]), t["z_spec"]),
    "vandels": lambda t: (units(t["zflg"]), t["zspec"]),
    "primus": lambda t: ((t["ZQUALITY"] - 1).clip(lower=0), t["Z"]),
    "ozdes": lambda t: (t["qop"].map({1: 0, 2: 1, 3: 3, 4: 4, 6: 4}), t["z"].where(t["z"] > -9)),
    "desi_dr1": lambda t: (
        np.where(t["ZWARN"] == 0, np.where(t["DELTACHI2"] >= 25, 4, 2), 1)
        * ((t["OBJTYPE"] == "TGT") & t["ZCAT_PRIMARY"]),
        t["Z"],
    ),
    "jades": lambda t: (
        t["z_Spec_flag"].map({flag: quality for quality, flag in enumerate("EDCBA")}),
        t["z_Spec"].where(t["z_Spec"] > 0),
    ),
    "3dhst": lambda t: (
        np.select(
            [
                t["z_best_s"] == 1,
                (t["z_best_s"] == 2) & (t["use_zgrism"] == 1) & (t["flag1"] + t["flag2"] == 0),
                t["z_best_s"] == 2,
            ],
            [3, 3, 1],
            0,
        ),
        t["z_best"],
    ),
    "astrodeep_gs43": lambda t: (
        np.where(t["zspec_survey"] == "-", 0, np.where(t["zspec_survey"] == "3D_HST", 2, 3)),
        t["z_best"],
    ),
}


def test_every_sample_is_recognised_and_counted_right(read):
    assert {counts.catalogue for _, counts in read.values()} == set(CATALOGUES)
    for path, (frame, counts) in read.items():
        table = pd.read_parquet(path).reset_index(drop=True)
        quality, redshift = (pd.Series(np.asarray(one)) for one in RECOUNT[counts.catalogue](table))
        kept = (quality > 0) & redshift.notna()
        assert counts.rows == len(table) and counts.kept == kept.sum()
        assert counts.qualities == {q: int((quality[kept] == q).sum()) for q in (1, 2, 3, 4)}
        assert np.array_equal(frame["redshift"], redshift[kept].astype(float))


def test_vuds_has_the_stars_and_agn_that_its_paper_counts(read):
    """698 objects with a redshift: 677 galaxies, two type-I AGN, 19 stars (Tasca et al. 2017)."""
    counts = next(one for _, one in read.values() if one.catalogue == "vuds")
    assert counts.kept == 698 and counts.classes == {"star": 19, "agn": 2}


def test_the_page_shows_what_is_printed(samples, tmp_path, monkeypatch, capsys):
    (tmp_path / "specz_samples").symlink_to(samples[0].parent)
    monkeypatch.chdir(tmp_path)
    files = [f"specz_samples/{path.name}" for path in samples]
    assert cli.main(["specz", *files, "--out", "compilation.parquet"]) == 0
    printed = capsys.readouterr().out
    assert f"```text\n{printed}```" in (ROOT / "docs/specz.md").read_text(encoding="utf-8")
    compilation = read_table(tmp_path / "compilation.parquet", SPECZ)
    assert f"{len(compilation):,} objects, {compilation['secure'].sum():,} with a secure" in printed


def test_shuffled_files_give_the_same_bytes(samples, tmp_path, capsys):
    """Each file in two parts, all rows shuffled, the files in the other order."""
    parts = []
    for number, path in enumerate(samples):
        table = pd.read_parquet(path).sample(frac=1.0, random_state=number)
        for half, rows in enumerate((table[: len(table) // 3], table[len(table) // 3 :])):
            parts.append(tmp_path / f"{number}-{half}.parquet")
            rows.to_parquet(parts[-1], index=False)
    straight, shuffled = tmp_path / "straight.parquet", tmp_path / "shuffled.parquet"
    assert cli.main(["specz", *map(str, samples), "--out", str(straight)]) == 0
    assert cli.main(["specz", *map(str, parts[::-1]), "--out", str(shuffled)]) == 0
    assert straight.read_bytes() == shuffled.read_bytes()


def test_secure_redshifts_of_one_object_agree_far_better_than_others(read):
    """What the scale is for: of the pairs in these samples, secure ones disagree less often."""
    merged = merge([frame for frame, _ in read.values()])
    pairs = merged.all_pairs
    others, differ = pairs.pairs - pairs.secure, pairs.disagreeing - pairs.secure_disagreeing
    assert pairs.secure_disagreeing / pairs.secure < 0.1 < differ / others


def test_they_find_their_galaxies_on_the_real_sky_by_position(read, samples):
    """Against zCOSMOS-bright's positions and redshifts, as the stage `match` joins photometry."""
    theirs = pd.read_csv(samples[0].parents[1] / "zcosmos_bright.csv.gz")
    theirs = theirs.assign(ra=theirs["alpha"], dec=theirs["delta"], object_id=theirs.index)
    ours = merge([frame for frame, _ in read.values()]).compilation
    ours = ours.assign(specz_id=ours.index)
    first = positions(ours, "specz_id", "compilation")
    found = match_with_offset(Whole(first, positions(theirs, "object_id", "zcosmos")), 1.0)
    mine, other = found.matches.first.key, found.matches.second.key
    assert len(mine) == 36 and np.median(found.matches.separation) < 0.05
    assert not ambiguous(found, 1.0).size
    both = ours.loc[mine].assign(
        theirs=theirs["zpec"].to_numpy()[other], sure=theirs["cc"].to_numpy()[other]
    )
    both = both[both["secure"] & both["sure"].between(3, 4.9) & (both["theirs"] > 0)]
    dz = (both["redshift"] - both["theirs"]) / (1 + both["theirs"])
    assert len(both) == 18 and (dz.abs() < 0.01).all()
    field = find_survey("cosmos_specz").tables["hsc"]
    inside = [
        ours[name].between(field[name].minimum, field[name].maximum) for name in ("ra", "dec")
    ]
    found = ours[inside[0] & inside[1]]["source"].value_counts().to_dict()
    assert found == {"vuds": 383, "primus": 121, "vvds": 107, "3dhst": 26}
