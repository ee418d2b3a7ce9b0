"""FITS: every convention of a binary table, checksums, and damage."""

import gzip
import itertools

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table as AstropyTable
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset.sources.catalogues import read_any, says_mock
from transferz.schemas import COSMOS2020, Column, InputError, SchemaError, Table
from transferz.tables.fits_hdus import OnesComplementSum


def one(dtype, *, nullable=True, ucd=""):
    """A table of one column, X in the file."""
    column = Column("x", dtype, "x", ucd=ucd, nullable=nullable, upstream=("X",))
    return Table("one", (column,), key="x")


def save(path, *columns, primary=None, **options):
    table = fits.BinTableHDU.from_columns(list(columns))
    fits.HDUList([primary or fits.PrimaryHDU(), table]).writeto(path, **options)
    return path


def values_of(path, table):
    return pa.concat_tables(read_any(path, table))["x"].to_pylist()


def edit(path, old, new):
    """Change bytes of a file in place."""
    content = path.read_bytes()
    assert content.count(old) >= 1 and len(old) == len(new)
    path.write_bytes(content.replace(old, new, 1))
    return path


SCALED = [
    ("uint16", "I", {"bzero": 2**15}, np.array([0, 1, 40000, 65535], "u2")),
    ("uint32", "J", {"bzero": 2**31}, np.array([0, 1, 2**31, 2**32 - 1], "u4")),
    ("uint64", "K", {"bzero": 2**63}, np.array([0, 1, 2**53 + 1, 2**63 - 1], "u8")),
    ("int8", "B", {"bzero": -128}, np.array([-128, 0, 1, 127], "i1")),
]


@pytest.mark.parametrize(("name", "form", "zero", "values"), SCALED, ids=lambda v: str(v)[:6])
def test_unsigned_and_signed_byte_conventions_are_exact(tmp_path, name, form, zero, values):
    path = save(tmp_path / "a.fits", fits.Column("X", form, array=values, **zero))
    assert f"TZERO1  ={zero['bzero']:>21}".encode() in path.read_bytes()
    assert values_of(path, one("int64")) == values.tolist()


def test_an_unsigned_value_that_does_not_fit_is_refused(tmp_path):
    column = fits.Column("X", "K", bzero=2**63, array=np.array([1, 2**63], "u8"))
    with pytest.raises(InputError, match=f"expected int64, found {2**63}"):
        values_of(save(tmp_path / "a.fits", column), one("int64"))


def test_scaled_values(tmp_path):
    spare = {f"spare{k}": "x" for k in range(9)}
    hdu = fits.table_to_hdu(AstropyTable({"X": np.array([0, 1, 20], "i2")}, meta=spare))
    path = tmp_path / "a.fits"
    hdu.writeto(path)
    for old, new in (("SPARE0", "TSCAL1  =                  0.5"), ("SPARE1", "TZERO1  = 10")):
        edit(path, f"{old}  = 'x       '".ljust(40).encode(), new.ljust(40).encode())
    assert values_of(path, one("float64")) == AstropyTable.read(path)["X"].tolist()
    assert values_of(path, one("float64")) == [10.0, 10.5, 20.0]
    with pytest.raises(InputError, match=r"expected int16, found 10\.5"):
        values_of(path, one("int16"))


def test_tnull_is_a_missing_value(tmp_path):
    column = fits.Column("X", "J", null=-9999, array=np.array([1, -9999, 3], "i4"))
    path = save(tmp_path / "a.fits", column)
    assert values_of(path, one("int16")) == [1, None, 3]
    with pytest.raises(SchemaError, match=r"'x' \('X' in the file\): expected a value in every"):
        values_of(path, one("int16", nullable=False))


@pytest.mark.parametrize("form", ["E", "D", "I", "J", "K", "B"])
def test_numbers_of_every_width_become_the_declared_one(tmp_path, form):
    path = save(tmp_path / "a.fits", fits.Column("X", form, array=np.array([0, 1, 100])))
    for dtype in ("int16", "int64", "float32", "float64"):
        assert values_of(path, one(dtype)) == [0, 1, 100]


