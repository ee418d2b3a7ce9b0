"""A CLASSIC-like FITS table into parquet: ours against fitsio + pyarrow and against astropy.

A generator makes a table as long and as wide as COSMOS2020's CLASSIC catalogue (1.7 million rows,
600 columns, about 5 GB, with DATASUM). Each route reads the same 30 columns of it into the same
zstd parquet, in a process of its own, in turns; the files must hold the same values. Ours checks
DATASUM, types and every bound on the way, and makes nulls of sentinels; the others do not.
Run as ``python benchmarks/ingest.py [--quick] [--rows N] [--columns N] [--dir DIR]``.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from transferz.schemas import COSMOS2020, Column, Table

ROWS, COLUMNS, ROUNDS = 1_700_000, 600, 3
QUICK_ROWS, QUICK_ROUNDS, TINY_ROWS = 300_000, 2, 1000
BLOCK_ROWS = 20_000
DOUBLE_EVERY = 5  # of the columns that nobody reads, as many are doubles
MISSING_SHARE = 0.03
SEED = 21
STYLE = {"compression": "zstd", "use_dictionary": False, "write_page_checksum": True}

FLUXES = tuple(
    Column(f"{band}_{kind}", "float32", "flux", unit="uJy", nullable=True, upstream=(name,))
    for band in ("HSC_g", "HSC_r", "HSC_i", "HSC_z", "HSC_y", "UVISTA_J", "UVISTA_Ks")
    for kind, name in (("flux", f"{band}_FLUX_AUTO"), ("error", f"{band}_FLUXERR_AUTO"))
)
WANTED = Table("classic", COSMOS2020.columns + FLUXES, key=COSMOS2020.key)  # 30 columns
NAMES = {column.name: column.upstream[0] for column in WANTED}
FORMATS = {"int64": ">i4", "int16": ">i2", "float32": ">f4", "float64": ">f8"}
TFORMS = {">i4": "J", ">i2": "I", ">f4": "E", ">f8": "D"}


def layout(columns: int) -> np.dtype:
    """A row's columns: the wanted ones spread evenly among others."""
    names, formats = [], []
    places = np.linspace(0, columns - 1, len(NAMES)).astype(int)
    wanted = iter(WANTED)
    for number in range(columns):
        column = next(wanted) if number in places else None
        names.append(column.upstream[0] if column else f"other_{number}")
        other = ">f8" if number % DOUBLE_EVERY == 0 else ">f4"
        formats.append(FORMATS[column.dtype] if column else other)
    return np.dtype(list(zip(names, formats, strict=True)))


def values(column: Column, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Plausible values of one column, sentinels and NaN where it may lack a value."""
    rows = len(ids)
    if column.unique:
        return ids
    if column.dtype == "int16":
        return rng.integers(0, 3, rows)
    low, high = column.typical or (column.minimum, column.maximum)
    if low is not None and high is not None:
        middle = (low + high) / 2
        drawn = rng.uniform(middle - 0.5, middle + 0.5, rows)
    else:
        drawn = rng.lognormal(0.0, 1.0, rows)
    if column.nullable:
        gone = rng.random(rows) < MISSING_SHARE
        drawn[gone] = np.where(ids[gone] % 2, np.nan, -99.0)
    return drawn


def generate(path: Path, rows: int, columns: int) -> None:
    """Write the FITS file in blocks of rows."""
    from astropy.io import fits

    from transferz.tables.fits_hdus import OnesComplementSum

    rng = np.random.default_rng(SEED)
    kind = layout(columns)
    block = np.empty(BLOCK_ROWS, kind)
    for name in kind.names:
        block[name] = rng.standard_normal(BLOCK_ROWS)
    form = [fits.Column(name, TFORMS[kind[name].str]) for name in kind.names]
    header = fits.BinTableHDU.from_columns(form, nrows=0).header
    header["NAXIS2"] = rows
    total = OnesComplementSum()
    header["DATASUM"] = "0" * 10
    with path.open("wb") as file:
        file.write(fits.PrimaryHDU().header.tostring().encode())
        start = file.tell()
        file.write(header.tostring().encode())
        for first in range(0, rows, BLOCK_ROWS):
            ids = np.arange(first, min(first + BLOCK_ROWS, rows))
            for column in WANTED:
                block[column.upstream[0]][: len(ids)] = values(column, ids, rng)
            content = memoryview(block[: len(ids)].view("u1"))
            total.add(content)
            file.write(content)
        padding = bytes(-rows * kind.itemsize % 2880)
        total.add(memoryview(padding))
        file.write(padding)
        file.seek(start)
        header["DATASUM"] = f"{total.value:010d}"
        file.write(header.tostring().encode())


def ours(path: Path, out: Path) -> None:
    """Read, check and write as the stage `ingest` does."""
    from transferz.dataset.ingest import write_chunks
    from transferz.dataset.sources.catalogues import read_any

    write_chunks(read_any(path, WANTED), out, WANTED)


def by_fitsio(path: Path, out: Path) -> None:
    """Read by fitsio, write by pyarrow."""
    import fitsio
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = fitsio.read(path, columns=list(NAMES.values()), ext=1)
    native = {name: data.dtype[name].newbyteorder("=") for name in NAMES.values()}
    arrays = {name: pa.array(data[name].astype(kind)) for name, kind in native.items()}
    pq.write_table(pa.table(arrays), out, **STYLE)


def by_astropy(path: Path, out: Path) -> None:
    """Read by astropy, write by pandas."""
    from astropy.table import Table as AstropyTable

    frame = AstropyTable.read(path, hdu=1)[list(NAMES.values())].to_pandas()
    frame.to_parquet(out, index=False, **STYLE)


ROUTES: dict[str, Callable[[Path, Path], None]] = {
    "ours": ours,
    "fitsio": by_fitsio,
    "astropy": by_astropy,
}
LABELS = {
    "ours": "transferz read_any + write_chunks",
    "fitsio": "fitsio.read(columns=...) + pyarrow write_table",
    "astropy": "astropy Table.read + to_pandas + to_parquet",
}


def measure(route: str, tiny: Path, path: Path, out: Path) -> None:
    """Print one route's wall time, once it has imported all it needs, and its greatest memory."""
    ROUTES[route](tiny, out)
    start = time.perf_counter()
    ROUTES[route](path, out)
    seconds = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))


