"""One small table in every format and dialect that people write; see `test_formats`."""

import bz2
import gzip
import io
import itertools
import lzma

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import MaskedColumn
from astropy.table import Table as AstropyTable

from transferz import exporting
from transferz.schemas import Column, Table
from transferz.schemas.survey.frames import arrow_schema
from transferz.tables.files import replace_file
from transferz.tables.reading import open_table
from transferz.tables.writing import open_writer

ROWS = 12
LEAKED = {2: 40_000, 7: 40_005}  # rows that are test galaxies of the tiny release
LACKING = 4  # the row without g
BANDS = ("g", "r", "i", "z", "y")
CODES = ["000001", "2E1", "0x1001", "007", "1e5", "+3", "12:00", "1_0", "0", "-07", "0b1", "1."]


def columns():
    """Name to values; every number is exact in 16 bits, scaled or not."""
    rng = np.random.default_rng(5)
    ids = [LEAKED.get(row, 43158605133375001 + 37 * row) for row in range(ROWS)]
    z = rng.integers(1, 16, ROWS) / 8
    numbers = {band: 20 + rng.integers(0, 48, ROWS) / 8 for band in BANDS}
    numbers["g"][LACKING] = np.nan
    names = ["NGC 1", "GN#0", "007", *(f"n{row}" for row in range(3, ROWS))]
    return (
        {"object_id": ids, "name": names, "code": CODES}
        | {name: values.tolist() for name, values in numbers.items()}
        | {"redshift": z.tolist(), "z_phot": (z + rng.integers(0, 3, ROWS) / 8).tolist()}
    )


TRUTH = columns()
NAMES = tuple(TRUTH)
NUMBERS = (*BANDS, "redshift", "z_phot")
VARIANTS = {}
"""Name to what writes the table to a path; what else there is to say is among `OPTIONS`."""
OPTIONS = {}


def add(name, write, **options):
    assert name not in VARIANTS
    VARIANTS[name], OPTIONS[name] = write, options


# --- text


def lines(mark=",", *, header="{names}", empty="", quote=False, spell=str, extra=()):
    """Lines of text; `extra` are put among them by their numbers."""
    blank = not mark.strip() and mark != "\t"

    def cell(value):
        if value != value:
            return empty
        text = spell(value) if isinstance(value, float) else str(value)
        return f'"{text}"' if quote or (blank and " " in text) else text

    rows = [mark.join(map(cell, row)) for row in zip(*TRUTH.values(), strict=True)]
    text = [*header.format(names=mark.join(NAMES)).split("\n"), *rows]
    for place, line in extra:
        text.insert(place if place >= 0 else len(text), line)
    return [line for line in text if line is not None]


def text(encoding="utf-8", end="\n", last=True, pack=bytes, before="", **options):
    def write(path):
        content = before + end.join(lines(**options)) + (end if last else "")
        path.write_bytes(pack(content.encode(encoding)))

    return write


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(data)
    return sink.getvalue().to_pybytes()


MARKS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "blank": "  "}
PANDAS = {"gz": "gzip"}  # its own word
PACKINGS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}
UNITS = {"g": "mag", "r": "mag"}


def units(mark, none):
    return mark.join(UNITS.get(name, none) for name in NAMES)


for word, mark in MARKS.items():
    none = "nan" if word == "blank" else ""
    pandas = {"sep": r"\s+" if word == "blank" else mark}
    add(f"{word}", text(mark=mark, empty=none), pandas=pandas)
    add(f"{word}, names after #", text(mark=mark, empty=none, header="# {names}"))
    add(f"{word}, names after # at once", text(mark=mark, empty=none, header="#{names}"))
    add(f"{word}, Windows", text(mark=mark, empty=none, end="\r\n"), pandas=pandas)
    add(f"{word}, no last end", text(mark=mark, empty=none, last=False), pandas=pandas)
    add(f"{word}, quoted", text(mark=mark, empty=none, quote=True), pandas=pandas)
    rule = "{names}\n" + units(mark, "-" if word == "blank" else "")
    add(f"{word}, units", text(mark=mark, empty=none, header=rule))
    ruled = f"{rule}\n{mark.join(['---'] * len(NAMES))}"
    add(f"{word}, units and dashes", text(mark=mark, empty=none, header=ruled))
    for ending, pack in PACKINGS.items():
        how = (
            {}
            if ending == "zst"
            else {"pandas": pandas | {"compression": PANDAS.get(ending, ending)}}
        )
        add(f"{word}, {ending}", text(mark=mark, empty=none, pack=pack), **how)
    headless = text(mark=mark, empty=none, header="#")
    add(f"{word}, no names", headless, names=NAMES)
    add(f"{word}, UTF-16", text("utf-16", mark=mark, empty=none))
    remarks = ((0, "# made up"), (4, "# a remark, or two"), (-1, "# the end"))
    add(f"{word}, comments", text(mark=mark, empty=none, extra=remarks))