def test_logicals_bits_and_numbers_as_booleans(tmp_path):
    expected = [True, False, True]
    for form, array in (("L", expected), ("X", np.array([[1], [0], [1]], "u1")), ("B", [1, 0, 1])):
        path = save(tmp_path / f"{form}.fits", fits.Column("X", form, array=np.array(array)))
        assert values_of(path, one("bool")) == expected


def test_a_logical_is_true_false_or_missing(tmp_path):
    column = fits.Column("X", "L", array=np.array([True, False, True]))
    path = save(tmp_path / "a.fits", column)
    content = path.read_bytes()
    at = content.index(b"TFT\0")
    path.write_bytes(content[:at] + b"TF\0" + content[at + 3 :])
    assert values_of(path, one("bool")) == [True, False, None]
    path.write_bytes(content[:at] + b"TFx" + content[at + 3 :])
    with pytest.raises(InputError, match=r"expected a FITS logical, T or F, found b'x'"):
        values_of(path, one("bool"))
    path.write_bytes(content)
    for dtype in ("int16", "float32", "string"):
        with pytest.raises(InputError, match=f"expected {dtype}, found bool"):
            values_of(path, one(dtype))


def test_strings_lose_trailing_blanks_alone(tmp_path):
    column = fits.Column("X", "5A", array=np.array(["ab   ", " a b", "", "NA"]))
    path = save(tmp_path / "a.fits", column)
    assert values_of(path, one("string")) == ["ab", " a b", None, "NA"]
    with pytest.raises(InputError, match="expected float64, found string"):
        values_of(path, one("float64"))
    with pytest.raises(InputError, match="expected text, found bytes that are not printable"):
        values_of(edit(path, b" a b", b" a\0b"), one("string"))


def test_a_column_of_arrays_is_refused(tmp_path):
    arrays = fits.Column("X", "3E", array=np.ones((2, 3)))
    with pytest.raises(InputError, match="expected one value in each row, found lists"):
        values_of(save(tmp_path / "a.fits", arrays), one("float32"))
    lists = fits.Column("X", "PE()", array=np.array([[1.0], [2.0, 3.0]], dtype=object))
    with pytest.raises(InputError, match=r"column 'X' holds arrays of varying length \(TFORM 1P\)"):
        values_of(save(tmp_path / "b.fits", lists), one("float32"))


def test_other_columns_may_be_of_any_kind(tmp_path):
    columns = [
        fits.Column("A", "7A", array=["a", "b"]),
        fits.Column("B", "11X", array=np.ones((2, 11), bool)),
        fits.Column("C", "2M", array=np.ones((2, 2), complex)),
        fits.Column("X", "D", array=np.array([1.5, 2.5])),
        fits.Column("P", "PE()", array=np.array([[1.0], [2.0, 3.0]], dtype=object)),
        fits.Column("L", "L", array=np.array([True, False])),
    ]
    assert values_of(save(tmp_path / "a.fits", *columns), one("float64")) == [1.5, 2.5]


def test_the_table_is_found_by_its_columns(tmp_path):
    image = fits.ImageHDU(np.ones((7, 9)))
    other, wanted, again = (
        fits.table_to_hdu(AstropyTable(c))
        for c in ({"y": [0]}, {"X": [1, 2], "y": [0, 0]}, {"X": [3]})
    )
    hdus = [fits.PrimaryHDU(np.ones(5)), image, other, wanted, again]
    fits.HDUList(hdus[:-1]).writeto(tmp_path / "a.fits", checksum=True)
    assert values_of(tmp_path / "a.fits", one("int64")) == [1, 2]
    fits.HDUList(hdus).writeto(tmp_path / "two.fits")
    with pytest.raises(InputError, match=r"2 tables, .*: unit 3 \(X, y\); unit 4 \(X\); write the"):
        values_of(tmp_path / "two.fits", one("int64"))
    AstropyTable.read(tmp_path / "two.fits", hdu=4).write(tmp_path / "one.fits")  # the remedy
    assert values_of(tmp_path / "one.fits", one("int64")) == [3]