def run(*arguments: object) -> str:
    """Run this script in a process of its own and return what it prints."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def compare(folder: Path) -> None:
    """Require the three files to hold the same values, our nulls being NaN or -99 there."""
    import pyarrow.parquet as pq

    for name, theirs in NAMES.items():
        found = pq.read_table(folder / "ours", columns=[name])[name].to_numpy()
        for route in ("fitsio", "astropy"):
            expected = pq.read_table(folder / route, columns=[theirs])[theirs].to_numpy()
            if found.dtype.kind == "f":
                expected = np.where(expected == -99.0, np.nan, expected)
            np.testing.assert_array_equal(found, expected, err_msg=f"{route}: {theirs}")


def race(tiny: Path, path: Path, folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Run every route `rounds` times, in turns; return the least time and memory of each."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for route in ROUTES:
            figures = json.loads(run("--route", route, tiny, path, folder / route))
            best[route] = {
                key: min(value, best.get(route, figures)[key]) for key, value in figures.items()
            }
    return best


def report(best: dict[str, dict[str, float]], rows: int, columns: int, size: int) -> None:
    """Print a table and, as the last line, the figures as JSON."""
    print(f"{rows:,} rows, {size / 1e9:.2f} GB: {len(NAMES)} of {columns} columns to parquet")
    times = {route: figures["seconds"] for route, figures in best.items()}
    for route, label in LABELS.items():
        ratio, peak = times[route] / times["ours"], best[route]["peak_mb"]
        print(f"{label:<48}{times[route]:8.2f} s{ratio:8.2f} x{peak:10,.0f} MB")
    figures = {
        "name": "ingest",
        "ours_s": round(times["ours"], 3),
        "reference": LABELS["fitsio"],
        "reference_s": round(times["fitsio"], 3),
        "ratio": round(times["fitsio"] / times["ours"], 2),
        "peak_mb": round(best["ours"]["peak_mb"]),
        "fitsio_peak_mb": round(best["fitsio"]["peak_mb"]),
        "astropy_s": round(times["astropy"], 3),
        "astropy_ratio": round(times["astropy"] / times["ours"], 2),
        "astropy_peak_mb": round(best["astropy"]["peak_mb"]),
        "rows": rows,
        "columns": columns,
        "bytes": size,
    }
    print(json.dumps(figures))


def main() -> None:
    """Make the file once, run the routes on it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows, under 45 s")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--dir", type=Path, help="folder for the files, and to keep the FITS in")
    parser.add_argument("--route", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--generate", help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    if options.route:
        measure(options.route[0], *map(Path, options.route[1:]))
    elif options.generate:
        generate(Path(options.generate), rows, options.columns)
    else:
        rounds = QUICK_ROUNDS if options.quick else ROUNDS
        bench(rows, options.columns, rounds, options.dir)


def bench(rows: int, columns: int, rounds: int, kept: Path | None) -> None:
    """Do it all in a temporary folder; with `kept`, the FITS file stays there for the next run."""
    with tempfile.TemporaryDirectory(dir=kept or _roomy()) as name:
        folder = Path(name)
        path = (kept or folder) / f"COSMOS2020_like_{rows}x{columns}.fits"
        tiny, partial = folder / "tiny.fits", folder / "partial.fits"
        run("--generate", tiny, "--rows", TINY_ROWS, "--columns", columns)
        if not path.exists():
            run("--generate", partial, "--rows", rows, "--columns", columns)
            partial.rename(path)
        best = race(tiny, path, folder, rounds)
        compare(folder)
        report(best, rows, columns, path.stat().st_size)


def _roomy() -> str | None:
    """A temporary folder on disk where there is one: /tmp may be in memory."""
    return "/var/tmp" if Path("/var/tmp").is_dir() else None


if __name__ == "__main__":
    main()
