import hashlib
import json
import re
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset.splits.hashing import content_hash, hash_ids, hash_rows
from transferz.schemas.errors import InputError

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15


def splitmix64(index, seed):
    """Output `index` of SplitMix64 in plain integers, from the paper's listing."""
    z = (seed + index * GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def seed_of(salt):
    return int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "little")


PINNED_IDS = [
    17122910768484476714,
    11480769551288899339,
    15321970822725094326,
    13169936376163068232,
]
PINNED_ROWS = [1920611322987249603, 4241318503250235672, 739570705282190671]
REALS = [0.5, 1.0, -2.0, None, np.inf]
PINNED_REALS = [
    6130330591524548737,
    2034122367826935810,
    3787348793005574670,
    1623358263512273238,
    15184431122525075021,
]
PINNED_CONTENT = "sha256:2e922db715afd14d7a91dc9b93e270314263b613e3a50e434a95ec7c5375aa4a"


def table(**changed):
    columns = {
        "object_id": pa.array([41000000000000001, 7, -3], pa.int64()),
        "ra": pa.array([150.1, 0.0, 359.9], pa.float64()),
        "g_cmodel_mag": pa.array([24.5, None, 21.25], pa.float32()),
        "isprimary": pa.array([True, False, None], pa.bool_()),
        "specz_name": pa.array(["ZCOSMOS_805914", None, "α Cen"], pa.string()),
    }
    return pa.table(columns | changed)


# Ids


def test_the_stream_is_splitmix64():
    # published outputs of the reference implementation seeded with 1234567
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [splitmix64(i, 1234567) for i in (1, 2, 3)] == published


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.text())
def test_an_id_is_hashed_as_splitmix64_says(ids, salt):
    hashes = hash_ids(np.array(ids, dtype=np.int64), salt)
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [splitmix64(i, seed_of(salt)) for i in ids]


def test_id_hashes_never_change():
    ids = np.array([0, 1, 41000000000000001, 2**63 - 1])
    assert hash_ids(ids, "transferz").tolist() == PINNED_IDS
    assert hash_ids(ids.astype(np.uint64), "transferz").tolist() == PINNED_IDS
    assert hash_ids(ids, "transferz 2").tolist() != PINNED_IDS


def test_id_hashes_are_uniform_in_every_bit():
    ids = 41_000_000_000_000_000 + np.arange(100_000)  # neighbours, as in one HSC patch
    bits = np.unpackbits(hash_ids(ids, "salt").view(np.uint8).reshape(-1, 8), axis=1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(len(ids))
    correlation = np.corrcoef(bits.T) - np.eye(64)
    assert np.abs(correlation).max() < 5.5 / np.sqrt(len(ids))


def test_ids_must_be_integers():
    with pytest.raises(InputError, match="integers, found float64"):
        hash_ids(np.array([1.0]), "salt")
    assert hash_ids([], "salt").shape == (0,)


# Rows


def test_row_hashes_never_change():
    assert hash_rows(table()).tolist() == PINNED_ROWS
    assert hash_rows(pa.table({"x": REALS})).tolist() == PINNED_REALS


def kind_and_code(value):
    """What `hash_rows` is documented to hash, in plain Python."""
    if value is None:
        return "null", 0
    if isinstance(value, str):
        digest = hashlib.blake2b(value.encode(), digest_size=8).digest()
        return "text", int.from_bytes(digest, "little")
    if isinstance(value, int) or value.is_integer():
        return ("negative" if value < 0 else "whole"), int(value) & MASK
    return "real", int.from_bytes(struct.pack("<d", value), "little")


def row_by_hand(row):
    total = 0
    for name, value in row.items():
        kind, code = kind_and_code(value)
        total += splitmix64(code, seed_of(f"{kind}:{name}"))
    return splitmix64(0, total & MASK)


def test_row_hashes_follow_their_definition():
    for rows in (table(), pa.table({"x": REALS})):
        assert hash_rows(rows).tolist() == [row_by_hand(row) for row in rows.to_pylist()]


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(3)), st.permutations(table().column_names))
def test_rows_hash_alike_in_any_order(rows, columns):
    mixed = table().select(columns).take(pa.array(rows))
    np.testing.assert_array_equal(hash_rows(mixed), hash_rows(table())[list(rows)])