for spelling in ("NA", "null", "N/A", "nan", "None", "NaN", '""', " "):
    add(f"comma, null as {spelling!r}", text(empty=spelling), pandas={"skipinitialspace": True})
for way, spell in (("{:.6e}", "exponents"), ("{:+.4f}", "signs"), ("{:8.3f}", "padding")):
    add(f"comma, {spell}", text(spell=way.format), pandas={})
quoted_names = ",".join(f'"{name}"' for name in NAMES)
add("comma, quoted names", text(header=quoted_names, quote=True), pandas={})
for word, mark in (("comma", ","), ("blank", " ")):
    beneath = text(mark=mark, empty="nan", header="{names}\n# a remark, or two\n#another")
    add(f"{word}, comments under the names", beneath)
    add(f"{word}, comments under the names, and names given", beneath, names=NAMES)
add("comma and blank", text(mark=", ", empty=" "), pandas={"skipinitialspace": True})
add("byte-order mark", text(before="\ufeff"), pandas={"encoding": "utf-8-sig"})
add("byte-order mark and #", text(before="\ufeff", header="# {names}"))
add("blank lines", text(header="\n{names}\n", end="\n\n"), pandas={})
add("a title above", text(mark=" ", empty="nan", header="# a title of some words\n# {names}"))
add("EAZY", text(mark=" ", empty="nan", header="# {names}\n# " + " ".join(f"F{k}" for k in NAMES)))
numbered = "\n".join(f"#  {k} {name}  of whom  [unit]" for k, name in enumerate(NAMES, 1))
add("SExtractor", text(mark=" ", empty="nan", header=numbered))
add("BPZ", text(mark=" ", empty="nan", header="## run\n##\n" + numbered))
add("astropy's commented header", lambda path: ascii_table(path, "ascii.commented_header"))
add("astropy's fixed width", lambda path: ascii_table(path, "ascii.csv"))


def ascii_table(path, form):
    frame = pd.DataFrame(TRUTH)
    AstropyTable.from_pandas(frame).write(path, format=form)


# --- FITS


def fits_columns(floats="D", ids="K", scaled=False):
    made = [id_column(ids)]
    made += [fits.Column(name, "12A", array=np.array(TRUTH[name])) for name in ("name", "code")]
    for name in NUMBERS:
        values = np.array(TRUTH[name])
        if scaled:  # stored by hand, as astropy would scale once more
            stored = np.where(np.isnan(values), -1, values * 8).astype(scaled)
            made.append(fits.Column(name, {"i2": "I", "i4": "J"}[scaled], array=stored))
        else:
            made.append(fits.Column(name, floats, array=values))
    return made


def id_column(kind):
    values = np.array(TRUTH["object_id"])
    if kind == "unsigned":
        return fits.Column("object_id", "K", bzero=2**63, array=values.astype("u8"))
    if kind == "text":
        return fits.Column("object_id", "20A", array=values.astype(str))
    return fits.Column("object_id", kind, array=values)


def fits_file(*, pack=bytes, before=(), after=(), checksum=False, more=(), **options):
    def write(path):
        table = fits.BinTableHDU.from_columns([*fits_columns(**options), *more])
        if options.get("scaled"):
            for number in range(4, 4 + len(NUMBERS)):
                table.header[f"TSCAL{number}"], table.header[f"TNULL{number}"] = 0.125, -1
        content = io.BytesIO()
        units = [fits.PrimaryHDU(), *before, table, *after]
        fits.HDUList(units).writeto(content, checksum=checksum)
        path.write_bytes(pack(content.getvalue()))

    return write


