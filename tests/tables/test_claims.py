"""What a file claims is compared with what is known; nothing is read from elsewhere."""

import gzip
import os
import stat

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table as AstropyTable

from transferz.schemas import InputError
from transferz.tables import table as limits
from transferz.tables.reading import open_table, read_whole


def read(path):
    table = open_table(path)
    return read_whole(table, table.names)


@pytest.fixture
def votable(tmp_path):
    AstropyTable({"id": [1, 2], "g": [20.5, 21.5]}).write(tmp_path / "t.vot", format="votable")
    return tmp_path / "t.vot"


def test_a_parquet_file_of_more_values_than_its_size_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FREE_BYTES", 1 << 16)
    pq.write_table(pa.table({"id": pa.nulls(200_000, pa.int64())}), tmp_path / "t")
    with pytest.raises(InputError, match="column 'id' claims 1,600,000 bytes in a file of"):
        read(tmp_path / "t")
    pq.write_table(pa.table({"id": np.arange(200_000)}), tmp_path / "t")
    assert len(read(tmp_path / "t")) == 200_000


@pytest.mark.parametrize("name", ["t.csv", "t.fits"])
def test_a_packed_file_that_unpacks_to_far_more(name, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNPACKED_FREE", 1 << 16)
    if name == "t.csv":
        (tmp_path / name).write_text("id,g\n" + "1,20.5\n" * 100_000)
    else:
        table = fits.BinTableHDU.from_columns([fits.Column("id", "K", array=np.zeros(100_000))])
        table.writeto(tmp_path / name)
    packed = gzip.compress((tmp_path / name).read_bytes())
    (tmp_path / "packed").write_bytes(packed)
    with pytest.raises(InputError, match="unpack to more than 200 times as many; unpack it first"):
        read(tmp_path / "packed")
    assert len(read(tmp_path / name)) == 100_000  # the remedy


@pytest.mark.parametrize("form", ["votable", "ascii.ecsv"])
def test_a_packed_file_that_is_read_whole_unpacks_to_less(form, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "WHOLE_FREE", 1 << 14)
    monkeypatch.setattr(limits, "WHOLE_TIMES", 2)
    AstropyTable({"id": np.zeros(20_000, int)}).write(tmp_path / "t", format=form)
    (tmp_path / "packed").write_bytes(gzip.compress((tmp_path / "t").read_bytes()))
    with pytest.raises(InputError, match=r"bytes of \w+ unpack to more than [\d,]+; unpack it"):
        read(tmp_path / "packed")
    assert len(read(tmp_path / "t")) == 20_000  # the remedy


def test_a_header_of_half_a_megabyte_is_read(tmp_path):
    names = [f"column_{number:09d}" for number in range(30_000)]
    row = ",".join(["1"] * len(names))
    (tmp_path / "t").write_text(f"{','.join(names)}\n{row}\n{row}\n")
    assert read_whole(open_table(tmp_path / "t"), names[-1:])[names[-1]].to_pylist() == [1, 1]


def test_a_fits_header_without_end_is_not_read_on_for_ever(tmp_path):
    header = b"SIMPLE  =                    T".ljust(80)
    with gzip.open(tmp_path / "t", "wb", compresslevel=1) as file:
        file.write(header + b"COMMENT made up".ljust(80) * 500_000)
    with pytest.raises(InputError, match="a header without END"):
        read(tmp_path / "t")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("TFIELDS", 100_000_000, "TFIELDS is 100,000,000; a table has at most 999 columns"),
        ("NAXIS", 999, "NAXIS3 is None, not a count"),
        ("NAXIS2", 10**15, "cut short"),
        ("PCOUNT", 10**15, "cut short"),
        ("TFORM1", "'Z       '", "TFORM1 is 'Z'"),
        ("TFORM1", "'nonsense'", "TFORM1 is 'nonsense'"),
        ("TFORM1", "'99999999999K'", "its columns take 799,999,999,992 bytes, its rows 8"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_fits_header_that_claims_what_is_not_there(key, value, message, pack, tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("id", "K", array=[1, 2])])
    table.writeto(tmp_path / "t")
    content = (tmp_path / "t").read_bytes()
    place = content.index(f"{key:8}= ".encode(), 2880)
    card = f"{key:8}= {value:>20}".ljust(80).encode()
    (tmp_path / "t").write_bytes(pack(content[:place] + card + content[place + 80 :]))
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<TABLE", '<TABLE nrows="1000000000"', "bytes for 1000000000 rows"),
        ("<TABLE", "<TABLE name='>' nrows='&#49;00000000'", "bytes for 100000000 rows"),
        ("<VOTABLE", '<!DOCTYPE VOTABLE [<!ENTITY a "b">]>\n<VOTABLE', "it declares entities"),
    ],
)
def test_a_votable_that_claims_what_is_not_there(votable, old, new, message):
    votable.write_text(votable.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read(votable)


@pytest.mark.parametrize("place", ["file:///etc/hostname", "http://127.0.0.1:9/t"])
def test_a_votable_whose_data_lie_elsewhere_is_not_followed(votable, place):
    before, _, after = votable.read_text().partition("<TABLEDATA>")
    stream = f"<BINARY><STREAM\n note='>' href=\"{place}\"/></BINARY>"
    votable.write_text(before + stream + after.partition("</TABLEDATA>")[2])
    with pytest.raises(InputError, match=r"its data lie elsewhere .*; write them into the file"):
        read(votable)


def test_of_two_columns_of_a_name_none_is_taken_in_a_votable(votable):
    votable.write_text(votable.read_text().replace('name="g"', 'name="id"'))
    with pytest.raises(InputError, match="has more than one column 'id'"):
        read(votable)


def test_pipes_devices_and_folders_are_no_tables(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="no table at"):
            open_table(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,g\n" + b"1,20.5\n" * 2_000 + bytes(7) + b",1\n", "zero bytes among its text"),
        (b"id,g\r1,20.5\r2,21.5\r", r"carriage return alone, .* `tr '\\r' '\\n'` mends that"),
        (b"id,g\n1,20.5\n(1 row)\n", r"1 values for 2 columns: '\(1 row\)'; .*mend that line or"),
    ],
)
def test_text_that_is_none(content, message, tmp_path):
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t")


def test_a_comment_in_another_encoding_does_no_harm(tmp_path):
    (tmp_path / "t").write_bytes("# of Müller\nid,g\n1,20.5\n".encode("latin-1"))
    assert read(tmp_path / "t").to_pylist() == [{"id": 1, "g": 20.5}]


def test_lists_of_every_kind_in_parquet(tmp_path):
    kinds = (pa.list_, pa.large_list, pa.list_view, pa.large_list_view)
    made = {kind.__name__: pa.array([[1.5], None, []], kind(pa.float64())) for kind in kinds}
    pq.write_table(pa.table(made), tmp_path / "t")
    for column in read(tmp_path / "t").columns:
        assert column.to_pylist() == [[1.5], None, []]
        assert column.type == pa.list_(pa.float64())
