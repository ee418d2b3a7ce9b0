"""Damage to CSV files."""

CELLS = (
    "", " ", "nan", "NaN", "NAN", "inf", "-inf", "Infinity", "1e999", "-1e999", "1e-999", "-99",
    "-99.0", "99", "99.0", "-99.000001", "999", "0x10", "1_000", "1 000", "１２", "٣", " 12 ",
    "\t12", "12\u00a0", "+5", "--5", "5.", ".5", "1.0", "1.5", "1e3", "1d3", "True", "true",
    "TRUE", "t", "f", "yes", "T", "0", "1", "2", "-1", "NA", "N/A", "null", "NULL", "None", "-",
    "*", "1,5", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "99999999999999999999999", "32768", "65536", "0.1000000000000000055511151231257827",
    "1." + "0" * 400, '"', '""', '"12"', "'12'", '"a""b"', 'a"b', '"a"b', "<td>5</td>", "=1+1",
    "\x00", "1\x002", "\ufeff1", "\u2028", "\x1a", "é", "😀", "   ", " NA ", "#N/A",
    " True ", "0.0", "12.0", "12.00", "43158322433012345.0", "4.3158322433012345e16", "nan(123)",
    "-nan", "+nan", "+inf",
)  # fmt: skip


def _pick(rng, values):
    return values[int(rng.integers(len(values)))]


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _row(rng, lines: list[bytes]) -> int:
    return int(rng.integers(1, len(lines))) if len(lines) > 1 else 0


def _edit_row(edit):
    """Apply to the cells of one data row."""

    def mutate(rng, data):
        lines = _lines(data)
        at = _row(rng, lines)
        end = b"\r\n" if lines[at].endswith(b"\r\n") else b"\n"
        lines[at] = b",".join(edit(rng, lines[at].rstrip(b"\r\n").split(b","))) + end
        return b"".join(lines)

    mutate.__name__, mutate.__doc__ = edit.__name__, edit.__doc__
    return mutate


def _edit_header(edit):
    """Apply to the column names."""

    def mutate(rng, data):
        head, end, rest = data.partition(b"\r\n" if b"\r\n" in data[:9000] else b"\n")
        return b",".join(edit(rng, head.split(b","))) + end + rest

    mutate.__name__, mutate.__doc__ = edit.__name__, edit.__doc__
    return mutate


@_edit_row
def spoil_cell(rng, cells):
    """A cell becomes something strange."""
    cells[rng.integers(len(cells))] = _pick(rng, CELLS).encode()
    return cells


@_edit_row
def drop_delimiter(rng, cells):
    """Two cells run together."""
    at = int(rng.integers(len(cells)))
    return [*cells[:at], b"".join(cells[at : at + 2]), *cells[at + 2 :]]


@_edit_row
def add_delimiter(rng, cells):
    """One cell too many."""
    at = int(rng.integers(len(cells) + 1))
    return [*cells[:at], b"", *cells[at:]]


@_edit_row
def swap_cells(rng, cells):
    """Two cells of a row exchanged."""
    a, b = rng.integers(len(cells), size=2)
    cells[a], cells[b] = cells[b], cells[a]
    return cells


@_edit_row
def short_row(rng, cells):
    """A row ends early."""
    return cells[: max(1, int(rng.integers(len(cells))))]


@_edit_row
def quote_cells(rng, cells):
    """A cell or several in one pair of quotes."""
    first, last = sorted(rng.integers(len(cells), size=2))
    cells[first], cells[last] = b'"' + cells[first], cells[last] + b'"'
    return cells


@_edit_header
def duplicate_name(rng, names):
    """A column's name occurs twice."""
    a, b = rng.integers(len(names), size=2)
    names[a] = names[b]
    return names


@_edit_header
def swap_columns(rng, names):
    """The names of two columns exchanged."""
    a, b = rng.integers(len(names), size=2)
    names[a], names[b] = names[b], names[a]
    return names


@_edit_header
def spoil_name(rng, names):
    """A column's name in other letters, padded, quoted, or gone."""
    at = rng.integers(len(names))
    old = names[at]
    changed = (old.upper(), b" " + old, b'"' + old + b'"', b"", old + b"\x00", b"# " + old)
    names[at] = _pick(rng, changed)
    return names


@_edit_header
def drop_name(rng, names):
    """One name too few."""
    names.pop(int(rng.integers(len(names))))
    return names


def drop_line(rng, data):
    """A line lost, maybe the header."""
    lines = _lines(data)
    lines.pop(int(rng.integers(len(lines))))
    return b"".join(lines)


def repeat_line(rng, data):
    """A line twice, maybe the header."""
    lines = _lines(data)
    at = int(rng.integers(len(lines)))
    return b"".join([*lines[: at + 1], *lines[at:]])


def add_line(rng, data):
    """A line that is no row."""
    lines = _lines(data)
    extra = (
        b"\n",
        b"# a comment\n",
        b"   \n",
        b",\n",
        b"\r",
        b'"\n',
        b"\x00\n",
        b"<br>\n",
        b"-- \n",
    )
    at = int(rng.integers(len(lines) + 1))
    return b"".join([*lines[:at], _pick(rng, extra), *lines[at:]])


def stray_quote(rng, data):
    """One or two quotes somewhere."""
    for _ in range(int(rng.integers(1, 3))):
        at = int(rng.integers(len(data)))
        data = data[:at] + b'"' + data[at:]
    return data


def stray_character(rng, data):
    """Something that text should not hold."""
    at = int(rng.integers(len(data)))
    odd = (b"\x00", b"\xff", b"\xc3", b"\r", b"\n", b"\x1a", b"\xef\xbb\xbf", "é".encode(), b";")
    return data[:at] + _pick(rng, odd) + data[at:]


def re_encode(rng, data):
    """The same text in another encoding, other line ends or another delimiter."""
    text = data.decode()
    made = (
        lambda: text.encode("utf-16"),
        lambda: b"\xef\xbb\xbf" + data,
        lambda: text.encode("latin-1", "replace") + b"\xe9",
        lambda: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r"),
        lambda: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\r\n"),
        lambda: data.replace(b",", b";"),
        lambda: data.replace(b",", b"\t"),
        lambda: data.replace(b".", b","),
        lambda: data.rstrip(b"\r\n"),
    )
    return _pick(rng, made)()


CSV = (
    spoil_cell,
    spoil_cell,
    spoil_cell,
    spoil_cell,
    drop_delimiter,
    add_delimiter,
    swap_cells,
    short_row,
    quote_cells,
    duplicate_name,
    swap_columns,
    spoil_name,
    drop_name,
    drop_line,
    repeat_line,
    add_line,
    stray_quote,
    stray_quote,
    stray_character,
    stray_character,
    re_encode,
)
