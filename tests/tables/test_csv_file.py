"""CSV as archives write it: headers in comments, units, delimiters, ragged rows, gzip."""

import gzip

import pyarrow as pa
import pytest

from transferz.dataset.sources.catalogues import read_any, says_mock
from transferz.schemas import COSMOS2020, Column, InputError, SchemaError, Table

SKY = Table(
    "sky",
    (
        Column("object_id", "int64", "id", upstream=("object_id", "hsc_id")),
        Column("ra", "float64", "ra", upstream=("ra",)),
        Column("primary", "bool", "flag", upstream=("isprimary",)),
        Column("name", "string", "name", nullable=True, upstream=("name",)),
    ),
    key="object_id",
)
NAMES = ("object_id", "ra", "other", "isprimary", "name")
ROWS = (
    ("43158322433012345", "149.5", "x", "t", "NA"),
    ("2", "150.25", "", "f", ""),
)
EXPECTED = {
    "object_id": [43158322433012345, 2],
    "ra": [149.5, 150.25],
    "primary": [True, False],
    "name": ["NA", None],
}


def text(delimiter=",", *, above="", hash_="", below="", end="\n"):
    lines = [
        hash_ + delimiter.join(NAMES) + "\n" + below,
        *(delimiter.join(r) + "\n" for r in ROWS),
    ]
    return above + "".join(lines).rstrip("\n").replace("\n", end) + end


def read(tmp_path, content, name="a.csv"):
    path = tmp_path / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return pa.concat_tables(read_any(path, SKY)).to_pydict()


UNITS = "\tdeg\t\t\tmag\n-----\t---\t-\t----\t---\n"
LAYOUTS = {
    "plain": text(),
    "semicolons": text(";"),
    "tabs": text("\t"),
    "HSC's archive": text(hash_="# "),
    "HSC's without blank": text(hash_="#"),
    "comments above": text(above="# made by somebody, on some day\n#\n\n# and: more; of\tit\n"),
    "comments above a commented header": text(above="# made by somebody\n", hash_="# "),
    "comments below a commented header": text(hash_="# ", below="# int,deg,?\n"),
    "VizieR": text("\t", above="#RESOURCE=yCat\n#Name: J/ApJS/258/11\n\n", below=UNITS),
    "VizieR, semicolons": text(";", above="#x\n", below=UNITS.replace("\t", ";")),
    "dashes without units": text("\t", below="---\t---\t---\t---\t---\n"),
    "Windows": text(end="\r\n"),
    "byte-order mark": "\ufeff" + text(),
    "quoted names": text().replace("object_id,ra", '"object_id", "ra"'),
    "blank lines": text(above="\n\n", below="\n") + "\n\n",
}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_archives(tmp_path, layout, name):
    assert read(tmp_path, LAYOUTS[layout], name) == EXPECTED


def test_no_newline_at_the_end(tmp_path):
    assert read(tmp_path, text().rstrip("\n")) == EXPECTED


@pytest.mark.parametrize(
    "content", ["{n}\n", "{n}", "# {n}\n", "# {n}", "#x\n{n}\n\n\n", "{n}\n---,---,-,-,-\n"]
)
def test_a_header_alone_gives_no_rows(tmp_path, content):
    rows = read(tmp_path, content.format(n=",".join(NAMES)))
    assert rows == {name: [] for name in EXPECTED}


@pytest.mark.parametrize("row", ["7,1,x,t", "7,1,x,t,n,more", "7"])
def test_ragged_rows_are_refused(tmp_path, row):
    with pytest.raises(InputError, match=r"a\.csv: a row has \d values for 5 columns: '7.*'; "):
        read(tmp_path, text() + row + "\n")


def test_a_column_that_is_there_twice(tmp_path):
    twice = text().replace("other", "name")
    with pytest.raises(InputError, match="expected each column once, found several named name"):
        read(tmp_path, twice)
    content = "object_id,x,x,ra,isprimary,name\n1,2,3,4,1,n\n"
    assert read(tmp_path, content)["ra"] == [4.0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("149.5", "north", r"column 'ra': expected float64, found 'north'"),
        ("149.5", "14 9.5", r"column 'ra': expected float64, found '14 9.5'"),
        ("43158322433012345", "4.3e16", r"column 'object_id': expected int64, found '4.3e16'"),
        ("43158322433012345", "4.0617e16", r"expected int64, found '4.0617e16'"),
        ("43158322433012345", "43158322433012345.5", r"int64, found '43158322433012345.5'"),
        ("43158322433012345", "43158322433012344.0", r"int64, found '43158322433012344.0'"),
        ("43158322433012345", "0x10", r"column 'object_id': expected int64, found '0x10'"),
        ("43158322433012345", "9" * 20, r"column 'object_id': expected int64, found '9{20}'"),
        (",t,", ",maybe,", r"column 'primary' \('isprimary' in the file\): expected bool, found"),
        (",t,", ",2,", r"'primary' .*expected bool, found '2'"),
    ],
)
def test_values_of_the_wrong_type(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text().replace(old, new))


@pytest.mark.parametrize("nothing", ["", "nan", "NA", "None", "   "])
def test_a_missing_id_or_flag_that_must_be_there_is_refused(tmp_path, nothing):
    for old, new in (("2,150", f"{nothing},150"), (",f,\n", f",{nothing},\n")):
        with pytest.raises(SchemaError, match=r"a\.csv: column .*expected a value in every row"):
            read(tmp_path, text().replace(old, new))


def test_text_that_is_no_utf8(tmp_path):
    for old in (b"other", b"NA"):
        with pytest.raises(InputError, match=r"a\.csv"):
            read(tmp_path, text().encode().replace(old, b"\xff\xfe"))


def test_a_first_row_with_empty_cells_at_its_ends(tmp_path):
    content = "name\tobject_id\tra\tisprimary\tother\n\t7\t1.5\tt\t\n\t8\t2.5\tf\t\n"
    rows = read(tmp_path, "# made by somebody\n" + content, "a.tsv")
    assert (rows["object_id"], rows["name"]) == ([7, 8], [None, None])


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_truncated_gzip(tmp_path, cut):
    path = tmp_path / "a.csv.gz"
    rows = "".join(f"{k},{k / 7},x,t,n{k}\n" for k in range(20_000))
    content = gzip.compress((",".join(NAMES) + "\n" + rows).encode())
    path.write_bytes(content)
    assert sum(map(len, read_any(path, SKY))) == 20_000
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(InputError, match=r"it is no sound CSV file \(gzip data damaged or"):
        list(read_any(path, SKY))
    path.write_bytes(content[:-6] + b"\0\0" + content[-4:])
    with pytest.raises(InputError, match="CRC check failed"):
        list(read_any(path, SKY))


def test_reading_may_stop_early(tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"{k},{k / 7},x,t,n{k}\n" for k in range(20_000))
    path.write_text(",".join(NAMES) + "\n" + rows)
    assert len(next(read_any(path, SKY))) > 0


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_mock_is_told_by_a_comment(tmp_path, name):
    for above, mock in (("# {MOCK: true}\n", True), ("# made\n", False)):
        read(tmp_path, text(above=above), name)
        assert says_mock(tmp_path / name, COSMOS2020) is mock
