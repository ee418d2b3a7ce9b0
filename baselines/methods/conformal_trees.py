"""Split conformal intervals around gradient-boosted trees."""

from transferz.baselines.methods.conformal import SplitConformal, SplitConformalByMagnitude
from transferz.baselines.methods.trees import BoostedTrees


class ConformalTrees(SplitConformal):
    """Gradient-boosted trees with intervals from the calibration split."""

    around = BoostedTrees
    name = "Gradient-boosted trees, conformal"
    description = "Intervals z_pred ± q (1 + z_pred) from the calibration split"


class ConformalTreesByMagnitude(SplitConformalByMagnitude):
    """Gradient-boosted trees with intervals from calibration galaxies of like i magnitude."""

    around = BoostedTrees
    name = "Gradient-boosted trees, conformal by magnitude"
    description = "Intervals z_pred ± q (1 + z_pred), calibrated in bins of i magnitude"
