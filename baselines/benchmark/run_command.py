"""How the modules that are commands too end: with an exit status, errors explained in one line."""

import sys
from collections.abc import Callable
from typing import NoReturn

from transferz.schemas.errors import TransferZError

USER_ERROR = 2


def run_command(main: Callable[[], int]) -> NoReturn:
    """Run a command of ``python -m`` and exit.

    Parameters
    ----------
    main : callable
        Returns the exit status. Where it raises what a user can mend, that is 2, and stderr has
        the reason in one line.
    """
    try:
        sys.exit(main())
    except TransferZError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(USER_ERROR)
