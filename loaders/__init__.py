"""TransferZ: galaxies with redshifts and HSC photometry, as versioned, leak-free releases."""

from importlib import metadata

from transferz.loading import load_dataset
from transferz.releases import Release, find_release

__all__ = ["Release", "__version__", "find_release", "load_dataset"]


def __getattr__(name: str) -> str:
    """Look the version up only when it is asked for; that keeps the import light."""
    if name == "__version__":
        return metadata.version("transferz")
    raise AttributeError(f"module 'transferz' has no attribute '{name}'")
