"""The stages of this package, where RAIL's catalogue looks for them."""

from rail.estimation.algos.transferz_nets import TransferzEstimator, TransferzInformer

__all__ = ["TransferzEstimator", "TransferzInformer"]
