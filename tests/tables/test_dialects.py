"""The same table in every dialect and format that people write is read the same."""

import bz2
import gzip
import lzma
import os

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits, votable
from astropy.table import MaskedColumn
from astropy.table import Table as AstropyTable

from transferz.schemas import InputError
from transferz.tables import table as limits
from transferz.tables.cells import as_ids, as_numbers
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import naming

BIG = 43158605133375001
IDS, G, LABELS = [BIG, BIG + 37, 7], [23.5, None, 22.25], ["NGC 1", "GN#0", "007"]
NAMES = ("object_id", "g", "label")
CELLS = [[str(BIG), "23.5", "NGC 1"], [str(BIG + 37), "", "GN#0"], ["7", "22.25", "007"]]


def lines(delimiter=",", *, header="{names}\n", empty="", label=str, end="\n"):
    rows = [[one or empty, two or empty, label(three)] for one, two, three in CELLS]
    text = header.format(names=delimiter.join(NAMES))
    return (text + "".join(delimiter.join(row) + "\n" for row in rows)).replace("\n", end)


def quoted(text):
    return f'"{text}"'


BLANK = {"delimiter": "  ", "empty": "nan", "label": quoted}
TEXTS = {
    "commas": lines(),
    "blanks after commas": lines(", ", empty=" "),
    "semicolons": lines(";"),
    "tabs": lines("\t"),
    "bars": lines("|"),
    "blanks": lines(**BLANK),
    "names in a comment": lines(header="# {names}\n"),
    "names in a comment without a blank": lines(**BLANK, header="#{names}\n"),
    "two comments of as many words (EAZY)": lines(**BLANK, header="# {names}\n# id F1 F2\n"),
    "a title above the names": lines(**BLANK, header="# three galaxies, two fields\n# {names}\n"),
    "numbered names (SExtractor)": lines(
        **BLANK, header="#  1 object_id  the id\n#  2 g  [mag]\n#  3 label  of whom\n"
    ),
    "numbered names (BPZ)": lines(**BLANK, header="## run\n##\n# 1 object_id\n# 2 g\n# 3 label\n"),
    "a line of units": lines(header="{names}\n,mag,\n"),
    "units for blanks": lines(**BLANK, header="{names}\n-  mag  -\n"),
    "units and dashes (VizieR)": lines(";", header="#x\n{names}\n;mag;\n---;---;---\n"),
    "a comment at the end": lines() + "# end of table\n",
    "comments among the rows": lines(**BLANK, header="{names}\n# a remark\n") + "\n# and another\n",
    "remarks behind the rows": lines(**BLANK).replace('"\n', '"  # seen twice\n'),
    "blank lines": "\n" + lines(header="\n{names}\n\n") + "\n\n",
    "Windows": lines(end="\r\n"),
    "no end": lines().rstrip("\n"),
    "a byte-order mark": "\ufeff" + lines(),
    "a byte-order mark and a comment": "\ufeff" + lines(header="# {names}\n"),
}
PACKED = {"plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


def check(path, **options):
    file = open_table(path, **options)
    assert file.names == NAMES
    table = read_whole(file, NAMES)
    assert as_ids(table, "object_id", path).to_pylist() == IDS
    numbers = as_numbers(table, "g", path).to_pylist()
    assert [None if value is None or value != value else value for value in numbers] == G
    assert [label.strip() for label in table["label"].to_pylist()] == LABELS
    return file


@pytest.mark.parametrize("name", ["t.csv", "t.cat", "t.fits"])
@pytest.mark.parametrize("dialect", TEXTS)
def test_dialects_of_text(dialect, name, tmp_path):
    (tmp_path / name).write_text(TEXTS[dialect], encoding="utf-8")
    file = check(tmp_path / name)
    assert file.units == ({"g": "mag"} if "units" in dialect else {})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("dialect", ["commas", "blanks"])
def test_utf_16_is_told_by_its_mark(dialect, encoding, tmp_path):
    mark = "" if encoding == "utf-16" else "\ufeff"
    (tmp_path / "t.csv").write_bytes((mark + TEXTS[dialect]).encode(encoding))
    check(tmp_path / "t.csv")


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("dialect", ["commas", "blanks"])
def test_packing_is_told_by_content(dialect, packing, tmp_path):
    packed = PACKED[packing](TEXTS[dialect].encode())
    (tmp_path / "t.txt").write_bytes(packed)
    check(tmp_path / "t.txt")
    if packing != "plain":
        (tmp_path / "t.txt").write_bytes(packed[:-9])
        with pytest.raises(InputError, match=rf"t\.txt.*{packing} data damaged or cut short"):
            check(tmp_path / "t.txt")


@pytest.mark.parametrize(
    "content",
    [
        lines(header=""),
        lines(**BLANK, header=""),
        lines(**BLANK, header="# some words above\n# more\n"),
        lines(header="no,names,here\n"),
    ],
)
def test_given_names_take_the_place_of_none_or_of_others_and_no_row_is_lost(content, tmp_path):
    (tmp_path / "t.txt").write_text(content)
    check(tmp_path / "t.txt", names=NAMES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id g\n#1 20\n#2 21\n", "'#1 20' begins with # as a comment does, and holds as many"),
        ("id g r\n1 20\n", "3 column names for rows of 2 values; .*names="),
        ("# id g\n1 20 21\n", "2 column names for rows of 3 values; .*names="),
        ("id,g\n1\r,20\n2,21\n", "for 2 columns"),
        ("id,g\n1,20\n#2\r,3\n", "'#2.,3' begins with #"),
        ("id,g\n1,20\n2,21,5\n", "a row has 3 values for 2 columns: '2,21,5'; "),
        ("id g\n1 20\n2 21 5\n", "a row has 3 values for 2 columns"),
        ("", "it is empty"),
        ("\n \n", "it is empty"),
        (
            "id name\n" + '1 "a\n2 b\n3 "c\n4 d\n',
            "4 lines with 2 quotation marks make|for 2 columns",
        ),
        ('id,name\n1,a\n2,"b\n3,c\n', "a quotation mark that none closes, from '2,\"b"),
        ("id,name\n1,a\n#2,b\n", "'#2,b' begins with # as a comment does, and holds as many"),
        (b"id,\xe9\n1,2\n", "neither UTF-8 nor UTF-16 .*iconv"),
        (b"id,name\n1,Caf\xe9\n", "neither UTF-8 nor UTF-16 .*iconv"),
        ("\ufeffid,name\n1,".encode("utf-16-le") + b"\x00\xd8\n\x00", "no sound UTF-16 text"),
        ("\ufeffid,name\n1,2\n3,4\n".encode("utf-16-le") + b"5", "an odd number of bytes"),
        ("id," + "x" * 2_000_000 + "\n1,2\n", "no row ends within its first 1,048,576 bytes"),
        (
            "id,x\n1,2\n" * 4 + "1," + "x" * 2_000_000 + "\n",
            "a row of more than 1,048,576 bytes, or",
        ),
        ("# a remark\n" * 100_000 + "id,g\n1,2\n", "no row ends within its first 1,048,576"),
    ],
)
def test_text_that_leaves_doubt_is_refused(content, message, tmp_path):
    (tmp_path / "t.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        file = open_table(tmp_path / "t.txt")
        read_whole(file, file.names)


@pytest.mark.parametrize(
    ("content", "wanted", "names"),
    [
        ("# made by me\n# id,g,n\n1,20.5,a\n", (), ("id", "g", "n")),
        ("# three galaxies, of, one field\n# id,g,n\n1,20.5,a\n", ("id",), ("id", "g", "n")),
        ("# made by me\n# id g n\n1 20.5 a\n", ("id", "g"), ("id", "g", "n")),
        ("# id g n\n# 1 F2 F3\n1 20.5 a\n", (), ("id", "g", "n")),
        ("# id,g,n\n1 20.5 a\n", (), ("id", "g", "n")),
        ("id g n\n1 20.5 a\N{NO-BREAK SPACE}b\n", (), ("id", "g", "n")),
    ],
)
def test_of_several_comments_the_one_of_names_is_told(content, wanted, names, tmp_path):
    (tmp_path / "t.txt").write_text(content, encoding="utf-8")
    file = open_table(tmp_path / "t.txt", choose=naming(wanted))
    assert file.names == names
    assert read_whole(file, ["id", "g"]).to_pylist() == [{"id": 1, "g": 20.5}]


def test_a_first_row_without_values_is_one_where_names_are_given(tmp_path):
    for line in ("a,nan,NaN", "a,NA,-inf", "a  nan  null"):
        mark = "," if "," in line else "  "
        (tmp_path / "t").write_text(f"{line}\nb{mark}20.5{mark}21\n")
        file = open_table(tmp_path / "t", ("name", "g", "r"))
        assert read_whole(file, ["name"])["name"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize("units", [",(mag),", "[-],[mag],[-]", "none,mag,none"])
def test_units_may_stand_in_brackets(units, tmp_path):
    (tmp_path / "t.csv").write_text(f"id,g,label\n{units}\n1,20.5,a\n")
    file = open_table(tmp_path / "t.csv")
    assert file.units == {"g": "mag"}
    assert read_whole(file, ["id", "g"]).to_pylist() == [{"id": 1, "g": 20.5}]


def test_a_first_row_that_looks_like_units_is_a_row(tmp_path):
    (tmp_path / "t.csv").write_text("label,g\nh,\ndeg,20.5\n")
    assert read_whole(open_table(tmp_path / "t.csv"), ["label"])["label"].to_pylist() == [
        "h",
        "deg",
    ]


@pytest.mark.parametrize("block_bytes", range(20, 80, 7))
def test_where_blocks_end_does_not_matter(block_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BLOCK_BYTES", block_bytes)
    for name in ("blanks", "units and dashes (VizieR)", "a title above the names", "Windows"):
        (tmp_path / "t.txt").write_text(TEXTS[name])
        check(tmp_path / "t.txt")


def astropy_table():
    columns = {
        "object_id": MaskedColumn(IDS),
        "g": MaskedColumn([value or 0.0 for value in G], mask=[value is None for value in G]),
        "label": MaskedColumn(LABELS),
    }
    columns["g"].unit = "mag"
    return AstropyTable(columns)


def write_hdf5(path, group=""):
    with h5py.File(path, "w") as file:
        place = file.require_group(group) if group else file
        place["object_id"], place["label"] = IDS, LABELS
        place["g"] = [np.nan if value is None else value for value in G]
        place["g"].attrs["unit"] = "mag"
        place["image"] = np.zeros((3, 5, 4, 4))
    return path


def test_formats_of_astropy(tmp_path):
    """VOTable in its three serialisations, ECSV, FITS; masked values are nulls."""
    for ending, options in [
        ("vot", {"format": "votable"}),
        ("vot", {"format": "votable", "tabledata_format": "binary"}),
        ("vot", {"format": "votable", "tabledata_format": "binary2"}),
        ("ecsv", {"format": "ascii.ecsv"}),
        ("ecsv", {"format": "ascii.ecsv", "delimiter": ","}),
        ("fits", {}),
    ]:
        astropy_table().write(tmp_path / f"t.{ending}", overwrite=True, **options)
        (tmp_path / "renamed").write_bytes((tmp_path / f"t.{ending}").read_bytes())
        assert check(tmp_path / "renamed").units == {"g": "mag"}
        (tmp_path / "packed").write_bytes(gzip.compress((tmp_path / "renamed").read_bytes()))
        assert check(tmp_path / "packed").rows == 3


@pytest.mark.parametrize("name", ["t.parquet", "t.hdf5"])
def test_masks_in_columns_of_their_own_are_nulls(name, tmp_path):
    """As astropy writes masked columns: what stands beneath a mask is no value."""
    table = astropy_table()
    table["g"].data.data[1] = -32.768
    options = {"path": "t", "serialize_meta": True} if name == "t.hdf5" else {}
    table.write(tmp_path / name, **options)
    assert "g.mask" in open_table(tmp_path / name).names
    rows = read_whole(open_table(tmp_path / name), ["label", "g", "object_id"])
    assert rows["g"].to_pylist() == G
    assert rows["object_id"].to_pylist() == IDS


def test_an_ipac_table_is_called_one(tmp_path):
    (tmp_path / "t.tbl").write_text("|id    |g     |\n|long  |double|\n| 1     20.5  \n")
    with pytest.raises(
        InputError, match=r"it is an IPAC table, .*; get it as FITS, VOTable or CSV"
    ):
        open_table(tmp_path / "t.tbl")


def test_hdf5_of_groups_and_of_rows_with_fields(tmp_path):
    for group in ("", "photometry", "deep/down"):
        file = open_table(write_hdf5(tmp_path / "t", group))
        assert {*NAMES, "image"} == set(file.names)
        assert (file.units, file.rows) == ({"g": "mag"}, 3)
        table = read_whole(file, NAMES)
        assert table["object_id"].to_pylist() == IDS and table["label"].to_pylist() == LABELS
        assert read_whole(file, ["image"])["image"].type.list_size == 5
    rows = np.array(list(zip(IDS, [1.5, 2.5, 3.5], LABELS, strict=True)), "i8,f4,S5")
    rows.dtype.names = NAMES
    with h5py.File(tmp_path / "t", "w") as file:
        file["deep/table"] = rows
    table = read_whole(open_table(tmp_path / "t"), NAMES)
    assert table["object_id"].to_pylist() == IDS
    assert table["label"].to_pylist() == LABELS
    with h5py.File(tmp_path / "t", "w") as file:
        file.create_group("nothing")
    with pytest.raises(InputError, match="it holds no table"):
        open_table(tmp_path / "t")
    (tmp_path / "t").write_bytes(gzip.compress(write_hdf5(tmp_path / "u").read_bytes()))
    with pytest.raises(InputError, match="packed by gzip; unpack it first"):
        open_table(tmp_path / "t")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_every_kind_of_text_and_list_in_parquet(kind, tmp_path):
    texts = pa.array(["23.5", None, "22.25"]).cast(kind)
    columns = {
        "object_id": pa.array([str(one) for one in IDS]).cast(kind),
        "g": texts,
        "label": pa.array(LABELS).cast(kind),
        "pdf": pa.array([[1.0], [2.0, 3.0], None], pa.large_list(pa.float32())),
    }
    pq.write_table(pa.table(columns), tmp_path / "t")
    columns["label"] = pa.array(LABELS).dictionary_encode()
    pq.write_table(pa.table(columns), tmp_path / "u")
    for name in ("t", "u"):
        file = open_table(tmp_path / name)
        table = read_whole(file, file.names)
        assert as_ids(table, "object_id", file.path).to_pylist() == IDS
        assert as_numbers(table, "g", file.path).to_pylist() == G
        assert table["label"].to_pylist() == LABELS
        assert table["pdf"].type == pa.list_(pa.float32())


def fits_file(path, *columns, others=()):
    table = fits.BinTableHDU.from_columns(list(columns))
    fits.HDUList([fits.PrimaryHDU(), table, *others]).writeto(path, overwrite=True)
    return path


def test_unsigned_and_scaled_fits_keeps_values_and_nulls(tmp_path):
    large = np.array([2**64 - 1, 2**63 + 1, BIG], "u8")
    columns = [
        fits.Column("id", "K", bzero=2**63, array=large),
        fits.Column("mag", "I", array=np.array([23500, -32768, 22250], "i2"), null=-32768),
    ]
    path = fits_file(tmp_path / "t.fits", *columns)
    with fits.open(path, mode="update") as units:
        units[1].header["TSCAL2"] = 0.001
    table = read_whole(open_table(path), ["id", "mag"])
    assert table["id"].to_pylist() == large.tolist()
    assert table["mag"].to_pylist() == [23.5, None, 22.25]


def test_a_gzipped_fits_of_any_name_with_a_second_unit(tmp_path):
    noise = fits.ImageHDU(np.random.default_rng(0).integers(0, 255, (200, 300), np.uint8))
    path = fits_file(tmp_path / "t.fits", fits.Column("id", "K", array=IDS), others=[noise])
    path.write_bytes(gzip.compress(path.read_bytes()))
    for name in ("t.fits", "T.FITS.GZ", "t.csv"):
        path = path.rename(tmp_path / name)
        assert read_whole(open_table(path), ["id"])["id"].to_pylist() == IDS


def test_fits_arrays_are_lists(tmp_path):
    columns = [
        fits.Column("pair", "2D", array=[[1, 2], [3, 4]]),
        fits.Column("grid", "6J", dim="(3,2)", array=np.arange(12).reshape(2, 2, 3)),
        fits.Column("words", "6A", dim="(3,2)", array=np.array([["a", "bcd"], ["e f", ""]])),
        fits.Column("bits", "3X", array=np.array([[1, 0, 1], [0, 0, 1]], bool)),
        fits.Column("flag", "2L", array=[[True, False], [False, False]]),
    ]
    path = fits_file(tmp_path / "t.fits", *columns)
    file = open_table(path)
    table = read_whole(file, file.names)
    assert table["pair"].to_pylist() == [[1.0, 2.0], [3.0, 4.0]]
    assert table["grid"].to_pylist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]
    assert table["words"].to_pylist() == [["a", "bcd"], ["e f", ""]]
    assert table["bits"].to_pylist() == [[True, False, True], [False, False, True]]
    assert table["flag"].to_pylist() == [[True, False], [False, False]]


def test_of_several_tables_the_one_that_is_looked_for_is_taken_and_none_in_doubt(tmp_path):
    other, wanted = AstropyTable({"x": [0]}), AstropyTable({"object_id": IDS})
    units = [fits.PrimaryHDU(), *map(fits.table_to_hdu, (other, wanted, other))]
    fits.HDUList(units).writeto(tmp_path / "t")
    assert open_table(tmp_path / "t", choose=naming(["object_id"])).names == ("object_id",)
    with pytest.raises(InputError, match=r"holds 3 tables.*: unit 1 \(x\); unit 2 \(object_id\); "):
        open_table(tmp_path / "t")
    tables = votable.tree.VOTableFile()
    tables.resources.append(votable.tree.Resource())
    for table in (other, wanted):
        found = votable.from_table(table).get_first_table()
        tables.resources[0].tables.append(found)
    tables.to_xml(str(tmp_path / "v"))
    assert open_table(tmp_path / "v", choose=naming(["object_id"])).names == ("object_id",)
    with pytest.raises(InputError, match=r"holds 2 tables.*: table 1 \(x\); table 2 \(object_id\)"):
        open_table(tmp_path / "v")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([BIG, None]), [BIG, None]),
        (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
        (pa.array([str(BIG), " 7 ", "", None]), [BIG, 7, None, None]),
        (pa.array([str(2**64 - 1)]), [2**64 - 1]),
        (pa.array([str(BIG), "x7"]), [str(BIG), "x7"]),
        (pa.array(["007", "8"]), ["007", "8"]),
        (pa.array([1.0, float("nan"), None, 2.0**53 - 1]), [1, None, None, 2**53 - 1]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_ids_are_exact_whole_numbers_or_exact_text(values, expected, tmp_path):
    assert as_ids(pa.table({"id": values}), "id", tmp_path).to_pylist() == expected


@pytest.mark.parametrize(
    "values",
    [
        pa.array([float(BIG)]),
        pa.array([1.5]),
        pa.array([2.0**24 + 2], pa.float32()),
        pa.array([f"{float(BIG):.1f}", "x"]),
        pa.array([repr(1.0 * BIG), "x"]),
        pa.array([f"{BIG:e}", ""]),
        pa.array([True]),
    ],
)
def test_ids_that_have_been_decimal_numbers_are_refused(values, tmp_path):
    with pytest.raises(InputError, match=r"column 'id' .*expected whole numbers or text"):
        as_ids(pa.table({"id": values}), "id", tmp_path)


@pytest.mark.parametrize(
    "cells", [["000001", "2"], ["2E1", "3E4"], ["0x1001"], ["007"], [f"{BIG}.0"], ["-07.5"]]
)
def test_text_that_only_looks_like_numbers_stays_as_it_is(cells, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{cell},1\n" for cell in cells))
    assert read_whole(open_table(tmp_path / "t.csv"), ["x"])["x"].to_pylist() == cells


def test_a_name_that_a_terminal_obeys_is_refused_and_not_printed(tmp_path):
    name = "g\x1b[31m"
    (tmp_path / "t.csv").write_text(f"id,{name}\n1,2\n")
    pq.write_table(pa.table({"id": [1], name: [2]}), tmp_path / "t.parquet")
    with h5py.File(tmp_path / "t.hdf5", "w") as file:
        file["id"], file[name] = [1], [2]
    for path in tmp_path.iterdir():
        with pytest.raises(InputError, match=r"'g\\x1b\[31m', holds control characters") as error:
            open_table(path)
        assert str(error.value).isprintable()


def test_a_path_that_is_no_utf_8_is_one_to_every_format(tmp_path):
    astropy_table().write(tmp_path / "t.fits")
    astropy_table().write(tmp_path / "t.vot", format="votable")
    astropy_table().write(tmp_path / "t.ecsv")
    write_hdf5(tmp_path / "t.hdf5")
    (tmp_path / "t.csv").write_text(TEXTS["commas"])
    pq.write_table(pa.table({"object_id": IDS, "g": G, "label": LABELS}), tmp_path / "t.parquet")
    for path in list(tmp_path.iterdir()):
        renamed = path.rename(tmp_path / os.fsdecode(b"caf\xe9" + path.suffix.encode()))
        file = open_table(renamed)
        assert read_whole(file, ["object_id"])["object_id"].to_pylist() == IDS
