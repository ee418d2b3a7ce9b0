"""The reference baselines: what each is called, learns from and starts from."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Method:
    """A baseline: the same network, trained in its own way.

    Attributes
    ----------
    title : str
        As the papers call it.
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
        "nn_base": Method("NN-Base", "transferz"),
        "nn_tl": Method("NN-TL", "galaxiesml", start="nn_base", frozen=(), learning_rate=1e-4),
        "nn_combo": Method("NN-Combo", "combo"),
        "nn_spec": Method("NN-Spec", "galaxiesml"),
    }
)
"""NN-Base, NN-TL and NN-Combo: Soriano et al. 2024; NN-Spec: its follow-up, arXiv:2601.17222. Which
layers NN-TL freezes, and its learning rate, are not published: ours are from docs/baselines.md."""
