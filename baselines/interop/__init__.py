"""Other packages' files: qp's ensembles of distributions, which RAIL's estimators write."""

from transferz.baselines.interop.qp_files import QpFile, read_qp, write_qp
from transferz.baselines.interop.qp_hdf5 import is_qp

__all__ = ["QpFile", "is_qp", "read_qp", "write_qp"]
