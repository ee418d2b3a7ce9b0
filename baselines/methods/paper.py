"""Say of each of the paper's networks what it is called, learns from and starts from."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one of the paper's networks is trained; the network is the same for all.

    Attributes
    ----------
    title : str
        What the papers call it.
    config : str
        The config of a release that it learns from.
    start : str
        The method whose networks it fine-tunes; empty where it starts anew.
    frozen : tuple of int
        Layers that fine-tuning leaves as they are, by default.
    learning_rate : float or None
        Adam's, by default; None for the paper's.
    """

    title: str
    config: str
    start: str = ""
    frozen: tuple[int, ...] = ()
    learning_rate: float | None = None


METHODS = MappingProxyType(
    {
        "nn_base": Recipe("NN-Base", "transferz"),
        "nn_tl": Recipe("NN-TL", "galaxiesml", start="nn_base", frozen=(), learning_rate=1e-4),
        "nn_combo": Recipe("NN-Combo", "combo"),
        "nn_spec": Recipe("NN-Spec", "galaxiesml"),
    }
)
"""NN-Base, NN-TL and NN-Combo: Soriano et al. 2024; NN-Spec: its follow-up, arXiv:2601.17222. Which
layers NN-TL freezes, and its learning rate, are not published: ours are from docs/baselines.md."""
