"""`transferz` commands in processes of their own, forked from one that has imported what they need.

Importing takes longer than most of what the tests do with the Hub. Each command still has a process
to itself, which can be killed. Endpoint and caches are those of `client_environment`.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """How a command ended: 0 and up, or minus the signal; what it said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Running:
    """A command that runs."""

    client: "HubClient"
    pid: int
    said: Path

    def kill(self) -> None:
        """Kill it, at once and for good."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Done:
        """Wait for its end."""
        status = self.client.ask({"wait": self.pid})
        stdout, stderr = (self.said.with_suffix(one).read_text() for one in (".out", ".err"))
        return Done(status, stdout, stderr)


class HubClient:
    """Starts commands while the ``with`` block lasts.

    Parameters
    ----------
    environment : dict of str to str
        As `client_environment` makes it.
    folder : Path
        What the commands print is kept there, and they run there.
    """

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.folder, self.count = folder, 0
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, what: dict[str, object]) -> int:
        self._server.stdin.write(json.dumps(what) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def start(self, *argv: object, **environment: str) -> Running:
        """Start ``transferz <argv>``, with some variables of its environment changed."""
        self.count += 1
        said = self.folder / f"said-{self.count}"
        job = {"argv": list(map(str, argv)), "said": str(said), "environment": environment}
        return Running(self, self.ask(job), said)

    def run(self, *argv: object, **environment: str) -> Done:
        """Run ``transferz <argv>`` to its end."""
        return self.start(*argv, **environment).wait()

    def __enter__(self) -> "HubClient":
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


def serve() -> None:
    """Fork a process for every job on stdin, and tell its number; wait for one, and tell how."""
    warm_up()
    for line in sys.stdin:
        job = json.loads(line)
        if "wait" in job:
            answer = os.waitstatus_to_exitcode(os.waitpid(job["wait"], 0)[1])
        elif not (answer := os.fork()):
            run(job)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def warm_up() -> None:
    """Import what the commands need, also what is imported by the first check of a table."""
    import pyarrow as pa

    import transferz.cli
    import transferz.dataset.publish.publishing
    import transferz.tables.hub  # noqa: F401
    from transferz.schemas import INDEX
    from transferz.schemas.survey.frames import arrow_schema, check, to_frame

    check(to_frame(pa.Table.from_batches([], arrow_schema(INDEX)), INDEX), INDEX)


def run(job: dict) -> None:
    """Be the command."""
    from transferz.cli import main

    os.close(0)
    for number, suffix in ((1, ".out"), (2, ".err")):
        kept = os.open(job["said"] + suffix, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(kept, number)
    os.environ.update(job["environment"])
    status = 1
    try:
        status = main(job["argv"])
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