def test_rows_hash_alike_however_stored():
    expected = hash_rows(table())
    plain = table()
    stored = [
        plain.to_pandas(),
        plain.to_pandas(types_mapper=pd.ArrowDtype),
        plain.to_pandas().convert_dtypes(),
        plain.to_pandas().astype({"specz_name": object}),
        plain.to_pandas().astype({"specz_name": "category"}),
        plain.to_pandas().set_index(pd.Index([9, 9, 1])),
        pa.concat_tables([plain.slice(0, 1), plain.slice(1)]),
        table(specz_name=plain["specz_name"].combine_chunks().dictionary_encode()),
        table(specz_name=plain["specz_name"].cast(pa.large_string())),
        table(specz_name=plain["specz_name"].cast(pa.string_view())),
    ]
    for other in stored:
        np.testing.assert_array_equal(hash_rows(other), expected)


def test_numbers_hash_by_value():
    def one(value, kind=None):
        return hash_rows(pa.table({"x": pa.array([value], kind)}))[0]

    assert len({one(1), one(1.0), one(True), one(1, pa.uint8()), one(1.0, pa.float32())}) == 1
    assert one(0.0) == one(-0.0) == one(0)
    assert one(None, pa.int64()) == one(None, pa.string()) == one(np.nan) == one(None)
    assert one(-(2**63)) == one(-(2.0**63))
    assert one(2**64 - 1, pa.uint64()) != one(-1)
    assert one(2**63, pa.uint64()) == one(2.0**63) != one(-(2**63))
    assert one(0.5) == one(0.5, pa.float32()) == one(0.5, pa.float16())
    assert one(0.1) != one(np.float32(0.1), pa.float32()) == one(float(np.float32(0.1)))
    different = [0, 1, -1, 0.5, -0.5, None, "", "1", "null", np.inf, -np.inf, 2**62, 5e-324]
    assert len({one(value) for value in different}) == len(different)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-(2**53), 2**53), min_size=1))
def test_a_null_changes_the_type_but_no_other_hash(values):
    integers = hash_rows(pd.DataFrame({"x": values}))
    floats = pd.DataFrame({"x": [*values, None]})
    assert floats["x"].dtype == np.float64
    np.testing.assert_array_equal(hash_rows(floats)[:-1], integers)
    assert len(set(integers.tolist())) == len(set(values))


def test_the_column_of_a_value_counts():
    first = hash_rows(pa.table({"a": [1], "b": [2]}))
    assert hash_rows(pa.table({"a": [2], "b": [1]})) != first
    assert hash_rows(pa.table({"a": [1], "c": [2]})) != first
    same = pa.table({"a": [1, 2], "b": [1, 2]})
    assert len(set(hash_rows(same).tolist())) == 2


def test_only_chosen_columns_count():
    chosen = hash_rows(table(), ["ra", "object_id"])
    np.testing.assert_array_equal(chosen, hash_rows(table(ra2=[1, 2, 3]), ["object_id", "ra"]))
    np.testing.assert_array_equal(chosen, hash_rows(table().select(["ra", "object_id"])))


def test_rows_without_values_still_count():
    assert hash_rows(pa.table({"x": pa.array([], pa.int64())})).shape == (0,)
    assert hash_rows(pd.DataFrame(index=range(3))).shape == (3,)


@pytest.mark.parametrize(
    ("frame", "columns", "said"),
    [
        (table(), ["ra", "nope"], r"no column \['nope'\]"),
        (table(), ["ra", "ra"], "more than once"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None, "more than once"),
        (pd.DataFrame({"a": [1, "x"]}), None, "'a' holds values of mixed types"),
        (pd.DataFrame({"a": pd.to_datetime(["2024-11-27"])}), None, "'a' is of type timestamp"),
        (pa.table({"a": [[1, 2]]}), None, "'a' is of type list"),
    ],
)
def test_what_cannot_be_hashed_is_named(frame, columns, said):
    with pytest.raises(InputError, match=said):
        hash_rows(frame, columns)


# Tables


def test_content_hashes_never_change():
    assert content_hash(table()) == PINNED_CONTENT
    assert re.fullmatch("sha256:[0-9a-f]{64}", content_hash(pa.table({})))


def test_a_content_hash_follows_its_definition():
    kinds = ["int64", "float64", "float32", "bool", "string"]
    types = [list(pair) for pair in zip(table().column_names, kinds, strict=True)]
    texts = [text.encode() for text in ("ZCOSMOS_805914", "", "α Cen")]
    parts = [
        b"transferz content 1\n" + json.dumps([3, types]).encode(),
        b"\7" + struct.pack("<3q", 41000000000000001, 7, -3),
        b"\7" + struct.pack("<3d", 150.1, 0.0, 359.9),
        b"\5" + struct.pack("<3f", 24.5, 0.0, 21.25),
        b"\3" + bytes([1, 0, 0]),
        b"\5" + struct.pack("<3q", *map(len, texts)) + b"".join(texts),
    ]
    assert content_hash(table()) == f"sha256:{hashlib.sha256(b''.join(parts)).hexdigest()}"


