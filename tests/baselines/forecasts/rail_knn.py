"""RAIL's k nearest neighbours, trained on one exported file and run on another.

Run with an interpreter that has pz-rail-sklearn: ``rail_knn.py TRAIN.hdf5 TEST.hdf5 OUT.hdf5``,
in a folder where RAIL may leave its model.
"""

import sys

from rail.core.data import TableHandle
from rail.estimation.algos.k_nearneigh import KNearNeighEstimator, KNearNeighInformer

BANDS = [f"mag_{band}_lsst" for band in "grizy"]
DEEPEST = dict.fromkeys(BANDS, 30.0)  # stands for non-detections (99), which a release has none of
SETTINGS = {
    "bands": BANDS,
    "mag_limits": DEEPEST,
    "ref_band": "mag_i_lsst",
    "zmax": 4.0,
    "nzbins": 401,
    "hdf5_groupname": "photometry",
}
MODEL = "knn.pkl"


def main(train: str, test: str, out: str) -> None:
    informer = KNearNeighInformer.make_stage(name="inform", model=MODEL, **SETTINGS)
    informer.inform(TableHandle("train", path=train))
    estimator = KNearNeighEstimator.make_stage(name="estimate", model=MODEL, output=out, **SETTINGS)
    estimator.estimate(TableHandle("test", path=test))


if __name__ == "__main__":
    main(*sys.argv[1:])
