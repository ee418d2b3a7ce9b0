"""The directory that ``transferz train --out`` writes: all of it, or nothing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transferz.baselines.benchmark.output_folder import check_folder
from transferz.baselines.networks.ensemble import Ensemble
from transferz.baselines.networks.weights import MODEL_FILE, RECORD_FILE, save_ensemble
from transferz.tables.files import replace_directory


def check_output(directory: Path, *, replace: bool = False) -> None:
    """Refuse, before any training, an output directory that holds something.

    Raises
    ------
    InputError
        Where it does, an older model with `replace` apart, or its parent can't be made.
    """
    check_folder(directory, (MODEL_FILE, RECORD_FILE), "model", replace=replace)


def write_model(
    directory: Path,
    ensemble: Ensemble,
    bands: Sequence[str],
    provenance: dict[str, Any],
    record: dict[str, Any],
) -> None:
    """Write the weights and their record, all or nothing.

    Parameters
    ----------
    directory : Path
        As `check_output` has let pass.
    ensemble, bands, provenance
        As `transferz.baselines.networks.weights.save_ensemble` takes them.
    record : dict
        What ``results.json`` is to hold.

    Raises
    ------
    InputError
        Where the directory can't be written; an older one is then as it was.
    """
    with replace_directory(directory) as made:
        save_ensemble(made / MODEL_FILE, ensemble, bands, provenance)
        text = json.dumps(record, indent=1, allow_nan=False)
        (made / RECORD_FILE).write_text(text + "\n", encoding="utf-8")
