"""Tables of any format, read and written in chunks of rows, and files replaced all at once.

`reading.open_table` opens FITS, parquet, HDF5, VOTable, ECSV, CSV and blank-separated text, whose
content says which they are, never their name; and the folder of a HATS collection. What it returns,
a `table.TableFile`, has the columns' ``names`` and ``units``, ``schema(columns)`` and
``chunks(columns, rows)``; `reading.read_whole` reads all rows. Values are exact: a whole number
stays one, FITS's unsigned ones included, text stays as it is spelt, and what the file marks as
missing is null. Whatever is wrong with a file is one `InputError`. Memory is bounded by the chunk,
but for VOTable and ECSV, which astropy reads whole.

`cells` takes columns as numbers or ids (`cells.as_ids`: the same id from every format).
`writing.open_writer` writes a table with columns added, as CSV, parquet or FITS;
`files.replace_file` lets a file appear whole or not at all. `text`, and `fits` on `fits_hdus`, are
formats of their own, as `parquet`, `hdf5` and `hats`, which also writes; `reading` has the others.
astropy, h5py and, for writing HATS, lsdb are needed for their own formats alone.

`hub` brings a release's files from the Hugging Face Hub, checked, for the dataset and the loaders;
`hub_client` makes the errors of its client ours.
"""
