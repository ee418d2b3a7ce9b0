"""TransferZ: galaxies with redshifts and HSC photometry, as versioned, leak-free releases."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from transferz.loading import load_dataset
from transferz.releases import Release, find_release

if TYPE_CHECKING:
    from transferz.frames import from_astropy, to_astropy, to_pandas
    from transferz.hats import to_lsdb
    from transferz.rows import units
    from transferz.tensors import Tensors, to_torch

_LATER = {
    "Tensors": "tensors",
    "from_astropy": "frames",
    "to_astropy": "frames",
    "to_lsdb": "hats",
    "to_pandas": "frames",
    "to_torch": "tensors",
    "units": "rows",
}
"""Name -> the module it is imported from when it is asked for; that keeps the import light."""

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


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"transferz.{_LATER[name]}"), name)
    if name == "__version__":
        from importlib import metadata

        return metadata.version("transferz")
    raise AttributeError(f"module 'transferz' has no attribute '{name}'")
