"""The `transferz` command: one module per family of commands, imported when it is called."""

import contextlib
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from transferz.schemas.checkout import require_own_code
from transferz.schemas.errors import TransferZError, did_you_mean
from transferz.tables.printing import printable_lines


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the module of this package that has it, what it does, an example, an extra, parts.

    The module's function of the command's name (``check_leak`` for ``check-leak``) takes the
    arguments after that and returns an exit status. It raises a TransferZError where the input is
    not what it should be; nothing is written then. `extra` is what it needs installed, `parts` are
    words that may follow it, as in ``leaderboard add``.
    """

    module: str
    summary: str
    example: str
    extra: str = ""
    parts: tuple[str, ...] = ()


TASKS = {
    "Use a release": {
        "info": Command(
            "release", "show which release is in use and what it holds", "--html page.html", "score"
        ),
        "export": Command(
            "release",
            "write rows as FITS, VOTable, ECSV, HDF5 or HATS, with units",
            "transferz.fits",
            "astropy",
        ),
        "verify": Command("verify", "check a release's integrity and its promises", "", "score"),
        "diff": Command(
            "verify", "show what changed between two versions of a release", "OLD NEW", "score"
        ),
        "compare": Command(
            "verify",
            "explain how two releases' labels and photometry differ",
            "OURS THEIRS",
            "score",
        ),
    },
    "Train and score photo-z methods": {
        "benchmark": Command(
            "benchmark",
            "train any method with several seeds and score it, with error bars",
            "mymethod:Boosted --out run",
            "bench",
        ),
        "score": Command(
            "score",
            "score forecasts that you have already",
            "forecasts.csv --id object_id",
            "score",
        ),
        "leaderboard": Command(
            "leaderboard",
            "show which methods are better and which can't be told apart",
            "--html board.html",
            "score",
            ("add", "compare", "overall"),
        ),
        "report": Command(
            "leaderboard",
            "write a page about a run: scores, figures, worst galaxies",
            "run",
            "score",
        ),
        "train": Command(
            "train",
            "train the paper's networks, all seeds at once",
            "nn_combo --out model",
            "bench",
        ),
        "predict": Command(
            "predict",
            "forecast the redshifts of a table with a trained model",
            "--model model TABLE.parquet --out OUT.parquet",
            "bench",
        ),
        "distill": Command(
            "predict",
            "turn a model of many seeds into one network, for large catalogues",
            "--model model TABLE.parquet --out student",
            "bench",
        ),
        "task": Command(
            "release",
            "make a harder task of a release: faint galaxies, few labels and others",
            "faint --out faint",
            "build",
        ),
        "check-leak": Command(
            "leaks", "look for a release's test galaxies in a training table", "TABLE.csv", "score"
        ),
    },
    "Work with photometry": {
        "magnitudes": Command(
            "photometry",
            "turn a table's fluxes into AB magnitudes",
            "TABLE.fits --unit ujy --out OUT.fits",
            "build",
        ),
        "fit-templates": Command(
            "photometry", "fit templates to real photometry and score them", "TABLE.csv", "build"
        ),
    },
    "Build and publish releases": {
        "survey": Command("survey", "list, add and check surveys", "list", "build"),
        "sources": Command(
            "sources",
            "show where upstream files come from; check them",
            "check",
            "build",
            ("check",),
        ),
        "specz": Command(
            "specz",
            "join published redshift catalogues on one quality scale",
            "*.parquet --out specz.parquet",
            "build",
        ),
        "publish": Command(
            "release",
            "put a release on the Hugging Face Hub",
            "--repo ORG/transferz-mock --dry-run",
            "build",
        ),
        "deposit": Command("release", "make a folder ready for Zenodo", "zenodo", "build"),
    },
    "Set up your shell": {
        "completion": Command(
            "completion", "print what completes commands and options in a shell", "bash"
        ),
    },
}
"""Commands by what a user wants to do."""

COMMANDS = {name: command for task in TASKS.values() for name, command in task.items()}

USER_ERROR = 2
BUG = 70  # sysexits' EX_SOFTWARE; not 1, which says "broken" in `verify`, "leak" in `check-leak`
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
NO_READER = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run a `transferz` command, by default that of the process's own arguments.

    The exit status is the command's, or 2 where the user can mend what went wrong, which is said in
    one line on stderr; so is a disk that is full or can't be read, and a standard output that takes
    nothing. It is 70 after an error of our own.
    """
    if not _open_streams():
        return _fail("standard output is closed; send it to a file, or to /dev/null")
    try:
        try:
            return _run(*((sys.argv[1:] if argv is None else argv) or ["--help"]))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        _drop_output()
        return NO_READER
    except OSError as error:
        from transferz.tables.files import sentence

        if error.filename is None:
            _drop_output()  # it is what is full
        return _fail(sentence(error, "standard output"))
    except KeyboardInterrupt:
        after_sign = "\n" if sys.stderr.isatty() else ""  # the terminal has written ^C
        sys.stderr.write(f"{after_sign}transferz: interrupted\n")
        return INTERRUPTED
    except MemoryError:
        return _fail("there is not enough memory for this; free some, or take a larger machine")
    except Exception:  # whatever it is, its status must not be 1
        if argv is not None:
            raise  # to who called from Python
        traceback.print_exc()
        return BUG


