"""HSC object ids: tract, patch and running number packed into 64 bits, as HSC packs them."""

import numpy as np
import numpy.typing as npt

from transferz.dataset.mock.sky import Window

TRACT_SHIFT, PATCH_SHIFT = 42, 32
PATCHES = 9  # a tract has 9 x 9 patches


def object_ids(
    tract: int | npt.NDArray[np.int64],
    ra: npt.NDArray[np.float64],
    dec: npt.NDArray[np.float64],
    window: Window,
) -> npt.NDArray[np.int64]:
    """Return an id (N,) for each object; they differ within a tract.

    Parameters
    ----------
    tract : int or (N,) ndarray
        Tract number.
    ra, dec : (N,) ndarray
        Positions in the window, degrees.
    window : Window
        The patch of sky that the tract's patches divide.
    """
    across = (ra - window.ra_min) / (window.ra_max - window.ra_min)
    along = (dec - window.dec_min) / (window.dec_max - window.dec_min)
    cells = [np.clip((PATCHES * x).astype(np.int64), 0, PATCHES - 1) for x in (across, along)]
    high = (np.asarray(tract, np.int64) << TRACT_SHIFT) + (
        (cells[0] * PATCHES + cells[1]) << PATCH_SHIFT
    )
    order = np.lexsort([ra, dec, high])
    starts = np.flatnonzero(np.diff(high[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order)) - np.repeat(starts, counts)
    return np.asarray(high + number + 1)
