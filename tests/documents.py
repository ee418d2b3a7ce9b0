"""The code blocks of the documents: what they are, and which of their commands no test runs.

A block is Python, which is run; Python whose first line is ``# NAME.py``, or in a notebook
``%%writefile NAME.py``, which is written to that file; commands (bash), which are run, or are in
`NOT_RUN`; what a command printed (text), which is compared with what it prints; YAML or TOML, which
is read.
"""

import itertools
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
DOCUMENTS = [
    *(ROOT / name for name in NAMES if (ROOT / name).is_file()),
    *sorted((ROOT / "docs").glob("**/*.md")),
]
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"(?:# |%%writefile )(\w+\.py)\n")
VARIES = re.compile(r"\d|/|^(yes|no|met|missed)\b")
"""Words of an output that other data change: numbers, paths, verdicts."""

NOT_RUN = {
    "transferz sources check": "asks the archives",
    "make": "builds and trains everything: minutes; tests/pipeline runs the stages",
    "dvc": "tests/pipeline runs DVC on a checkout of its own",
    "python benchmarks/": "measures time, for minutes",
    "python -m transferz.baselines.paper.transfer_study": "trains for minutes",
    "python -m transferz.baselines.paper.report": "tests/baselines/paper draws everything",
    "transferz benchmark mixture_density": "trains for minutes",
    "transferz benchmark nn_both": "trains for minutes",
    "transferz predict --model models/mixture_density": "tests/cli/test_predict_pdf.py has one",
    "transferz score WITH_PDFS.parquet": "what that wrote",
    "transferz benchmark rail:": "needs RAIL: tests/baselines/rail has one of its own",
    "transferz predict pz_challenge": "tests/cli/test_predict_ensemble.py has files like these",
    "transferz publish": "needs the Hub: tests/dataset/test_publish.py has one of its own",
    "transferz predict --model models/nn_tl CATALOGUE": "needs HATS: tests/baselines/catalogues",
    "transferz predict --model models/nn_tl hf:": "needs HATS: tests/baselines/catalogues",
    "transferz distill": "needs a model of many seeds: tests/cli/test_distill.py makes one",
    "transferz verify ORG/": "needs the Hub, as `transferz publish`",
    "transferz diff ORG/": "needs the Hub, as `transferz publish`",
    "topcat -stilts": "needs TOPCAT; the columns that it draws are checked",
    "transferz specz specz_samples/": "needs real tables: tests/dataset/spectra/test_samples.py",
}
"""How a command begins that no test runs as it stands, and why. Its arguments are checked."""

NOT_PRINTED = {
    "README.md: card:": "of a release that was edited: tests/dataset/test_verify.py edits some",
    "old  transferz 2.0.0+mock OLD": "of a rebuild: tests/dataset/versions compares releases",
    "follows 1.0.0:": "of a build: tests/dataset/test_previous.py",
    "the whole catalogue ": "of a benchmark: test_docs.py compares it, figure by figure",
    "forecasts of ": "of a model that takes minutes to train: tests/cli/test_distill.py",
    "file          ": "of real tables: tests/dataset/spectra/test_samples.py",
}
"""How a text begins that the command before it doesn't print in a test, and why."""

SHORTER = {
    "transferz train": ("--epochs", "2"),
    "transferz benchmark my_method:Trees": ("--seeds", "2"),
    "transferz benchmark mymethod:Trees": ("--seeds", "2"),
}
"""How commands begin that are given more arguments, so that they take seconds; the last counts."""


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: the document it is in, and as which part of it."""

    document: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}-{self.number}"

    @property
    def file(self) -> str | None:
        """The name of the file that it is, if it is one."""
        found = FILE.match(self.text)
        return found[1] if found and self.language == "python" else None

    def commands(self) -> list[list[str]]:
        """The words of each command, without comments; those of the environment too."""
        if self.language != "bash":
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def read_blocks() -> list[Block]:
    """All code blocks, in order."""
    return [
        Block(path.relative_to(ROOT).as_posix(), number, language, text)
        for path in DOCUMENTS
        for number, (_, language, text) in enumerate(BLOCK.findall(path.read_text("utf-8")))
    ]


def script(name: str) -> str:
    """The text of the script that a document shows under a name."""
    (found,) = {block.text for block in read_blocks() if block.file == name}
    return found


def without_environment(words: list[str]) -> list[str]:
    """A command without the variables that are set before it."""
    return list(itertools.dropwhile(lambda word: "=" in word, words))


def excuse(words: list[str]) -> str | None:
    """The entry of `NOT_RUN` that a command is excused by."""
    command = " ".join(without_environment(words))
    return next((start for start in NOT_RUN if command.startswith(start)), None)


def shortened(words: list[str]) -> list[str]:
    """A command as it is run, without the program's name."""
    command = " ".join(without_environment(words))
    added = [word for start, more in SHORTER.items() if command.startswith(start) for word in more]
    own = itertools.takewhile(lambda word: word != ">", without_environment(words)[1:])
    return [*own, *added]


def shape(line: str) -> re.Pattern[str]:
    """What a shown line has in common with one that was printed: all but numbers and verdicts."""
    words = [r"\S+" if VARIES.search(word) else re.escape(word) for word in line.split()]
    return re.compile(r"\s+".join(words))
