"""TransferZ: galaxies with redshifts and HSC photometry, as versioned, leak-free releases."""

from typing import TYPE_CHECKING

from transferz.loading import load_dataset
from transferz.releases import Release, find_release
from transferz.schemas.later import import_later

if TYPE_CHECKING:
    from transferz.frames import from_astropy, to_astropy, to_pandas
    from transferz.hats import to_lsdb
    from transferz.rows import units
    from transferz.tensors import Tensors, to_torch
    from transferz.version import __version__

__all__ = [
    "Release",
    "Tensors",
    "__version__",
    "find_release",
    "from_astropy",
    "load_dataset",
    "to_astropy",
    "to_lsdb",
    "to_pandas",
    "to_torch",
    "units",
]

__getattr__, __dir__ = import_later(
    __name__,
    {
        "Tensors": "tensors",
        "__version__": "version",
        "from_astropy": "frames",
        "to_astropy": "frames",
        "to_lsdb": "hats",
        "to_pandas": "frames",
        "to_torch": "tensors",
        "units": "rows",
    },
)
