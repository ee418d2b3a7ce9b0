"""Other packages' files: qp ensembles and RAIL's tables."""
