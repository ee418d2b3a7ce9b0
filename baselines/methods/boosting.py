"""Forecast with the gradient-boosted trees of LightGBM, XGBoost and CatBoost.

They learn log(1 + z) by its absolute error, so that an error counts as the scores count it, and
stop where the validation set's error no longer falls. Settings were chosen on validation sets alone
by ``benchmarks/tuning.py``, from at most eight; a constructor takes others.
"""

from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pandas as pd

from transferz.baselines.methods.common import Inputs, Tuned, labels
from transferz.baselines.scores.probability import Prediction

MAX_TREES, PATIENCE = 2000, 50


class Boosting(Tuned):
    """Trees of one library, which a subclass names."""

    missing_magnitudes = True
    summary = "Absolute error of log(1 + z), early stopping on the validation set"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Grow trees until the validation error no longer falls."""
        self.inputs = Inputs(train)
        learned, held_out = (
            (self.inputs(table), np.log1p(labels(table))) for table in (train, validation)
        )
        self.model = self.grow(learned, held_out, seed)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a point for each galaxy."""
        if table.empty:
            return Prediction(np.empty(0))
        return Prediction(np.expm1(self.model.predict(self.inputs(table))))

    def grow(self, learned: Any, held_out: Any, seed: int) -> Any:
        """Return the library's regressor, trained on features (N, F) and log(1 + z) (N,)."""
        raise NotImplementedError


class LightGBM(Boosting):
    """LightGBM's trees."""

    name = "LightGBM"
    package = "lightgbm"
    citation = "Ke et al. 2017, NeurIPS 30 (LightGBM)"
    settings = MappingProxyType({"learning_rate": 0.05, "num_leaves": 31, "min_child_samples": 10})

    def grow(self, learned: Any, held_out: Any, seed: int) -> Any:
        """Return the trees up to the least validation error."""
        model = self.library.LGBMRegressor(
            objective="mae",
            n_estimators=MAX_TREES,
            random_state=seed,
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
            **self.settings,
        )
        stop = self.library.early_stopping(PATIENCE, verbose=False)
        return model.fit(
            *learned, eval_X=held_out[0], eval_y=held_out[1], eval_metric="mae", callbacks=[stop]
        )


class XGBoost(Boosting):
    """XGBoost's trees."""

    name = "XGBoost"
    package = "xgboost"
    citation = "Chen & Guestrin 2016, KDD, arXiv:1603.02754 (XGBoost)"
    settings = MappingProxyType({"learning_rate": 0.05, "max_depth": 10, "min_child_weight": 10})

    def grow(self, learned: Any, held_out: Any, seed: int) -> Any:
        """Return the trees up to the least validation error."""
        model = self.library.XGBRegressor(
            objective="reg:absoluteerror",
            eval_metric="mae",
            n_estimators=MAX_TREES,
            early_stopping_rounds=PATIENCE,
            random_state=seed,
            n_jobs=1,
            device="cpu",
            **self.settings,
        )
        return model.fit(*learned, eval_set=[held_out], verbose=False)


class CatBoost(Boosting):
    """CatBoost's trees."""

    name = "CatBoost"
    package = "catboost"
    citation = "Prokhorenkova et al. 2018, NeurIPS 31, arXiv:1706.09516 (CatBoost)"
    settings = MappingProxyType({"learning_rate": 0.08, "depth": 6, "l2_leaf_reg": 1})

    def grow(self, learned: Any, held_out: Any, seed: int) -> Any:
        """Return the trees up to the least validation error."""
        model = self.library.CatBoostRegressor(
            loss_function="MAE",
            iterations=MAX_TREES,
            early_stopping_rounds=PATIENCE,
            random_seed=seed,
            thread_count=1,
            verbose=False,
            allow_writing_files=False,
            **self.settings,
        )
        return model.fit(*learned, eval_set=held_out)
