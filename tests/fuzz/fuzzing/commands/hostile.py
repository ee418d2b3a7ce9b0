"""Names and texts from hell, and damage to YAML and JSON."""

import json

NAMES = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "two\nlines",
    "back\x08\x08space",
    "bell\x07",
    "\u202eright to left",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "名前 \U0001f600",
    "é",
    "e\u0301",
    "name " * 900,
    "",
    " ",
    "g ",
    "G",
    "object_id ",
    "#note",
    "a,b",
    'a"b',
    "a;b|c\td",
    "{0}%s%(x)s",
    "../../etc/passwd",
    "None",
    "nan",
    "0",
    "redshift_pred",
    "redshift",
    "object_id.1",
)
TEXTS = (
    *NAMES,
    "x" * 100_000,
    "١٢",
    "1_000",
    "0x10",
    "1e999",
    "12abc",
    "True",
    "1:59:59",
    "2026-01-01",
)

YAML_VALUES = (
    "1:59:59.9", "0x10", "0o17", "1_000", ".inf", "-.inf", ".nan", "~", "yes", "2026-01-01",
    "1e400", "-1", "0", "1e-320", "''", "[]", "{}", "[[[[]]]]", "!!python/object:os.system x",
    "!!binary aGk=", "!!set {a}", "&a [*a]", "*undefined", "<<: 1", "|\n  block\n", "? x", "\t",
    '"\\x1b[31m"', '"\\u202e"', '"<img src=x onerror=alert(1)>"', "'</script><script>alert(1)'",
    "9" * 5000, "javascript:alert(1)", "'https://user:pa55@host/x'", '"\\ud800"', "\x1b[31m",
    "\x00",
)  # fmt: skip
JSON_VALUES = (
    "null", "true", "-1", "0", "1e400", "NaN", "Infinity", "-0.0", "[]", "{}", '""', '"\\ud800"',
    '"\\u001b[31m"', "9" * 5000, "[" * 3000 + "]" * 3000, "[" * 200_000, '{"a":' * 3000,
    '"<img src=x onerror=alert(1)>"', '"../../etc/passwd"', '"http://127.0.0.1:1/x"', '"\\u0000"',
)  # fmt: skip


def _line(rng, lines, marks):
    places = [k for k, line in enumerate(lines) if any(mark in line for mark in marks)]
    return places[int(rng.integers(len(places)))]


def yaml_value(rng, data):
    """The value of a key becomes something that YAML has and nobody expects."""
    lines = data.decode().split("\n")
    at = _line(rng, lines, (": ",))
    key = lines[at].split(": ", 1)[0]
    lines[at] = f"{key}: {YAML_VALUES[int(rng.integers(len(YAML_VALUES)))]}"
    return "\n".join(lines).encode()


def yaml_alias_bomb(rng, data):
    """A billion laughs."""
    levels = "".join(f"x{k + 1}: &x{k + 1} [{', '.join([f'*x{k}'] * 9)}]\n" for k in range(9))
    return b"x0: &x0 [lol]\n" + levels.encode() + data


def json_value(rng, data):
    """A value becomes something else."""
    lines = data.decode().split("\n")
    at = _line(rng, lines, ('": ',))
    key, value = lines[at].split('": ', 1)
    end = "," if value.rstrip().endswith(",") else ""
    opens = value.rstrip()[-1:] in "[{"
    lines[at] = f'{key}": {JSON_VALUES[int(rng.integers(len(JSON_VALUES)))]}' + (
        "," if opens else end
    )
    return "\n".join(lines).encode()


def json_tree(rng, data):
    """Sound JSON in which a node was removed, doubled, or put somewhere else."""
    tree = json.loads(data)
    nodes = []

    def walk(node):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in list(items):
            nodes.append((node, key, value))
            if isinstance(value, dict | list):
                walk(value)

    walk(tree)
    parent, key, _ = nodes[int(rng.integers(len(nodes)))]
    _, _, other = nodes[int(rng.integers(len(nodes)))]
    if rng.random() < 0.3:
        del parent[key]
    else:
        parent[key] = json.loads(json.dumps(other))
    return (json.dumps(tree, indent=2, ensure_ascii=False) + "\n").encode()


def deep(rng, data):
    """Brackets, ten thousands deep."""
    return (b"[" if rng.random() < 0.5 else b'{"a":') * int(rng.integers(900, 60_000)) + data


def drop_line(rng, data):
    lines = data.split(b"\n")
    del lines[int(rng.integers(len(lines)))]
    return b"\n".join(lines)


def repeat_line(rng, data):
    lines = data.split(b"\n")
    at = int(rng.integers(len(lines)))
    return b"\n".join([*lines[: at + 1], *lines[at:]])


def another_encoding(rng, data):
    text = data.decode()
    choices = ("utf-16", "utf-8-sig", "cp037", "utf-32", "utf-7")
    return text.encode(choices[int(rng.integers(len(choices)))])


def line_ends(rng, data):
    return data.replace(b"\n", b"\r\n" if rng.random() < 0.5 else b"\r")


YAML = (yaml_value, yaml_value, yaml_value, yaml_alias_bomb, drop_line, repeat_line)
YAML += (another_encoding, line_ends, deep)
JSON = (json_value, json_value, json_tree, json_tree, deep, drop_line, repeat_line)
JSON += (another_encoding, line_ends)
