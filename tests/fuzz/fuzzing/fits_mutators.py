"""Damage to FITS headers and cells."""

import numpy as np

CARD, BLOCK = 80, 2880
NUMBERS = ("-1", "0", "1", "2", "7", "39", "41", "255", "65536", "2147483647", "99999999999999")
FORMS = (
    "E",
    "D",
    "I",
    "J",
    "K",
    "L",
    "B",
    "X",
    "A",
    "C",
    "2E",
    "3J",
    "10A",
    "1PE(3)",
    "0E",
    "Q",
    "",
)


def cards(data: bytes) -> dict[int, bytes]:
    """Offset of each header card to its text."""
    found, at, inside = {}, 0, True
    while at + CARD <= len(data):
        text = data[at : at + CARD]
        if at % BLOCK == 0 and text[:8] in (b"SIMPLE  ", b"XTENSION"):
            inside = True
        if inside:
            found[at] = text
            at, inside = at + CARD, text[:8] != b"END     "
        if not inside:
            at = (at + BLOCK - 1) // BLOCK * BLOCK if at % BLOCK else at
            if data[at : at + 8] not in (b"SIMPLE  ", b"XTENSION"):
                at += BLOCK
    return found


def put(data: bytes, at: int, card: bytes) -> bytes:
    """Overwrite one card."""
    return data[:at] + card[:CARD].ljust(CARD) + data[at + CARD :]


def add_card(data: bytes, card: bytes, last: bool = True) -> bytes:
    """Add a card before an END, where its block has room."""
    ends = [at for at, text in cards(data).items() if text[:8] == b"END     "]
    at = ends[-1] if last else ends[0]
    if (at + CARD) % BLOCK == 0:
        return put(data, at - CARD, card)
    return data[:at] + card[:CARD].ljust(CARD) + b"END".ljust(CARD) + data[at + 2 * CARD :]


def keyword(data: bytes, *starts: bytes) -> list[int]:
    """Offsets of cards whose keyword starts so."""
    return [at for at, text in cards(data).items() if text[:8].startswith(starts)]


def value_card(key: bytes, value: str) -> bytes:
    return key.ljust(8) + b"= " + value.rjust(20).encode()


def _pick(rng, values):
    return values[int(rng.integers(len(values)))]


def edit_number(rng, data):
    """A size or count in the header."""
    names = (b"NAXIS", b"TFIELDS", b"PCOUNT", b"GCOUNT", b"BITPIX", b"TNULL")
    at = _pick(rng, keyword(data, *names))
    return put(data, at, value_card(data[at : at + 8].rstrip(), _pick(rng, NUMBERS)))


def edit_rows(rng, data):
    """NAXIS2 near its value: fewer rows, or more than there are."""
    at = keyword(data, b"NAXIS2")[-1]
    rows = int(data[at + 10 : at + 30]) + int(_pick(rng, (-30, -1, 1, 2, 300, 10**6, 10**12)))
    return put(data, at, value_card(b"NAXIS2", str(rows)))


def edit_format(rng, data):
    """The type of a column."""
    at = _pick(rng, keyword(data, b"TFORM"))
    return put(data, at, data[at : at + 8] + b"= '" + _pick(rng, FORMS).encode() + b"'")


def edit_name(rng, data):
    """The name of a column: another column's, the same in lower case, or nonsense."""
    places = keyword(data, b"TTYPE")
    at, other = (_pick(rng, places) for _ in range(2))
    old = data[at + 10 : at + CARD]
    new = _pick(rng, (data[other + 10 : other + CARD], old.lower(), old.upper(), b"''", b"'x y'"))
    return put(data, at, data[at : at + 10] + new)


def swap_names(rng, data):
    """The names of two columns exchanged."""
    first, second = rng.permutation(keyword(data, b"TTYPE"))[:2]
    a, b = data[first + 8 : first + CARD], data[second + 8 : second + CARD]
    data = put(data, first, data[first : first + 8] + b)
    return put(data, second, data[second : second + 8] + a)


def add_null(rng, data):
    """TNULL for some column."""
    return add_card(data, value_card(b"TNULL%d" % rng.integers(1, 25), _pick(rng, NUMBERS)))


def add_scale(rng, data):
    """TSCAL or TZERO for some column."""
    key = _pick(rng, (b"TSCAL", b"TZERO")) + b"%d" % rng.integers(1, 25)
    values = ("2.0", "0.5", "1.0", "0.0", "32768", "-1", "1E300", "'two'", "NaN")
    return add_card(data, value_card(key, _pick(rng, values)))


def add_other(rng, data):
    """Cards that change how a table is read, or should change nothing."""
    texts = (
        "THEAP   =                  100",
        "TDIM3   = '(2,2)'",
        "EXTNAME = 'OTHER'",
        "EXTEND  =                    F",
        "ZIMAGE  =                    T",
        "ZTABLE  =                    T",
        "DATASUM = '1234567890'",
        "CHECKSUM= 'AAAAAAAAAAAAAAAA'",
        "DATASUM = '0       '",
        "COMMENT nothing",
        "HIERARCH ESO X = 3",
        "CONTINUE  'long'",
        "TDISP2  = 'F8.3'",
        "TUNIT2  = 'furlong'",
        "TTYPE3  = 'twice'",
        "NAXIS2  =                    5",
    )
    return add_card(data, _pick(rng, texts).encode(), last=rng.random() < 0.8)


def blank_card(rng, data):
    """A card lost."""
    return put(data, _pick(rng, list(cards(data))), b"")


def swap_cards(rng, data):
    """Two cards exchanged."""
    found = cards(data)
    first, second = rng.permutation(list(found))[:2]
    return put(put(data, first, found[second]), second, found[first])


def spoil_card(rng, data):
    """Characters of a card."""
    at = _pick(rng, list(cards(data))) + int(rng.integers(CARD))
    return data[:at] + _pick(rng, (b"\x00", b"\xff", b"'", b"=", b"/", b"9", b" ")) + data[at + 1 :]


def spoil_cell(rng, data):
    """Eight bytes of data become a strange number."""
    start = max(cards(data)) // BLOCK * BLOCK + BLOCK
    values = (float("nan"), float("inf"), -float("inf"), -99.0, 99.0, 1e30, -1.0, 0.0, 1e300)
    value, code = _pick(rng, values), _pick(rng, (">f4", ">f8", ">f4"))
    with np.errstate(over="ignore"):
        packed = np.array(value, code).tobytes()
    at = int(rng.integers(start, len(data) - 8))
    return data[:at] + packed + data[at + len(packed) :]


FITS = (
    edit_number,
    edit_rows,
    edit_format,
    edit_name,
    swap_names,
    add_null,
    add_scale,
    add_other,
    blank_card,
    swap_cards,
    spoil_card,
    spoil_cell,
    spoil_cell,
)
