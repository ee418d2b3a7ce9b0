"""Forecast with trained networks, one per seed, as one object, and keep them in a file.

The file, of safetensors, holds all seeds' weights, the scaler, the bands, how they were made, and a
hash of all that: a model that was changed since is refused.

Shapes: S seeds, N galaxies, B bands.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad

from transferz.baselines.networks import MODEL_FILE
from transferz.baselines.networks.network import (
    LAYERS,
    MixtureNetworks,
    StackedNetworks,
    components,
)
from transferz.baselines.networks.pieces import forecast_pieces
from transferz.baselines.scores.probability import GaussianMixture
from transferz.schemas.errors import InputError, ParameterError

CHUNK_FORECASTS = 262_144
"""Seeds times galaxies of a forecast at once: 210 MB of float32 per hidden layer."""

PIECE = 512
"""Galaxies of a product, where mixtures are forecast."""

FORMAT = "transferz photometry networks 2"
KINDS = {"": StackedNetworks, "mixture": MixtureNetworks}
"""What networks a file may hold, by the ``kind`` in its notes; the first have none."""

NOTES = "transferz"
"""The one entry of the file's metadata: several would come in another order each time."""

_DAMAGED = (LookupError, TypeError, ValueError, RuntimeError)  # what odd contents raise

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaler:
    """Min-max scaling by the range of each band's magnitudes in the training set, shape (B,)."""

    minimum: Floats
    maximum: Floats

    @classmethod
    def of(cls, magnitudes: Floats) -> "Scaler":
        """Take the range of magnitudes (N, B); an `InputError` where a band has one value only."""
        low, high = magnitudes.min(axis=0), magnitudes.max(axis=0)
        if (constant := np.flatnonzero(low == high)).size:
            raise InputError(
                f"band number {constant[0] + 1} has the same magnitude, {low[constant[0]]:g}, in "
                "every training row; leave the band out or give more rows"
            )
        return cls(low, high)

    def __call__(self, magnitudes: Floats, dtype: torch.dtype = torch.float32) -> Tensor:
        """Scale (N, B) magnitudes to about 0-1."""
        scaled = (magnitudes - self.minimum) / (self.maximum - self.minimum)
        return torch.from_numpy(scaled).to(dtype)


@dataclass(frozen=True, slots=True)
class Fit:
    """How one seed's training went.

    The seed is that of its initial weights and its shuffling. It was trained for `epochs`; the
    weights kept, of `validation_loss`, are those of `best_epoch`, from 1.
    """

    seed: int
    epochs: int
    best_epoch: int
    validation_loss: float


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The S networks of one method, with their best weights, their input's scaling, their fits."""

    networks: StackedNetworks
    scaler: Scaler
    fits: tuple[Fit, ...]

    def __len__(self) -> int:
        return len(self.fits)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in the order of the networks."""
        return tuple(fit.seed for fit in self.fits)

    def scaled(self, magnitudes: Floats) -> Tensor:
        """Scale magnitudes (N, B) as the networks take them, on their device."""
        weight = self.networks.weights[0]
        return self.scaler(magnitudes, weight.dtype).to(weight.device)

    def predict(self, magnitudes: Floats) -> Floats:
        """Forecast redshifts (S, N), a row per fit, of magnitudes (N, B) as trained on.

        Those of a galaxy are the same, bit for bit, whatever galaxies stand beside it. Of networks
        that forecast mixtures, they are the medians.
        """
        if self.has_densities:
            each = self.mixtures(magnitudes)
            return np.concatenate([mixture.quantiles([0.5]).T for mixture in each])
        return forecast_pieces(self.networks, self.scaled(magnitudes)).cpu().numpy()

    @property
    def has_densities(self) -> bool:
        """Whether the networks forecast a density of each galaxy, and not a redshift alone."""
        return isinstance(self.networks, MixtureNetworks)

    def mixtures(self, magnitudes: Floats) -> list[GaussianMixture]:
        """Forecast a mixture for each of the N galaxies, by each seed's network.

        Products of matrices have as many rows each time, the last of them filled up: what is
        forecast of a galaxy hangs on it alone, and not on how many there are.
        """
        scaled = self.scaled(magnitudes)
        filled = pad(scaled, (0, 0, 0, -len(scaled) % PIECE))
        with torch.no_grad():
            parts = [self.networks(part).double() for part in filled.split(PIECE)]
        outputs = torch.cat(parts, dim=1)[:, : len(scaled)].cpu()  # (S, N, 3 K)
        return [
            GaussianMixture(log_weights.exp().numpy(), means.numpy(), widths.numpy())
            for log_weights, means, widths in zip(*components(outputs), strict=True)
        ]

    def take(self, seeds: Sequence[int]) -> "Ensemble":
        """Copy the networks of some seeds, in that order; they must all be there."""
        place = {seed: position for position, seed in enumerate(self.seeds)}
        if missing := [seed for seed in seeds if seed not in place]:
            raise ParameterError(
                f"the model has {len(self)} seeds, {min(place)} to {max(place)}, and none for seed "
                f"{missing[0]}; train it with as many seeds as are wanted here"
            )
        positions = [place[seed] for seed in seeds]
        rows = torch.tensor(positions, device=self.networks.weights[0].device)
        fits = tuple(self.fits[position] for position in positions)
        return replace(self, networks=self.networks.take(rows), fits=fits)

    def to(self, device: torch.device) -> "Ensemble":
        """Move the networks to a device, in place."""
        self.networks.to(device)
        return self


@torch.no_grad()
def forecast(networks: StackedNetworks, scaled: Tensor) -> Tensor:
    """Forecast in float64, shape (S, N, ...), in chunks of rows of `scaled`, shape (N, B)."""
    rows = max(1, CHUNK_FORECASTS // len(networks))
    return torch.cat([networks(part).double() for part in scaled.split(rows)], dim=1)


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model, ready for forecasts: networks, their inputs in order, how they were made.

    `digest` is the hash of all that, as its file has it.
    """

    ensemble: Ensemble
    bands: tuple[str, ...]
    provenance: dict[str, Any]
    digest: str = ""


