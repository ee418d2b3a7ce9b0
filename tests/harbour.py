"""An invented survey, `harbour`: six bands that no other survey has, in two small tables.

Its magnitudes and redshifts are drawn at random: nothing here is a galaxy.
"""

from pathlib import Path

import numpy as np
import pandas as pd

BANDS = ("nuv", "b", "v", "rc", "ic", "ha")
ROWS, SHARED, SPECTRA = 600, 60, 200


def tables(seed: int = 11) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels with photometry, and spectra of some of them and of others."""
    rng = np.random.default_rng(seed)
    count = ROWS + SPECTRA - SHARED
    table = pd.DataFrame(
        {
            "SourceNr": rng.permutation(np.arange(7_000_000, 7_000_000 + count)),
            "RAdeg": rng.uniform(9.0, 11.0, count).round(6),
            "DEdeg": rng.uniform(-1.0, 1.0, count).round(6),
        }
    )
    redshift, bright = rng.gamma(2.0, 0.4, count) + 0.02, rng.normal(23.0, 1.2, count)
    for number, band in enumerate(BANDS):
        error = 0.02 * 10 ** (0.2 * (bright - 22.0))
        colour = (2.5 - number) * (0.3 + 0.2 * np.sin(3.0 * redshift))
        table[f"{band.upper()}mag"] = (bright + colour + rng.normal(0.0, error)).round(4)
        table[f"e_{band.upper()}mag"] = error.round(4)
    table.loc[::50, "NUVmag"] = -99.0
    noise = rng.normal(0.0, 0.02, count) * (1.0 + redshift)
    labels = table.assign(zphot=(redshift + noise).clip(0.01).round(4))
    spectra = table.assign(zspec=redshift.round(5), e_zspec=0.0002)
    return labels.iloc[:ROWS], spectra.iloc[ROWS - SHARED :]


EDITS = (
    (
        '  - {name: g, ucd: em.opt.B, curve: "speclite:sdss2010-g"}\n'
        '  - {name: r, ucd: em.opt.R, curve: "speclite:sdss2010-r"}\n'
        '  - {name: i, ucd: em.opt.I, curve: "speclite:sdss2010-i"}\n',
        '  - {name: nuv, ucd: em.UV.200-300nm, curve: "sedpy:galex_NUV"}\n'
        '  - {name: b, ucd: em.opt.B, curve: "sedpy:subaru_suprimecam_B"}\n'
        '  - {name: v, ucd: em.opt.V, curve: "sedpy:subaru_suprimecam_V"}\n'
        '  - {name: rc, ucd: em.opt.R, curve: "sedpy:subaru_suprimecam_Rc"}\n'
        '  - {name: ic, ucd: em.opt.I, curve: ""}\n'
        '  - {name: ha, ucd: em.opt.R, curve: ""}\n',
    ),
    ('from: ["mag_{band}"]', 'from: ["{band}mag"]'),
    ('from: ["mag_err_{band}"]', 'from: ["e_{band}mag"]'),
    ("from: [object_id, id]", "from: [SourceNr]"),
    (
        "{position: [ra, dec]}",
        "{position: [RAdeg, DEdeg], within: [[8.5, 11.5], [-1.5, 1.5]]}",
    ),
    ("from: [photo_z, z]", "from: [zphot]"),
    ("from: [specz, z_spec]", "from: [zspec]"),
    ("from: [specz_err, z_spec_err]", "from: [e_zspec]"),
)
"""What a person changes in the skeleton, text for text; the columns of the interval go too."""


def edited(skeleton: str) -> str:
    """The survey's configuration, made from the skeleton of one that is called `harbour`."""
    for old, new in EDITS:
        assert old in skeleton, old
        skeleton = skeleton.replace(old, new)
    head, rest = skeleton.split("      - name: photo_z_lo\n")
    whole = head + rest[rest.index("    # A row stays where every rule holds") :]
    return "".join(one for one in whole.splitlines(keepends=True) if "interval:" not in one)


def write_tables(folder: Path) -> tuple[Path, Path]:
    """Write both tables as the survey's files are called."""
    paths = folder / "labels_dr1.csv", folder / "spectra_dr1.csv"
    for path, table in zip(paths, tables(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    return paths
