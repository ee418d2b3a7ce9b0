from transferz.tables.printing import printable


def test_a_name_does_not_steer_the_terminal():
    assert printable("k-NN µ ✓ 中") == "k-NN µ ✓ 中"
    mark = "\N{REPLACEMENT CHARACTER}"
    assert printable("\x1b[2J\u202e\n\x9b") == f"{mark}[2J{mark}{mark}{mark}"
