"""Kill this process and its group at a given step: put on the path as ``sitecustomize``.

The step is named in the environment as ``KILLED_AT=word|event|path``: see
`conftest.Workspace.run_killed`. So a kill comes in the middle of the work on any machine, however
fast or busy.
"""

import os
import signal
import sys
from pathlib import Path

WORD, EVENT, PATH = os.environ["KILLED_AT"].split("|")


def kill_there(event, arguments):
    """End everything if this is the step."""
    if event != EVENT or PATH not in str(arguments[0]):
        return
    if event == "open":
        if not set("wax+") & set(str(arguments[1])):
            return  # it is read
        file = Path(arguments[0])
        if file.exists():
            os.truncate(file, file.stat().st_size // 2)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if WORD in sys.orig_argv:
    sys.addaudithook(kill_there)
