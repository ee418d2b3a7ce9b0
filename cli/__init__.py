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
from transferz.schemas.errors import TransferZError
from transferz.tables.printing import printable_lines


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the module of this package that has it, a line for the help, an extra to install.

    The module's function of the command's name (``check_leak`` for ``check-leak``) takes the
    arguments after that and returns an exit status. It raises a TransferZError where the input is
    not what it should be; nothing is written then.
    """

    module: str
    summary: str
    extra: str = ""


COMMANDS = {
    "info": Command("release", "what the release in use is and holds"),
    "compare": Command(
        "verify", "two releases: rows in one only and what removed them, labels, magnitudes"
    ),
    "verify": Command("verify", "whether a release is whole and keeps every promise", "build"),
    "diff": Command(
        "verify",
        "two versions of a release: rows added, removed, moved, changed; columns changed",
        "build",
    ),
    "publish": Command(
        "release",
        "verify a release and put it on the Hugging Face Hub, tagged with its version",
        "build",
    ),
    "deposit": Command(
        "release", "a folder ready for Zenodo: files, checksums, DataCite metadata", "build"
    ),
    "export": Command(
        "release",
        "a config as VOTable, FITS, ECSV or HATS, with units, for TOPCAT, LSDB and others",
        "astropy",
    ),
    "train": Command(
        "train",
        "train networks, all seeds at once, on a release or a table of your own; score them",
        "bench",
    ),
    "predict": Command(
        "predict", "redshifts of any table with the bands, by a trained model", "bench"
    ),
    "benchmark": Command(
        "benchmark", "any photo-z method: trained, scored with error bars, recorded", "bench"
    ),
    "score": Command(
        "score", "forecasts in a table or a qp file: scored with error bars, and drawn", "bench"
    ),
    "leaderboard": Command(
        "leaderboard", "benchmarked methods: which are better, which can't be told apart", "bench"
    ),
    "check-leak": Command(
        "leaks", "whether a training table holds a release's test galaxies", "bench"
    ),
    "fit-templates": Command(
        "photometry",
        "template-fit redshifts of real photometry, scored against spectroscopic ones",
        "build",
    ),
    "magnitudes": Command(
        "photometry",
        "AB magnitudes of a table's fluxes, and counts of the negative and missing ones",
        "build",
    ),
    "survey": Command(
        "survey",
        "surveys as configuration: list them, add one, check one against its files",
        "build",
    ),
    "sources": Command(
        "sources",
        "where upstream files come from, on what terms; `check`: can they be had",
        "build",
    ),
    "specz": Command(
        "specz",
        "published redshift catalogues on one scale, the best redshift of each object",
        "build",
    ),
}

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
        sys.stderr.write("\n")
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
    if name in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0
    if name == "--version":
        import transferz

        sys.stdout.write(f"transferz {transferz.__version__}\n")
        return 0
    if name not in COMMANDS:
        return _fail(f"no command '{name}'; there are: {', '.join(COMMANDS)} (transferz --help)")
    command = COMMANDS[name]
    try:
        require_own_code()
        module = importlib.import_module(f"{__name__}.{command.module}")
        status: int = getattr(module, name.replace("-", "_"))(rest)
        return status
    except TransferZError as error:
        return _fail(str(error))
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
    lines = (f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items())
    return (
        "usage: transferz COMMAND ...\n\n"
        "Galaxies with redshifts and HSC photometry, as versioned, leak-free releases.\n\n"
        "commands:\n" + "\n".join(lines) + "\n\n"
        "options:\n"
        "  --help     this text; 'transferz COMMAND --help' for a command's own\n"
        "  --version  the version of this package\n"
    )
