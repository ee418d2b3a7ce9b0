"""The `transferz` command: one module per family of commands, imported when it is called."""

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from transferz.schemas.checkout import require_own_code
from transferz.schemas.errors import TransferZError


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
        "a config as VOTable, FITS or ECSV, with units, for TOPCAT and its like",
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
    "sources": Command(
        "sources",
        "where the upstream files come from, on what terms, and what is read of them",
        "build",
    ),
}

USER_ERROR = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a `transferz` command, by default that of the process's own arguments.

    The exit status is the command's, or 2 where the user can mend what went wrong, which is said in
    one line on stderr.
    """
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0
    if name == "--version":
        import transferz

        sys.stdout.write(f"transferz {transferz.__version__}\n")
        return 0
    if name not in COMMANDS:
        return _fail(f"no command '{name}'; there are: {', '.join(COMMANDS)} (transferz --help)")
    return _run(name, rest)


def _run(name: str, argv: Sequence[str]) -> int:
    command = COMMANDS[name]
    try:
        require_own_code()
        module = importlib.import_module(f"{__name__}.{command.module}")
        status: int = getattr(module, name.replace("-", "_"))(argv)
        sys.stdout.flush()
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
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"transferz: {message}\n")
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