def nulls_with_payload():
    """The table with other bytes under its nulls."""
    valid = pa.py_buffer(bytes([0b101]))
    g = pa.array([24.5, 99.0, 21.25], pa.float32())
    name = pa.array(["ZCOSMOS_805914", "hidden", "α Cen"], pa.string())
    return table(
        g_cmodel_mag=pa.Array.from_buffers(g.type, 3, [valid, g.buffers()[1]]),
        specz_name=pa.Array.from_buffers(name.type, 3, [valid, *name.buffers()[1:]]),
    )


def test_a_content_hash_sees_only_the_content(tmp_path):
    plain = table()
    assert nulls_with_payload().equals(plain)
    twice = pa.concat_tables([plain, plain])
    same = [
        nulls_with_payload(),
        pa.concat_tables([plain.slice(0, 1), plain.slice(1, 0), plain.slice(1)]),
        twice.slice(3),
        twice.combine_chunks().slice(3),
        plain.replace_schema_metadata({"unit": "deg"}),
        table(specz_name=plain["specz_name"].combine_chunks().dictionary_encode()),
        table(specz_name=plain["specz_name"].cast(pa.large_string())),
        table(specz_name=plain["specz_name"].cast(pa.string_view())),
    ]
    for version in ("1.0", "2.6"):
        path = tmp_path / f"{version}.parquet"
        pq.write_table(plain, path, version=version, row_group_size=2, use_dictionary=True)
        same.append(pq.read_table(path))
    assert {content_hash(other) for other in same} == {content_hash(plain)}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_slice_has_its_own_content(kind):
    names = pa.table({"name": pa.array(["a", "bc", "def"], kind)})
    assert content_hash(names.slice(1)) == content_hash(pa.table({"name": ["bc", "def"]}))


def test_a_content_hash_sees_every_change():
    plain = table()
    names = plain.column_names
    ids, floats = [41000000000000001, 7, -3], [150.1, 0.0, 359.9]
    changed = [
        plain.slice(0, 2),
        plain.take([1, 0, 2]),
        plain.select(names[::-1]),
        plain.rename_columns(["id", *names[1:]]),
        plain.drop_columns("ra"),
        pa.concat_tables([plain, plain]),
        table(object_id=pa.array([*ids[:2], -4], pa.int64())),
        table(object_id=pa.array([*ids[:2], None], pa.int64())),
        table(ra=pa.array([np.nextafter(150.1, 151), *floats[1:]])),
        table(ra=pa.array([150.1, None, 359.9])),
        table(ra=pa.array([150.1, np.nan, 359.9])),
        table(ra=pa.array(floats, pa.float32())),
        table(g_cmodel_mag=pa.array([24.5, 0.0, 21.25], pa.float32())),
        table(g_cmodel_mag=pa.array([24.5, np.nan, 21.25], pa.float32())),
        table(g_cmodel_mag=pa.array([24.5, None, 21.25], pa.float64())),
        table(isprimary=pa.array([True, False, False])),
        table(isprimary=pa.array([1, 0, None], pa.int8())),
        table(isprimary=pa.array([1, 0, None], pa.uint8())),
        table(specz_name=pa.array(["ZCOSMOS_805914", "", "α Cen"])),
        table(specz_name=pa.array(["ZCOSMOS_80591", "4", "α Cen"])),
        table(specz_name=pa.array(["ZCOSMOS_805914", None, "a Cen"])),
    ]
    hashes = [content_hash(other) for other in [plain, *changed]]
    assert len(set(hashes)) == len(hashes)


def test_negative_zero_and_odd_nans_are_no_content():
    odd = np.array([0x7FF8000000000001, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)
    assert content_hash(pa.table({"x": [0.0, -0.0]})) == content_hash(pa.table({"x": [-0.0, 0.0]}))
    assert content_hash(pa.table({"x": odd})) == content_hash(pa.table({"x": [np.nan, np.nan]}))


def test_content_of_another_type_is_refused():
    with pytest.raises(InputError, match="'a' is of type list"):
        content_hash(pa.table({"a": [[1, 2]]}))