def test_the_error_is_about_the_table_that_comes_closest(tmp_path):
    columns = tuple(Column(n, "int64", n, upstream=(n,)) for n in ("X", "Y", "Z"))
    near, far = AstropyTable({"X": [1], "Y": [1]}), AstropyTable({"q": [1]})
    hdus = [fits.PrimaryHDU(), *map(fits.table_to_hdu, (far, near, far))]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    with pytest.raises(InputError, match=r"missing Z; fetch"):
        list(read_any(tmp_path / "a.fits", Table("three", columns, "X")))
    fits.HDUList(hdus[:1]).writeto(tmp_path / "b.fits")
    with pytest.raises(InputError, match=r"b\.fits: it holds no binary table, but an image;"):
        list(read_any(tmp_path / "b.fits", one("int64")))


def test_a_name_that_is_there_twice_is_refused(tmp_path):
    path = save(tmp_path / "a.fits", *(fits.Column(n, "J", array=[1]) for n in ("X", "Y")))
    with pytest.raises(InputError, match="expected each column once, found several named X"):
        values_of(edit(path, b"'Y ", b"'X "), one("int64"))


@given(st.binary(max_size=4000), st.lists(st.integers(0, 4000), max_size=8))
@settings(max_examples=50, deadline=None)
def test_the_sum_is_astropys_however_the_bytes_are_cut(data, cuts):
    padded = data + bytes(-len(data) % 4)
    total = OnesComplementSum()
    edges = [0, *sorted(cuts), len(padded)]
    for start, stop in itertools.pairwise(edges):
        total.add(memoryview(padded)[start:stop])
    hdu = fits.ImageHDU(np.frombuffer(padded, "u1"))
    assert total.value == hdu._calculate_datasum()


def test_the_sum_does_not_overflow():
    total = OnesComplementSum()
    for _ in range(3):
        total.add(memoryview(b"\xff\xff\xff\xff" * 100_000 + b"\0\0\0\x05"))
    assert total.value == 15


@pytest.fixture
def summed(tmp_path):
    columns = [
        fits.Column("X", "J", array=np.arange(3000)),
        fits.Column("Y", "D", array=np.ones(3000)),
    ]
    return save(tmp_path / "a.fits", *columns, checksum=True)


def test_checksums_are_checked(summed):
    assert values_of(summed, one("int64")) == list(range(3000))
    content = summed.read_bytes()
    at = content.index(b"END", 2880) + 5000  # in the data
    summed.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(
        InputError, match=r"a\.fits: it is no sound FITS file \(DATASUM is \d+, the sum"
    ):
        values_of(summed, one("int64"))


def test_a_changed_header_is_caught_by_checksum(summed):
    edit(summed, b"'Y  ", b"'Z  ")
    with pytest.raises(InputError, match="its bytes do not sum to what CHECKSUM promises"):
        values_of(summed, one("int64"))


def test_a_damaged_datasum_is_refused(summed):
    content = summed.read_bytes()
    at = content.index(b"DATASUM = '", 2880) + 11
    summed.write_bytes(content[:at] + b"x" + content[at + 1 :])
    with pytest.raises(InputError, match=r"DATASUM is 'x\d*', not a number"):
        values_of(summed, one("int64"))


def test_the_sums_of_a_gzip_file_are_checked_too(summed, tmp_path):
    packed = tmp_path / "b.fits.gz"
    content = summed.read_bytes()
    packed.write_bytes(gzip.compress(content))
    assert values_of(packed, one("int64")) == list(range(3000))
    packed.write_bytes(gzip.compress(content[:9000] + b"?" + content[9001:]))
    with pytest.raises(InputError, match=r"b\.fits\.gz: it is no sound FITS file \(DATASUM is"):
        values_of(packed, one("int64"))


def test_a_failing_gzip_checksum_is_an_error(summed, tmp_path):
    packed = tmp_path / "b.fits.gz"
    content = bytearray(gzip.compress(summed.read_bytes()))
    content[-7] ^= 1  # in the CRC of the last 8 bytes
    packed.write_bytes(content)
    with pytest.raises(InputError, match=r"gzip data damaged or cut short: CRC check failed"):
        values_of(packed, one("int64"))


