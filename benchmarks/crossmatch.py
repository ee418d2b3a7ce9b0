"""Cross-match at COSMOS2020 x HSC size: ours against astropy's `match_to_catalog_sky`.

Both start from arrays of degrees and end with the mutual nearest neighbours within 1 arcsec; the
pairs must be the same. Run as ``python benchmarks/crossmatch.py [--quick]``.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable

import numpy as np

from transferz.dataset.sky.neighbours import mutual_nearest
from transferz.dataset.sky.positions import Positions

RADIUS_ARCSEC = 1.0
COSMOS_RA, COSMOS_DEC = (149.397, 150.786), (1.603, 2.816)  # extent of COSMOS2020, deg
FIRST_ROWS, SECOND_ROWS, SHARED_ROWS = 1_000_000, 1_720_000, 700_000
CLUSTERS, CLUSTERED_SHARE, CLUSTER_ARCSEC, SCATTER_ARCSEC = 60_000, 1 / 3, 5.0, 0.1
SEED = 20

Sky = tuple[np.ndarray, np.ndarray]


def field(rng: np.random.Generator, rows: int) -> Sky:
    """Uniform positions in the COSMOS field, deg."""
    return rng.uniform(*COSMOS_RA, rows), rng.uniform(*COSMOS_DEC, rows)


def scattered(rng: np.random.Generator, sky: Sky, rows: np.ndarray, arcsec: float) -> Sky:
    """Draws around some positions, normal with the given width per axis."""
    sigma = arcsec / 3600
    return tuple(c[rows] + rng.normal(0.0, sigma, len(rows)) for c in sky)


def joined(rng: np.random.Generator, *parts: Sky) -> Sky:
    """All parts in random row order."""
    order = rng.permutation(sum(len(part[0]) for part in parts))
    return tuple(np.concatenate([part[axis] for part in parts])[order] for axis in (0, 1))


def catalogues(seed: int) -> tuple[Sky, Sky]:
    """Two catalogues of one clustered field that share 700,000 objects."""
    rng = np.random.default_rng(seed)
    members = int(SECOND_ROWS * CLUSTERED_SHARE)
    centres = field(rng, CLUSTERS)
    clustered = scattered(rng, centres, rng.integers(0, CLUSTERS, members), CLUSTER_ARCSEC)
    second = joined(rng, clustered, field(rng, SECOND_ROWS - members))
    shared = rng.permutation(SECOND_ROWS)[:SHARED_ROWS]
    seen_twice = scattered(rng, second, shared, SCATTER_ARCSEC)
    return joined(rng, seen_twice, field(rng, FIRST_ROWS - SHARED_ROWS)), second


def ours(first: Sky, second: Sky) -> np.ndarray:
    """Match and return row numbers, (m, 2)."""
    matches = mutual_nearest(
        Positions(*first, np.arange(len(first[0]))),
        Positions(*second, np.arange(len(second[0]))),
        RADIUS_ARCSEC,
    )
    return np.column_stack([matches.i, matches.j])


def reference(first: Sky, second: Sky) -> np.ndarray:
    """Match by astropy, nearest both ways, and return row numbers, (m, 2)."""
    from astropy.coordinates import SkyCoord

    one, two = SkyCoord(*first, unit="deg"), SkyCoord(*second, unit="deg")
    forth, separation, _ = one.match_to_catalog_sky(two)
    back, _, _ = two.match_to_catalog_sky(one)
    rows = np.arange(len(forth))
    rows = rows[(back[forth] == rows) & (separation.arcsec <= RADIUS_ARCSEC)]
    return np.column_stack([rows, forth[rows]])


def one_way(first: Sky, second: Sky) -> np.ndarray:
    """Find the nearest second of each first by astropy, (n,): half the work of `reference`."""
    from astropy.coordinates import SkyCoord

    return SkyCoord(*first, unit="deg").match_to_catalog_sky(SkyCoord(*second, unit="deg"))[0]


def best_of(
    repeats: int, match: Callable[[Sky, Sky], np.ndarray], first: Sky, second: Sky
) -> tuple[float, np.ndarray]:
    """Least wall time in seconds, and the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = match(first, second)
        times.append(time.perf_counter() - start)
    return min(times), result


def main() -> None:
    """Print a table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats, under 45 s")
    quick = parser.parse_args().quick
    first, second = catalogues(SEED)
    ours_s, found = best_of(3 if quick else 7, ours, first, second)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # before astropy loads
    reference(tuple(c[:1000] for c in first), tuple(c[:1000] for c in second))  # lazy imports
    repeats = 1 if quick else 3
    reference_s, expected = best_of(repeats, reference, first, second)
    one_way_s, _ = best_of(repeats, one_way, first, second)
    np.testing.assert_array_equal(found, expected)
    rows = [
        ("transferz mutual_nearest", ours_s),
        ("astropy match_to_catalog_sky, both ways", reference_s),
        ("astropy match_to_catalog_sky, one way", one_way_s),
    ]
    print(
        f"{FIRST_ROWS:,} x {SECOND_ROWS:,} positions, {RADIUS_ARCSEC} arcsec: {len(found):,} pairs"
    )
    for name, seconds in rows:
        print(f"{name:<42}{seconds:8.2f} s{seconds / ours_s:8.1f} x")
    figures = {
        "name": "crossmatch",
        "ours_s": round(ours_s, 3),
        "reference": "astropy match_to_catalog_sky, both ways",
        "reference_s": round(reference_s, 3),
        "ratio": round(reference_s / ours_s, 2),
        "peak_mb": round(peak_mb),
        "one_way_s": round(one_way_s, 3),
        "one_way_ratio": round(one_way_s / ours_s, 2),
        "pairs": len(found),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
