"""Damaged models: refused, or their forecasts are those of the sound one."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np

from fuzzing.commands.attempt import Outcome, Trial, run
from fuzzing.commands.hostile import JSON_VALUES
from fuzzing.commands.workshop import Workshop
from fuzzing.mutators import GENERIC

Rng = np.random.Generator
MODEL = "model.safetensors"


def header(data: bytes) -> tuple[bytes, bytes]:
    """The JSON that a safetensors file begins with, and the tensors' bytes."""
    (length,) = struct.unpack("<Q", data[:8])
    return data[8 : 8 + length], data[8 + length :]


def _packed(head: bytes, tensors: bytes) -> bytes:
    return struct.pack("<Q", len(head)) + head + tensors


def header_length(rng, data):
    """The number that says where the tensors begin."""
    sizes = (0, 1, 7, len(data), 2**31, 2**40, 2**63, 2**64 - 1)
    return struct.pack("<Q", sizes[int(rng.integers(len(sizes)))]) + data[8:]


def header_value(rng, data):
    """Something in the header becomes something else."""
    head, tensors = header(data)
    tree = json.loads(head)
    value = json.loads(_sound_json(rng))
    name = list(tree)[int(rng.integers(len(tree)))]
    if name == "__metadata__" or rng.random() < 0.5:
        tree["__metadata__"] = value if rng.random() < 0.5 else {"transferz": _sound_json(rng)}
    else:
        key = list(tree[name])[int(rng.integers(len(tree[name])))]
        tree[name][key] = value
    return _packed(json.dumps(tree).encode(), tensors)


def _sound_json(rng) -> str:
    while True:
        text = JSON_VALUES[int(rng.integers(len(JSON_VALUES)))]
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            continue
        return text


def notes_value(rng, data):
    """Something of what we note ourselves becomes something else."""
    head, tensors = header(data)
    tree = json.loads(head)
    notes = json.loads(tree["__metadata__"]["transferz"])
    nodes = [(notes, key) for key in notes]
    nodes += [(fit, key) for fit in notes.get("fits", []) for key in fit]
    nodes += [(notes["bands"], k) for k in range(len(notes.get("bands", [])))]
    parent, key = nodes[int(rng.integers(len(nodes)))]
    parent[key] = json.loads(_sound_json(rng))
    tree["__metadata__"]["transferz"] = json.dumps(notes)
    return _packed(json.dumps(tree).encode(), tensors)


def weights(rng, data):
    """Some numbers become NaN, infinite, huge, or slightly different ones."""
    head, tensors = header(data)
    changed = bytearray(tensors)
    pattern = (b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\x7f\x7f", b"\x00\x00\x00\x00")
    for _ in range(int(rng.integers(1, 4))):
        at = 4 * int(rng.integers(len(changed) // 4))
        changed[at : at + 4] = pattern[int(rng.integers(4))]
    return _packed(head, bytes(changed))


MODELS = (header_length, header_value, header_value, notes_value, notes_value, weights, weights)


def make(command: str, rng: Rng, shop: Workshop, folder: Path) -> Trial:
    """Damage a model, and forecast with it, or learn on from it."""
    model, out = folder / "model", folder.parent / "out"
    shutil.copytree(shop.model, model)
    path = model / MODEL
    original = path.read_bytes()
    changed = original
    while changed == original:
        choice = MODELS if rng.random() < 0.7 else GENERIC
        mutator = choice[rng.integers(len(choice))]
        changed = mutator(rng, original)
    path.write_bytes(changed)
    machine = ["--quiet", "--threads", "1", "--device", "cpu"]
    argv = ["predict", "--model", str(model), str(shop.table), "--out", f"{out}/out.csv", *machine]
    if command == "train":
        argv = ["train", "nn_tl", "--start", str(model), "--release", str(shop.release), *machine]
        argv += ["--epochs", "1", "--seeds", "1", "--out", f"{out}/run"]

    def judge(outcome: Outcome) -> str:
        if command == "train":
            return "learned on from a damaged model, or from another method's"
        beside = outcome.out.parent / "twin"
        (beside / "out").mkdir(parents=True)
        twin = [str(shop.model) if word == str(model) else word for word in argv]
        run(Trial([word.replace(str(out), f"{beside}/out") for word in twin]), beside)
        ours, theirs = (at / "out.csv" for at in (out, beside / "out"))
        same = ours.read_bytes() == theirs.read_bytes()
        return "" if same else "a damaged model gives other forecasts"

    return Trial(argv, judge, mutator.__name__)