def test_gzip_is_told_by_its_bytes_not_its_name(summed):
    summed.write_bytes(gzip.compress(summed.read_bytes()))
    assert values_of(summed, one("int64")) == list(range(3000))


def test_a_truncated_file_says_how_much_is_there(summed):
    content = summed.read_bytes()
    summed.write_bytes(content[:20000])
    start = len(content) - (-(-3000 * 12 // 2880) * 2880)  # of the data
    with pytest.raises(
        InputError, match=rf"cut short: 20,000 of at least {start + 3000 * 12:,} bytes"
    ):
        values_of(summed, one("int64"))


def test_a_file_may_lack_its_last_padding_but_no_data(summed):
    content = summed.read_bytes()
    end = len(content) - -(3000 * 12) % 2880
    for kept in (end, end + 1, end + 3, len(content) - 1):
        for whole in (content[:kept], gzip.compress(content[:kept])):
            summed.write_bytes(whole)
            assert values_of(summed, one("int64")) == list(range(3000))
    for cut in (content[: end - 1], gzip.compress(content[: end - 1])):
        summed.write_bytes(cut)
        with pytest.raises(InputError, match=rf"cut short: {end - 1:,} of at least {end:,} bytes"):
            values_of(summed, one("int64"))


def test_what_follows_the_last_table(summed):
    content = summed.read_bytes()
    summed.write_bytes(content + bytes(1000))  # padding, as of a tape
    assert len(values_of(summed, one("int64"))) == 3000
    summed.write_bytes(content + b"rubbish")
    with pytest.raises(InputError, match="expected 'XTENSION=', found b'rubbish"):
        values_of(summed, one("int64"))


DAMAGE = [
    (b"NAXIS1  =                   12", b"NAXIS1  =                   13", "cut short"),
    (b"NAXIS1  =                   12", b"NAXIS1  =                   11", "columns take 12 bytes"),
    (b"NAXIS1  =                   12", b"NAXIS1  =                  -12", "NAXIS1 is -12, not"),
    (b"NAXIS2  =                 3000", b"NAXIS2  =                  3e3", "NAXIS2 is 3000.0, not"),
    (b"NAXIS2  =                 3000", b"NAXIS2  =           9999999999", "cut short"),
    (b"TFIELDS =                    2", b"TFIELDS =                    T", "TFIELDS is True, not"),
    (b"TFIELDS =                    2", b"TFIELDS =                    3", "TFORM3 is ''"),
    (b"TFORM1  = 'J", b"TFORM1  = '?", "TFORM1 is '\\?'"),
    (
        b"BITPIX  =                    8 / array",
        b"BITPIX  =                   12 / array",
        "BITPIX",
    ),
    (b"PCOUNT  =                    0", b"PCOUNT  =                 9999", "cut short"),
    (b"GCOUNT  =                    1", b"GCOUNT  =                    0", "no sound FITS"),
    (b"XTENSION=", b"XTENSIO\xff=", "expected 'XTENSION='"),
    (b"TTYPE1  = 'X ", b"TTYPE1  =\xff'X ", "missing X"),
    (b"TTYPE1  = 'X ", b"TTYPE1  = '\xff ", "missing X"),
    (b"TFORM1  = 'J", b"TFORM1  = '\xb5", "TFORM1 is '\\?"),
    (b"NAXIS2  =                 3000", b"NAXIS2  =              \xb5  3000", "NAXIS2"),
    (b"SIMPLE  =", b"SIMPLY  =", "expected 'SIMPLE  ='"),
    (b"SIMPLE  =                    T", b"SIMPLE  =                    F", "SIMPLE is False"),
    (b"SIMPLE  =                    T", b"SIMPLE  =          \xff         T", "SIMPLE"),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("change", ["lost", "added"])
def test_bytes_that_are_lost_or_added_are_found_without_checksums(tmp_path, change, packed):
    """All values behind the place would be wrong, and look like values."""
    path = tmp_path / "a.fits"
    save(path, fits.Column("X", "D", array=np.linspace(20.0, 25.1, 400)))
    content = path.read_bytes()
    place = len(content) - 2880
    kept = {"lost": content[:place] + content[place + 3 :], "added": content[:place] + b"abc"}
    kept["added"] += content[place:]
    (path := tmp_path / ("b.fits.gz" if packed else "b.fits")).write_bytes(
        gzip.compress(kept[change]) if packed else kept[change]
    )
    with pytest.raises(InputError, match="bytes of its data were lost or added"):
        values_of(path, one("float64"))


@pytest.mark.parametrize(("old", "new", "message"), DAMAGE, ids=lambda value: str(value)[:24])
def test_a_damaged_header_is_refused(tmp_path, old, new, message):
    columns = [
        fits.Column("X", "J", array=np.arange(3000)),
        fits.Column("Y", "D", array=np.ones(3000)),
    ]
    path = edit(save(tmp_path / "a.fits", *columns), old, new)
    with pytest.raises(InputError, match=message):
        values_of(path, one("int64"))


def test_a_header_without_an_end_is_refused(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(b"SIMPLE  =                    T".ljust(2880) * 3)
    with pytest.raises(InputError, match="cut short"):
        values_of(path, one("int64"))


def test_nonsense_beside_the_columns_we_need_does_no_harm(tmp_path):
    column = fits.Column("X", "J", unit="nonsense/0", disp="I9", array=[1])
    path = edit(save(tmp_path / "a.fits", column), b"'I9 ", b"'Q9 ")
    assert values_of(path, one("int64")) == [1]


def test_a_null_that_is_no_integer_matters_where_it_is_read(tmp_path):
    columns = [fits.Column(n, "J", null=-9999, array=[1, 2]) for n in ("X", "Y")]
    for number, harmless in ((1, False), (2, True)):
        path = save(tmp_path / f"{number}.fits", *columns)
        card = f"TNULL{number}  =                -9999"
        edit(path, card.encode(), card.replace("-9999", "-99.5").encode())
        if harmless:
            assert values_of(path, one("int64")) == [1, 2]
            continue
        with pytest.raises(InputError, match=r"TNULL of column X is -99\.5, not an integer"):
            values_of(path, one("int64"))


def test_case_tells_columns_apart_where_it_must(tmp_path):
    lower, upper = (fits.Column(n, "J", array=[k]) for k, n in enumerate(("x", "Y")))
    path = save(tmp_path / "a.fits", lower, upper)
    assert values_of(path, one("int64")) == [0]
    assert values_of(edit(path, b"'Y ", b"'X "), one("int64")) == [1]
    wanted = Table("one", (Column("x", "int64", "x", upstream=("Xx",)),), key="x")
    twice = save(tmp_path / "b.fits", *(fits.Column(n, "J", array=[1]) for n in ("xx", "XY")))
    with pytest.raises(InputError, match="missing Xx"):
        values_of(edit(twice, b"'XY", b"'XX"), wanted)


@pytest.mark.parametrize("ending", [".fits", ".fits.gz"])
def test_a_mock_is_told_by_its_header(tmp_path, ending):
    for mock in (True, False):
        hdu = fits.BinTableHDU.from_columns([fits.Column("X", "J", array=[1])])
        if mock:
            hdu.header["MOCK"] = True
        path = tmp_path / f"{mock}{ending}"
        hdu.writeto(path)
        assert says_mock(path, COSMOS2020) is mock


def test_what_is_no_binary_table_is_named_with_a_remedy(tmp_path):
    ascii_table = fits.TableHDU.from_columns([fits.Column("X", "I5", array=[1, 2], ascii=True)])
    packed = fits.CompImageHDU(np.zeros((10, 10), "i2"))
    for unit, what in ((ascii_table, "an ASCII table; write"), (packed, "a compressed .*funpack")):
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(tmp_path / "a.fits", overwrite=True)
        with pytest.raises(InputError, match=f"holds no binary table, but an image, {what}"):
            values_of(tmp_path / "a.fits", one("int64"))