def ensemble_bytes(ensemble: Ensemble, bands: Sequence[str], provenance: dict[str, Any]) -> bytes:
    """Return the safetensors file of a model, with all that a forecast needs.

    `bands` are what the networks' inputs are, in order; `provenance`, as JSON, how they were made.
    """
    from safetensors.torch import save

    state = ensemble.networks.state_dict()
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    tensors["scaler.minimum"] = torch.from_numpy(ensemble.scaler.minimum.copy())
    tensors["scaler.maximum"] = torch.from_numpy(ensemble.scaler.maximum.copy())
    kind = next(name for name, of in KINDS.items() if type(ensemble.networks) is of)
    notes = {
        "format": FORMAT,
        **({"kind": kind} if kind else {}),
        "bands": list(bands),
        "fits": [asdict(fit) for fit in ensemble.fits],
        "provenance": provenance,
    }
    notes["sha256"] = _digest(notes, tensors)
    return save(tensors, metadata={NOTES: json.dumps(notes)})


def _digest(notes: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Hash all that a model's file holds but the hash itself."""
    plain = {name: value for name, value in notes.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(plain).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def load_ensemble(path: Path) -> Model:
    """Read a model's file, or that in the directory that ``transferz train --out`` made.

    An `InputError` says where it is missing, damaged or something else: its hash must be that of
    what it holds, and all its numbers finite.
    """
    from safetensors import SafetensorError, safe_open

    path = path / MODEL_FILE if path.is_dir() else path
    try:
        with safe_open(path, framework="pt") as file:
            notes = (file.metadata() or {}).get(NOTES, "{}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"can't read a model from {path}: {error}; give what `transferz train --out` made"
        ) from None
    try:
        metadata = json.loads(notes)
        if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
            raise InputError(
                f"{path} is no '{FORMAT}': it was not written by transferz train, or by another "
                "version of it; train the model again"
            )
        if metadata.get("sha256") != _digest(metadata, tensors):
            raise ValueError("what it holds is not what it has the hash of")
        if odd := [name for name, one in tensors.items() if not torch.isfinite(one).all()]:
            raise ValueError(f"{odd[0]} holds a number that is not finite")
        return _assemble(metadata, tensors)
    except _DAMAGED as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise InputError(f"{path} is damaged: {reason}; train the model again") from None


def _assemble(metadata: dict[str, Any], tensors: dict[str, Any]) -> Model:
    low, high = (tensors[f"scaler.{end}"].numpy() for end in ("minimum", "maximum"))
    weights, biases = (
        [tensors[f"{kind}.{layer}"] for layer in range(LAYERS)] for kind in ("weights", "biases")
    )
    kind = KINDS[metadata.get("kind", "")]
    networks = kind(weights, biases).eval().requires_grad_(False)
    bands = tuple(metadata["bands"])
    fits = tuple(Fit(**fit) for fit in metadata["fits"])
    if (len(networks), networks.bands, len(low)) != (len(fits), len(bands), len(bands)):
        raise ValueError(f"weights of {len(networks)} seeds and {networks.bands} bands")
    if (outputs := biases[-1].shape[-1]) != kind.OUTPUTS:
        raise ValueError(f"a head of {outputs} outputs, expected {kind.OUTPUTS}")
    ensemble = Ensemble(networks, Scaler(low, high), fits)
    return Model(ensemble, bands, metadata["provenance"], metadata["sha256"])


def require_order(given: Sequence[str], bands: Sequence[str]) -> None:
    """Refuse, by a `ParameterError`, a model's own bands in another order than it takes them."""
    if set(given) == set(bands) and tuple(given) != tuple(bands):
        raise ParameterError(
            f"expected the model's order {','.join(bands)}, found {','.join(given)} in bands=",
            bands="--bands",
        )
