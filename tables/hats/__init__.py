"""HATS: a catalogue cut into parquet files by HEALPix pixels of the sky, as LSDB reads it.

A catalogue is a folder with ``hats.properties``, ``partition_info.csv`` and, for each pixel that
has rows, a leaf ``dataset/Norder=<order>/Dir=<number>/Npix=<pixel>.parquet``. A collection is a
folder with ``collection.properties``, a catalogue in it, and beside that its margin: for each pixel
the rows just outside, so that a match across the pixel's edge is found.

`reading` needs neither `hats` nor `lsdb`; `writing` needs `hats`. The standard is the IVOA Note
"HATS: A Standard for the Hierarchical Adaptive Tiling Scheme in the Virtual Observatory".
"""

from transferz.tables.hats.reading import is_hats

__all__ = ["is_hats"]
