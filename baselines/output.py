"""The directory that ``transferz train --out`` writes: all of it, or nothing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transferz.baselines.ensemble import Ensemble
from transferz.baselines.weights import MODEL_FILE, RECORD_FILE, save_ensemble
from transferz.dataset.files import replace_directory
from transferz.schemas.errors import InputError


def check_output(directory: Path, *, replace: bool = False) -> None:
    """Refuse, before any training, an output directory that holds something.

    Parameters
    ----------
    directory : Path
        It need not exist.
    replace : bool
        An older model in it may be replaced; nothing else may.

    Raises
    ------
    InputError
        Where it does, or its parent can't be made.
    """
    try:
        if directory.exists() and not _may_go(directory, replace):
            raise InputError(
                f"--out {directory} exists already; remove it or name another"
                + (": it holds more than a model" if replace else ", or give --replace")
            )
        directory.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"can't write to --out {directory}: {error}") from None


def _may_go(directory: Path, replace: bool) -> bool:
    if not directory.is_dir():
        return False
    ours = {MODEL_FILE, RECORD_FILE} if replace else set()
    return {path.name for path in directory.iterdir()} <= ours


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
        As `transferz.baselines.weights.save_ensemble` takes them.
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
