"""Hostile arguments: places, names, numbers. Refused in words, or without effect."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing.commands.attempt import Trial
from fuzzing.commands.hostile import NAMES
from fuzzing.commands.workshop import Workshop

Rng = np.random.Generator

NUMBERS = (
    "0", "-1", "1e9", "nan", "inf", "9" * 30, "9" * 5000, "1_0", "٣", "", "0x10", "1.5", " 3 ",
    "\x1b[31m",
)  # fmt: skip
GRIDS = (
    "0:6:601", "0:6:1", "6:0:10", "nan:6:10", "0:inf:10", "0:6:9999999999", "0:6", "a:b:c", ":::",
    "0:6:-5", "0:1e400:10", "-1e308:1e308:10", "0:6:9" + "9" * 30,
)  # fmt: skip
QUANTILES = (
    "q05=0.05,q50=0.5", "q05", "q05=", "=0.5", "q05=0.5,q05=0.6", "q05=nan", "q05=0.05=0.1",
    "q05=2", "q05=0.9,q50=0.5", "\x1b[31m=0.5",
)  # fmt: skip
SECRET = "pa55w0rd"
URLS = (
    "https://user:" + SECRET + "@example.org/f.parquet", "http://example.org/x",
    "javascript:alert(1)", "https://", "ftp://x/y", "https://\x1b[31m/x", "https://[::1/x", "file:///etc/passwd",
    "https://example.org/" + "x" * 5000,
)  # fmt: skip


def _places(folder: Path) -> list[str]:
    """What a path may be, other than a file."""
    (folder / "folder").mkdir()
    (folder / "file").write_text("not a folder, not a table\n")
    (folder / "empty.csv").touch()
    (folder / "loop").symlink_to("loop")
    (folder / "dangling.csv").symlink_to("nowhere/else.csv")
    os.mkfifo(folder / "pipe.csv")
    odd = folder / os.fsdecode(b"caf\xe9.csv")
    odd.write_text("a,b\n1,2\n")
    names = ("folder", "file", "empty.csv", "loop", "dangling.csv", "pipe.csv", "missing.csv")
    inside = [str(folder / name) for name in (*names, "file/below.csv", "x" * 300 + ".csv")]
    hostile = [str(folder / f"{name[:200]}.csv") for name in NAMES[:6]]
    return [
        *inside,
        *hostile,
        str(odd),
        "",
        ".",
        "/",
        "/dev/null",
        "/dev/full",
        "/proc/self/mem",
        "~",
        "-",
    ]


def make(command: str, rng: Rng, shop: Workshop, folder: Path) -> Trial:
    """A command whose arguments are right but for one or two."""
    places = _places(folder)

    def pick(values):
        return values[int(rng.integers(len(values)))]

    def some(right, wrong) -> str:
        return str(right) if rng.random() < 0.8 else pick(wrong)

    out = folder.parent / "out"
    argv = ARGUMENTS[command](some, places, out, shop)
    judge = lambda outcome: (  # noqa: E731
        "the password is shown" if SECRET in outcome.stdout + outcome.stderr else ""
    )
    return Trial(argv, judge, "arguments", writes_anywhere=True)


Some = Callable[..., str]


def _predict(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    return [
        *("predict", some(shop.table, places), "--model", some(shop.model, places)),
        *(
            "--out",
            some(f"{out}/out.csv", [*(f"{out}/{name[:300]}.csv" for name in NAMES), *places]),
        ),
        *(
            "--bands",
            some("g,r,i,z,y", [*NAMES, "g,r", "y,z,i,r,g", "g,g,g,g,g", ",", "g,r,i,z,nope"]),
        ),
        *("--chunk-rows", some("1000", NUMBERS), "--threads", some("1", NUMBERS), "--quiet"),
    ]


def _score(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    return [
        *("score", some(shop.table, places), "--true", some("z_spec", NAMES)),
        *("--pred", some("z_phot", [*NAMES, "z_phot,z_phot", "note"])),
        *(("--quantiles", some("q05=0.05,q50=0.5,q95=0.95", QUANTILES)) if some("1", "2") == "1"
          else ("--pdf", some("q*", ["*", "[", "q[", *NAMES]), "--grid", some("3:4:3", GRIDS))),
        "--json",
    ]  # fmt: skip


def _check_leak(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    return [
        *("check-leak", some(shop.table, places), "--id", some("object_id", NAMES)),
        *("--ra", some("ra", NAMES), "--release", some(shop.release, places)),
        *("--splits", some("test", [*NAMES, "train", "test,test", "../test"]), "--json"),
    ]


def _magnitudes(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    target = some(f"{out}/out.fits", [f"{out}/x.csv.gz", f"{out}/nope/x.csv", *places])
    return ["magnitudes", some(shop.table, places), "--unit", some("ujy", NAMES), "--out", target]


def _benchmark(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    return [
        *(
            "benchmark",
            some("median", [*NAMES, "os:system", "nope:Nope", "json:JSONDecoder", ":", "a:b:c"]),
        ),
        *("--table", some(shop.table, places), "--bands", some("g,r,i", [*NAMES, "g,g"])),
        *("--redshift", some("z_spec", NAMES), "--id", some("object_id", [*NAMES, "note"])),
        *(
            "--fractions",
            some("0.4,0.2,0.2,0.2", ["1,0,0,0", "nan,0,0,1", "-1,1,1,0", "inf,0,0,0", "1,2"]),
        ),
        *("--seeds", some("1", [n for n in NUMBERS if n != "9" * 30]), "--quiet"),
        *("--key", some("mine", NAMES), "--out", some(f"{out}/run", [f"{out}/a/b/c", *places])),
    ]


def _train(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    return [
        *("train", "nn_spec", "--table", some(shop.table, places)),
        *("--bands", some("g,r,i", NAMES), "--redshift", some("z_spec", NAMES)),
        *("--epochs", some("1", ("0", "-1", "x")), "--batch-size", some("50", NUMBERS)),
        *(
            "--learning-rate",
            some("1e-3", NUMBERS),
            "--frozen",
            some("none", ["9", "1,1", *NUMBERS]),
        ),
        *("--patience", some("3", NUMBERS), "--seeds", "1", "--device", some("cpu", NAMES)),
        *("--quiet", "--out", some(f"{out}/run", places)),
    ]


def _distill(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    return [
        *("distill", some(shop.table, places), "--model", some(shop.model, places)),
        *("--bands", some("g,r,i,z,y", [*NAMES, "g,r", "g,g,g,g,g"]), "--epochs", "1"),
        *("--threads", some("1", NUMBERS), "--device", some("cpu", NAMES), "--quiet"),
        *("--out", some(f"{out}/run", places)),
    ]


def _specz(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    more = [] if some("1", "2") == "1" else ["--catalogues", some(shop.catalogue, places)]
    return [
        *("specz", some(shop.catalogue, places), "--out", some(f"{out}/it.parquet", places)),
        *("--radius", some("1", NUMBERS), "--disagreement", some("0.01", NUMBERS), *more),
    ]


def _release(name: str, *words: str):
    def argv(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
        right = {"RELEASE": shop.release, "OUT": f"{out}/it", "OUT.fits": f"{out}/it.fits"}
        given = [some(right[word], [*places, *NAMES]) if word in right else word for word in words]
        return [name, *given]

    return argv


def _board(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    if some("1", "2") == "1":
        return [
            *("leaderboard", "add", some(shop.runs / "nn_combo", places)),
            *("--entries", f"{out}/entries", "--url", some("https://example.org/f.parquet", URLS)),
        ]
    return [
        *("leaderboard", "--entries", some(shop.runs, places), "--config", some("combo", NAMES)),
        *("--range", some("all", NAMES), "--sort", some("scatter", [*NAMES, "rms", "nope"])),
        *("--hf", f"{out}/hub", "--repo", some("o/mock-of-mine", NAMES)),
    ]


def _export(some: Some, places: list[str], out: Path, shop: Workshop) -> list[str]:
    return [
        *("export", some(f"{out}/it.vot", [f"{out}/it.txt", f"{out}/a/b.fits", *places])),
        *("--release", some(shop.release, places), "--config", some("combo", [*NAMES, "../combo"])),
        *("--split", some("test", [*NAMES, "*", "../test"])),
    ]


ARGUMENTS = {
    "predict": _predict,
    "score": _score,
    "check-leak": _check_leak,
    "magnitudes": _magnitudes,
    "benchmark": _benchmark,
    "train": _train,
    "distill": _distill,
    "specz": _specz,
    "fit-templates": _release("fit-templates", "RELEASE"),
    "info": _release("info", "--release", "RELEASE"),
    "verify": _release("verify", "RELEASE"),
    "diff": _release("diff", "RELEASE", "RELEASE", "--json"),
    "compare": _release("compare", "RELEASE", "RELEASE", "--json", "OUT"),
    "deposit": _release("deposit", "OUT", "--release", "RELEASE"),
    "publish": _release(
        "publish",
        "--repo",
        "o/mock",
        "--release",
        "RELEASE",
        "--dry-run",
        "--endpoint",
        "http://127.0.0.1:1",
    ),
    "export": _export,
    "leaderboard": _board,
    "sources": lambda some, places, out, shop: [
        "sources",
        some("hsc_pdr2", NAMES),
        some("--json", NAMES),
    ],
}
