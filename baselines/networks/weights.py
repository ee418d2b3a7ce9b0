"""Keep a trained model as files: safetensors for the weights, JSON for how they were made.

One file holds all seeds' weights, the scaler, the bands and the provenance.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transferz.baselines.networks import MODEL_FILE
from transferz.baselines.networks.ensemble import Ensemble, Fit, Scaler
from transferz.baselines.networks.network import LAYERS, StackedNetworks
from transferz.schemas.errors import InputError, ParameterError

FORMAT = "transferz photometry networks 1"
NOTES = "transferz"
"""The one entry of the file's metadata: several would come in another order each time."""

_DAMAGED = (KeyError, TypeError, ValueError, RuntimeError)  # what odd contents raise


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model, ready for forecasts.

    Attributes
    ----------
    ensemble : Ensemble
        The networks, one per seed.
    bands : tuple of str
        What their inputs are, in order.
    provenance : dict
        How they were made.
    """

    ensemble: Ensemble
    bands: tuple[str, ...]
    provenance: dict[str, Any]


def ensemble_bytes(ensemble: Ensemble, bands: Sequence[str], provenance: dict[str, Any]) -> bytes:
    """Return the safetensors file of a model, with all that a forecast needs.

    Parameters
    ----------
    ensemble : Ensemble
        The networks.
    bands : sequence of str
        What their inputs are, in order.
    provenance : dict
        How they were made, as JSON.
    """
    import torch
    from safetensors.torch import save

    tensors = {
        name: value.detach().cpu().contiguous()
        for name, value in ensemble.networks.state_dict().items()
    }
    tensors["scaler.minimum"] = torch.from_numpy(ensemble.scaler.minimum.copy())
    tensors["scaler.maximum"] = torch.from_numpy(ensemble.scaler.maximum.copy())
    notes = {
        "format": FORMAT,
        "bands": list(bands),
        "fits": [asdict(fit) for fit in ensemble.fits],
        "provenance": provenance,
    }
    return save(tensors, metadata={NOTES: json.dumps(notes)})


def save_ensemble(
    path: Path, ensemble: Ensemble, bands: Sequence[str], provenance: dict[str, Any]
) -> None:
    """Write a model to a file, ``.safetensors``; takes what `ensemble_bytes` does."""
    path.write_bytes(ensemble_bytes(ensemble, bands, provenance))


def load_ensemble(path: Path) -> Model:
    """Read what `save_ensemble` wrote.

    Parameters
    ----------
    path : Path
        The file, or the directory that ``transferz train --out`` made.

    Raises
    ------
    InputError
        Where the file is missing, damaged or something else.
    """
    from safetensors import SafetensorError, safe_open

    path = path / MODEL_FILE if path.is_dir() else path
    try:
        with safe_open(path, framework="pt") as file:
            notes = (file.metadata() or {}).get(NOTES, "{}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"can't read a model from {path}: {error}; give what transferz train --out made"
        ) from None
    try:
        metadata = json.loads(notes)
        if metadata.get("format") != FORMAT:
            raise InputError(f"{path} is no '{FORMAT}'; it was not written by transferz train")
        return _assemble(metadata, tensors)
    except _DAMAGED as error:
        raise InputError(f"{path} is damaged: {error!r}; train the model again") from None


def _assemble(metadata: dict[str, Any], tensors: dict[str, Any]) -> Model:
    low, high = (tensors[f"scaler.{end}"].numpy() for end in ("minimum", "maximum"))
    weights, biases = (
        [tensors[f"{kind}.{layer}"] for layer in range(LAYERS)] for kind in ("weights", "biases")
    )
    networks = StackedNetworks(weights, biases).eval().requires_grad_(False)
    bands = tuple(metadata["bands"])
    fits = tuple(Fit(**fit) for fit in metadata["fits"])
    if (len(networks), networks.bands, len(low)) != (len(fits), len(bands), len(bands)):
        raise ValueError(f"weights of {len(networks)} seeds and {networks.bands} bands")
    ensemble = Ensemble(networks, Scaler(low, high), fits)
    return Model(ensemble, bands, metadata["provenance"])


def require_order(given: Sequence[str], bands: Sequence[str], what: str) -> None:
    """Refuse a model's own bands in another order than it takes them.

    Raises
    ------
    ParameterError
        Saying in which.
    """
    if set(given) == set(bands) and tuple(given) != tuple(bands):
        raise ParameterError(
            f"{what}: expected the model's order {','.join(bands)}, found {','.join(given)}"
        )
