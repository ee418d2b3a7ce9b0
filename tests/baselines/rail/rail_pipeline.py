"""Our stages in a pipeline of RAIL's own: trained on one exported file, run on another.

Run with a Python that has pz-rail-base, transferz[bench] and rail_transferz/src in its path:
``rail_pipeline.py TRAIN.hdf5 TEST.hdf5 NETWORK``, in a folder where RAIL may leave its files.
"""

import sys

from ceci import Pipeline
from rail.core.stage import RailPipeline
from rail.estimation.algos.transferz_nets import TransferzEstimator, TransferzInformer

BANDS = [f"mag_{band}_lsst" for band in "grizy"]
SETTINGS = {"bands": BANDS, "mag_limits": dict.fromkeys(BANDS, 30.0), "zmax": 4.0, "nzbins": 401}
SHORT = {"n_networks": 2, "learning_rate": 3e-3, "batch_size": 50, "max_epochs": 30}


class Networks(RailPipeline):
    def __init__(self, network):
        super().__init__()
        self.inform = TransferzInformer.build(
            aliases={"input": "train"},
            network=network,
            **SETTINGS | SHORT,
        )
        self.estimate = TransferzEstimator.build(
            aliases={"input": "test"},
            connections={"model": self.inform.io.model},
            chunk_size=40,
            **SETTINGS,
        )


def main(train, test, network):
    pipeline = Networks(network)
    place = {"output_dir": ".", "log_dir": ".", "resume": False}
    pipeline.initialize({"train": train, "test": test}, place, None)
    pipeline.save("pipeline.yml")
    sys.exit(Pipeline.read("pipeline.yml").run())


if __name__ == "__main__":
    main(*sys.argv[1:])
