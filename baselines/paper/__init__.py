"""The paper's figures and tables, drawn from entries; its modules are commands of ``python -m``."""

import sys
from collections.abc import Callable
from typing import NoReturn

from transferz.schemas.checkout import require_own_code
from transferz.schemas.errors import TransferZError
from transferz.tables.files import sentence

USER_ERROR = 2


def run_command(main: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; an error of ours is a line on stderr and 2."""
    try:
        require_own_code()
        sys.exit(main())
    except (TransferZError, OSError) as error:
        said = sentence(error) if isinstance(error, OSError) else error
        sys.stderr.write(f"error: {said}\n")
        sys.exit(USER_ERROR)
