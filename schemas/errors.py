"""The exceptions that transferz raises on purpose."""

import re
from collections.abc import Iterable

_CREDENTIALS = re.compile(r"(?<=//)[^/\s]*@")


def without_credentials(text: str) -> str:
    """Return a text without user names and passwords in the addresses that it names.

    Examples
    --------
    >>> without_credentials("no answer from https://me:secret@example.org/a.csv")
    'no answer from https://example.org/a.csv'
    """
    return _CREDENTIALS.sub("", text)


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Ask whether the nearest of some known names is meant; without a near one, say `otherwise`.

    Examples
    --------
    >>> did_you_mean("n_neighbour", ["n_jobs", "n_neighbours"], "there are others")
    "did you mean 'n_neighbours'?"
    """
    from difflib import get_close_matches  # only where something is wrong

    near = get_close_matches(name, list(known), 1)
    return f"did you mean '{near[0]}'?" if near else otherwise


class TransferZError(Exception):
    """Base of every error that transferz raises on purpose.

    Its text is one sentence or two for the user: which file, column or parameter, what was
    expected, what was found, and what to do about it. It never repeats a password of an address.

    Parameters
    ----------
    text : str
        What is wrong, for who called from Python.
    **options : str
        What a parameter that the text names, such as ``path=``, is called on the command line;
        with a blank at the end where the text gives a value, as in ``device=cpu``.

    Examples
    --------
    >>> error = InputError("a.fits exists; allow it with overwrite=True", overwrite="--replace")
    >>> str(error), error.on_command_line()
    ('a.fits exists; allow it with overwrite=True', 'a.fits exists; allow it with --replace')
    """

    def __init__(self, text: str = "", **options: str) -> None:
        super().__init__(text)
        self.options = options

    def __str__(self) -> str:
        return without_credentials(super().__str__())

    def on_command_line(self) -> str:
        """Return the text as the command line says it: by its options.

        A list of values is put into quotes, since a shell would take the brackets for a pattern.
        """
        text = str(self)
        for name, option in self.options.items():
            before, blank, last = option.rpartition(" ")
            quoted = rf"{before}{blank}'{last}\1'"
            text = re.sub(rf"(?<!\S){name}=(\[[^\]]*\])", quoted, text)
            text = re.sub(rf"(?<!\S){name}=(True\b)?", option, text)
        return text


class InputError(TransferZError):
    """A file that is missing, unreadable or not what it claims to be."""


class SchemaError(TransferZError):
    """A table that breaks its declaration in `transferz.schemas`."""


class ParameterError(TransferZError):
    """A parameter that is unknown, missing or out of its range."""


class ReleaseError(TransferZError):
    """A dataset release that is absent, damaged or not the one asked for."""