def _open_streams() -> bool:
    """Say whether there is a standard output; another stream that was closed now goes nowhere.

    Else the next file that is opened would be in its place, and get what is meant for it.
    """
    if None in (sys.stdin, sys.stderr):
        while (file := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(file)
        sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path need not be UTF-8, a terminal neither
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout is not None


def _drop_output() -> None:
    """Send what is still to be printed nowhere, so that Python does not fail at it when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _run(name: str, *rest: str) -> int:
    if name in ("-h", "--help", "help"):
        if rest and rest[0] in COMMANDS:
            return _run(*rest, "--help")
        sys.stdout.write(_help())
        return 0
    if name in ("-V", "--version"):
        import transferz

        sys.stdout.write(f"transferz {transferz.__version__}\n")
        return 0
    if name not in COMMANDS:
        meant = did_you_mean(name, COMMANDS, f"there are: {', '.join(COMMANDS)}")
        return _fail(f"no command '{name}'; {meant} (transferz --help)")
    command = COMMANDS[name]
    try:
        require_own_code()
        module = importlib.import_module(f"{__name__}.{command.module}")
        status: int = getattr(module, name.replace("-", "_"))(rest)
        return status
    except TransferZError as error:
        return _fail(error.on_command_line())
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if not command.extra or package == "transferz":
            raise
        return _fail(
            f"transferz {name} needs the package '{package}': "
            f"pip install 'transferz[{command.extra}]'"
        )


def _fail(message: str) -> int:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"transferz: {printable_lines(message)}\n")
    return USER_ERROR


def _help() -> str:
    width = max(map(len, COMMANDS))
    text = (
        "usage: transferz COMMAND ...\n\n"
        "Galaxies with redshifts and photometry, as versioned, leak-free releases.\n"
    )
    for task, commands in TASKS.items():
        text += f"\n{task}:\n"
        for name, command in commands.items():
            text += f"  {name:<{width}}  {command.summary}\n"
            text += f"  {'':<{width}}    transferz {name} {command.example}".rstrip() + "\n"
    return text + (
        "\noptions:\n"
        "  -h, --help     this text; 'transferz COMMAND --help' for a command's own\n"
        "  -V, --version  the version of this package\n\n"
        "exit status: 0 done; 1 the answer is no (verify, diff, check-leak, survey check, sources "
        "check);\n2 something to mend, or that can't be checked here; 3 check-leak can't tell; "
        "70 an error of\nours; 130 interrupted; 141 nobody reads the output any more\n"
    )
