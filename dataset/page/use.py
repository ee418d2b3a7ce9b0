"""The card's section on loading."""

from typing import Any

from transferz.schemas.survey.versions import Version

OURS = """\
```python
from transferz import load_dataset, to_astropy, to_pandas, to_torch, units

# a DatasetDict: train, validation, calibration, test
ds = load_dataset("transferz")
test = load_dataset("transferz", "combo", split="test")

# as an astropy QTable with units, a pandas DataFrame,
# or resident tensors: features, errors, redshift
table = to_astropy(test)
frame = to_pandas(test)
arrays = to_torch(test, bands="grizy")
units(test)["g_cmodel_mag"]  # 'mag(AB)'
```"""

STOCK = """\
```python
import datasets

# from the Hub, this version
ds = datasets.load_dataset("{repository}", revision="{tag}")

# from a copy on disk, offline
ds = datasets.load_dataset("path/to/transferz", "combo")

# units are the features' ids
ds["test"].features["ra"].id  # 'deg'
```"""

FILES = """\
Every file is plain parquet. `pandas.read_parquet` and `polars.read_parquet` read it; astropy gives
units and descriptions too, with `Table.read(file, format="parquet.votable")`."""


def loading(manifest: dict[str, Any]) -> str:
    """Return the section on loading.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it.
    """
    repository = "ORG/transferz-mock" if manifest["mock"] else "ORG/transferz"
    stock = STOCK.format(repository=repository, tag=Version.parse(manifest["version"]).tag)
    return f"""\
## Load

With `transferz` installed:

{OURS}

With Hugging Face `datasets` alone, where `ORG` is whoever published it:

{stock}

{FILES}"""
