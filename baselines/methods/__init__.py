"""Reference methods, as plug-ins of the benchmark, and the recipes of the paper's networks.

Each is a class that `transferz benchmark` can run; importing this package imports none of them,
because some need scikit-learn, others the packages of the template fit.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one of the paper's networks is trained; the network is the same for all.

    `title` is what the papers call it, `role` that of the config of a release that it learns from.
    `start` is the method whose networks it fine-tunes, empty where it starts anew; `frozen` and
    `learning_rate` are fine-tuning's defaults, None being the paper's rate.
    """

    title: str
    role: str
    start: str = ""
    frozen: tuple[int, ...] = ()
    learning_rate: float | None = None


METHODS = MappingProxyType(
    {
        "nn_base": Recipe("NN-Base", "label"),
        "nn_tl": Recipe("NN-TL", "spectroscopic", start="nn_base", frozen=(), learning_rate=1e-4),
        "nn_combo": Recipe("NN-Combo", "union"),
        "nn_spec": Recipe("NN-Spec", "spectroscopic"),
    }
)
"""NN-Base, NN-TL and NN-Combo: Soriano et al. 2024; NN-Spec: its follow-up, arXiv:2601.17222. Which
layers NN-TL freezes, and its learning rate, are not published: ours are from docs/baselines.md."""