IMAGE = fits.ImageHDU(np.arange(12.0).reshape(3, 4))
OTHER = fits.BinTableHDU.from_columns([fits.Column("x", "J", array=[1, 2])])
ARRAYS = [
    fits.Column("vector", "3E", array=np.ones((ROWS, 3))),
    fits.Column("words", "6A", dim="(3,2)", array=np.array([["a", "bcd"]] * ROWS)),
    fits.Column("flag", "L", array=np.arange(ROWS) % 2 == 0),
]
OPEN = [fits.Column("pdf", "PE()", array=np.array([np.ones(2)] * ROWS, object))]
READERS = {"fits": True}
add("FITS", fits_file(), **READERS)
add("FITS of float32", fits_file(floats="E"), **READERS)
add("FITS, ids unsigned", fits_file(ids="unsigned"), **READERS)
add("FITS, ids text", fits_file(ids="text"), **READERS)
for kind in ("i2", "i4"):
    add(f"FITS, scaled {kind} and TNULL", fits_file(scaled=kind))
for ending, pack in PACKINGS.items():
    add(f"FITS, {ending}", fits_file(pack=pack))
add("FITS, an image before", fits_file(before=[IMAGE]), **READERS)
add("FITS, an image behind", fits_file(after=[IMAGE]), **READERS)
add("FITS, gzip and an image behind", fits_file(pack=gzip.compress, after=[IMAGE]))
add("FITS, another table before", fits_file(before=[OTHER]))
add("FITS, another table behind", fits_file(after=[OTHER]))
add("FITS, checksums", fits_file(checksum=True, after=[IMAGE]), **READERS)
add("FITS, arrays and flags beside", fits_file(more=ARRAYS))
add("FITS, open arrays beside", fits_file(more=OPEN), out="fits")
add("FITS, one value in brackets", fits_file(floats="1D"), **READERS)
add("FITS by astropy", lambda path: astropy_table().write(path, format="fits"), **READERS)


def by_fitsio(path):
    import fitsio

    kinds = {"object_id": "i8", "name": "S12", "code": "S12"}
    rows = np.empty(ROWS, [(name, kinds.get(name, "f8")) for name in NAMES])
    for name in NAMES:
        rows[name] = TRUTH[name]
    path.unlink(missing_ok=True)
    fitsio.write(str(path.with_suffix(".fits")), rows, clobber=True)
    path.with_suffix(".fits").rename(path)


add("FITS by fitsio", by_fitsio, **READERS)


# --- parquet


def parquet(ids=None, texts=None, numbers=None, null=True, **options):
    def write(path):
        arrays = {}
        for name in NAMES:
            kind = numbers if name in NUMBERS else ids if name == "object_id" else texts
            values = TRUTH[name]
            array = pa.array(values, from_pandas=null and name in NUMBERS)
            arrays[name] = as_kind(array, kind)
        pq.write_table(pa.table(arrays), path, **options)

    return write


def as_kind(array, kind):
    if kind is None:
        return array
    if kind == "dictionary":
        return array.dictionary_encode()
    if isinstance(kind, pa.DataType) and kind in (pa.large_binary(), *TEXTS):
        return array.cast(pa.string()).cast(kind)
    return array.cast(pa.string()).cast(kind) if pa.types.is_decimal(kind) else array.cast(kind)


TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.binary_view())
add("parquet", parquet(), pyarrow=True)
add("parquet, NaN for null", parquet(null=False), pyarrow=True)
for kind in (pa.float32(), pa.float16(), pa.decimal128(9, 3), *TEXTS, "dictionary"):
    add(f"parquet, numbers {kind}", parquet(numbers=kind))
for kind in (pa.uint64(), pa.large_binary(), *TEXTS, "dictionary"):
    add(f"parquet, ids {kind}", parquet(ids=kind))
for kind in (pa.large_string(), pa.string_view(), "dictionary"):
    add(f"parquet, text {kind}", parquet(texts=kind))
for packing in ("none", "snappy", "gzip", "brotli", "lz4", "zstd"):
    add(f"parquet, {packing}", parquet(compression=packing), pyarrow=True)
