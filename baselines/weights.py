"""A trained network as one safetensors file: weights, scaler, bands, provenance."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transferz.baselines.networks import PhotometryNetwork
from transferz.baselines.training import Scaler, TrainedNetwork
from transferz.schemas.errors import InputError

FORMAT = "transferz photometry network 1"


def save_network(
    path: Path, trained: TrainedNetwork, bands: Sequence[str], provenance: dict[str, Any]
) -> None:
    """Write a network with all that a forecast needs.

    Parameters
    ----------
    path : Path
        File to write, ``.safetensors``.
    trained : TrainedNetwork
        What to write.
    bands : sequence of str
        What its inputs are, in order.
    provenance : dict
        How it was made, as JSON.
    """
    import torch
    from safetensors.torch import save

    weights = {name: value.cpu().contiguous() for name, value in _state(trained).items()}
    weights["scaler.minimum"] = torch.from_numpy(trained.scaler.minimum.copy())
    weights["scaler.maximum"] = torch.from_numpy(trained.scaler.maximum.copy())
    fit = {
        "seed": trained.seed,
        "epochs": trained.epochs,
        "best_epoch": trained.best_epoch,
        "validation_loss": trained.validation_loss,
    }
    notes = {"bands": list(bands), "fit": fit, "provenance": provenance}
    metadata = {"format": FORMAT} | {name: json.dumps(note) for name, note in notes.items()}
    path.write_bytes(save(weights, metadata=metadata))


def load_network(path: Path) -> tuple[TrainedNetwork, tuple[str, ...], dict[str, Any]]:
    """Read what `save_network` wrote.

    Returns
    -------
    trained : TrainedNetwork
    bands : tuple of str
    provenance : dict

    Raises
    ------
    InputError
        Where the file is missing, damaged or something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"can't read a network from {path}: {error}") from None
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path} is no '{FORMAT}'; it was not written by transferz train")
    low, high = weights.pop("scaler.minimum"), weights.pop("scaler.maximum")
    bands = tuple(json.loads(metadata["bands"]))
    network = PhotometryNetwork(len(bands))
    network.load_state_dict(weights)
    scaler = Scaler(low.numpy(), high.numpy())
    trained = TrainedNetwork(network.eval(), scaler, **json.loads(metadata["fit"]))
    return trained, bands, json.loads(metadata["provenance"])


def _state(trained: TrainedNetwork) -> dict[str, Any]:
    return dict(trained.network.state_dict())