for encoding in ("PLAIN", "BYTE_STREAM_SPLIT"):
    encodings = dict.fromkeys(NUMBERS, encoding)
    plain = {"use_dictionary": False, "column_encoding": encodings}
    add(f"parquet, {encoding}", parquet(**plain), pyarrow=True)
delta = {"object_id": "DELTA_BINARY_PACKED", "name": "DELTA_BYTE_ARRAY"}
add("parquet, delta", parquet(use_dictionary=False, column_encoding=delta), pyarrow=True)
add("parquet, pages of version 2", parquet(data_page_version="2.0"), pyarrow=True)
add("parquet, groups of 5 rows", parquet(row_group_size=5), pyarrow=True)
add("parquet, page checksums", parquet(write_page_checksum=True), pyarrow=True)
add("parquet, format 1.0", parquet(version="1.0"), pyarrow=True)
add("parquet, no Arrow schema", parquet(store_schema=False), pyarrow=True)
add("parquet by astropy", lambda path: astropy_table().write(path, format="parquet"))
add("parquet by pandas", lambda path: pd.DataFrame(TRUTH).to_parquet(path), pyarrow=True)


# --- HATS


def hats(suffix=".parquet", collection=True, listed=True, old=False, sizes=(5, 0, 1, 6), **kinds):
    """Folders as hats-import and LSDB write them: leaves of so many rows, one without any."""

    def write(path):
        folder = path / "catalog" if collection else path
        whole = whole_parquet(path.with_name("whole"), **kinds)
        folder.mkdir(parents=True)
        if collection:
            named = "obs_collection=t\nhats_primary_table_url=catalog\nall_margins=margin\n"
            (path / "collection.properties").write_text(f"#HATS Collection\n{named}")
            leaf(path / "margin", 0, whole.slice(2, 3), suffix)  # rows that are in the catalogue
        about = ["#HATS catalog", "dataproduct_type=object", f"hats_nrows={ROWS}"]
        if suffix != ".parquet":
            about.append(f"hats_npix_suffix={suffix}")
        (folder / ("properties" if old else "hats.properties")).write_text("\n".join(about))
        if listed:
            lines = ["Norder,Npix", *(f"1,{4 * k}" for k in range(len(sizes)))]
            (folder / "partition_info.csv").write_text("\n".join(lines) + "\n")
        for k, size in enumerate(sizes):
            leaf(folder, 4 * k, whole.slice(sum(sizes[:k]), size), suffix)

    def leaf(folder, pixel, rows, suffix):
        place = folder / "dataset" / "Norder=1" / "Dir=0" / f"Npix={pixel}{suffix.strip('/')}"
        if suffix == "/":
            place /= "part0.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        index = pa.array([(pixel << 56) + row for row in range(len(rows))], pa.int64())
        pq.write_table(rows.add_column(0, "_healpix_29", index), place)

    return write


def whole_parquet(path, **kinds):
    parquet(**kinds)(path)
    return pq.read_table(path)


add("HATS", hats())
add("HATS, a catalogue alone", hats(collection=False))
add("HATS, before 1.0", hats(collection=False, old=True))
add("HATS, no list of partitions", hats(listed=False))
add("HATS, leaves that are folders", hats("/"))
add("HATS, another suffix", hats(".snappy.parquet"))
add("HATS, one partition", hats(sizes=(ROWS,)))
add("HATS, a row in each", hats(sizes=(1,) * ROWS))
add("HATS, ids text", hats(ids=pa.string()))
add("HATS, text large_string", hats(texts=pa.large_string()))


# --- HDF5


def hdf5(group="", order="<", ids="i8", text="S12", shape=(ROWS,), **options):
    def write(path):
        with h5py.File(path, "w") as file:
            place = file.require_group(group) if group else file
            for name in NAMES:
                kind = ids if name == "object_id" else text if name not in NUMBERS else "f8"
                values = np.array(TRUTH[name])
                if kind == "vlen":
                    kind, values = h5py.string_dtype(), values.astype("S20").astype(object)
                else:
                    kind = np.dtype(kind if kind.startswith("S") else f"{order}{kind}")
                    values = values.astype(kind)
                place.create_dataset(name, data=values.reshape(shape), dtype=kind, **options)

    return write


def hdf5_rows(beside=False):
    def write(path):
        rows = np.rec.fromarrays(
            [np.array(TRUTH[name], "S12" if name in ("name", "code") else None) for name in NAMES],
            names=",".join(NAMES),
        )
        with h5py.File(path, "w") as file:
            file["t/table"] = np.asarray(rows)
            if beside:
                file["other/x"] = [1, 2]

    return write


add("HDF5", hdf5())
add("HDF5 in a group", hdf5(group="photometry"))
add("HDF5 deep down", hdf5(group="a/b/c"))
add("HDF5, big-endian", hdf5(order=">"))
add("HDF5, ids unsigned", hdf5(ids="u8"))
add("HDF5, ids text", hdf5(ids="S20"))
add("HDF5, text of any length", hdf5(text="vlen"))
add("HDF5, one value in a row of arrays", hdf5(shape=(ROWS, 1)))
add("HDF5, packed", hdf5(chunks=(5,), compression="gzip", shuffle=True))
add("HDF5 of rows with fields", hdf5_rows())
add("HDF5, another group beside", hdf5_rows(beside=True))
add("HDF5 by astropy", lambda path: astropy_hdf5(path, masked=False))
add("HDF5 by astropy, masked", lambda path: astropy_hdf5(path, serialize_meta=True))


def astropy_hdf5(path, masked=True, **options):
    astropy_table(masked).write(path, path="t", format="hdf5", **options)


# --- astropy's, and ours


def astropy_table(masked=True):
    lacking = {"g": [row == LACKING for row in range(ROWS)]} if masked else {}
    made = {
        name: MaskedColumn(values, mask=lacking[name]) if name in lacking else values
        for name, values in TRUTH.items()
    }
    return AstropyTable(made)


def by_astropy(pack=bytes, **options):
    def write(path):
        content = io.BytesIO() if options["format"] == "votable" else io.StringIO()
        astropy_table().write(content, **options)
        data = content.getvalue()
        path.write_bytes(pack(data if isinstance(data, bytes) else data.encode()))

    return write


for serialised, pack in itertools.product(("tabledata", "binary", "binary2"), (None, "gz", "zst")):
    packed = f", {pack}" if pack else ""
    writes = by_astropy(PACKINGS.get(pack, bytes), format="votable", tabledata_format=serialised)
    add(f"VOTable, {serialised}{packed}", writes)
for parting, mark in {"blank": " ", "comma": ","}.items():
    add(f"ECSV, {parting}", by_astropy(format="ascii.ecsv", delimiter=mark))
    add(f"ECSV, {parting}, gz", by_astropy(gzip.compress, format="ascii.ecsv", delimiter=mark))

KINDS = {"object_id": "int64", "name": "string", "code": "string"}
DECLARED = Table(
    "galaxies",
    tuple(Column(name, KINDS.get(name, "float64"), name, nullable=True) for name in NAMES),
    key="object_id",
)


def exported(ending):
    def write(path):
        arrays = [pa.array(TRUTH[name], from_pandas=True) for name in NAMES]
        rows = pa.Table.from_arrays(arrays, schema=arrow_schema(DECLARED))
        exporting.WRITERS[ending](path, rows, DECLARED, {"RELEASE": "transferz 1.0.0"})

    return write


def written(source, ending):
    """As `--out` writes it, from a table of another format."""

    def write(path):
        VARIANTS[source](path.with_name("source"))
        table, out = open_table(path.with_name("source")), path.with_name(f"out{ending}")
        nothing = pa.schema([])
        with (
            replace_file(out) as beside,
            open_writer(beside, out, table, nothing, "a trial", 5) as (names, put),
        ):
            for chunk in table.chunks(names, 5):
                put(chunk, pa.table([], schema=nothing))
        out.rename(path)

    return write


for ending in (".vot", ".fits", ".ecsv"):
    add(f"exported to {ending}", exported(ending))
for source, ending in itertools.product(
    ("comma", "FITS", "parquet, NaN for null"), (".csv", ".csv.gz", ".parquet", ".fits")
):
    add(f"{source} written to {ending}", written(source, ending))
