"""Commands that hand a release on: to the Hub, to Zenodo."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

PUBLISH = """\
Verify a release and publish it as the next version in a dataset repository on the Hugging Face
Hub: one commit, its checksums read back, then an annotated tag, v<version>. Safe to repeat after it
broke off. The login is that of `hf auth login`, or the environment variable HF_TOKEN.
"""

DEPOSIT = """\
Verify a release and write a folder ready to be uploaded to Zenodo: the release as one archive, its
pages beside it, checksums, and metadata that follow the DataCite schema (datacite.json).
"""


def publish(argv: Sequence[str]) -> int:
    """Publish a release to the Hub."""
    parser = argparse.ArgumentParser(prog="transferz publish", description=PUBLISH)
    parser.add_argument(
        "--repo",
        required=True,
        metavar="ORG/NAME",
        help="the dataset repository; created if it is not there. A mock's name says mock",
    )
    _add_path(parser)
    parser.add_argument(
        "--endpoint", metavar="URL", help="the Hub (default: HF_ENDPOINT, or huggingface.co)"
    )
    parser.add_argument(
        "--private", action="store_true", help="make a repository that is created private"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, change nothing there"
    )
    arguments = parser.parse_args(argv)
    _set_up_client(arguments.endpoint)

    from transferz.dataset.publish.publishing import publish as publish_release

    publish_release(
        _release(arguments.path),
        arguments.repo,
        private=arguments.private,
        dry_run=arguments.dry_run,
        say=_say,
    )
    return 0


def deposit(argv: Sequence[str]) -> int:
    """Write a folder for Zenodo."""
    parser = argparse.ArgumentParser(prog="transferz deposit", description=DEPOSIT)
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="the folder to write; an older deposit is replaced"
    )
    _add_path(parser)
    arguments = parser.parse_args(argv)

    from transferz.dataset.publish.deposit import deposit as write_deposit

    write_deposit(_release(arguments.path), arguments.out)
    files = sorted(arguments.out.iterdir())
    _say(f"{arguments.out}: {len(files)} files, ready to be uploaded to Zenodo")
    for file in files:
        _say(f"{file.stat().st_size:>14,} bytes  {file.name}")
    return 0


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--path", type=Path, metavar="DIR", help="a release directory (default: the one found)"
    )


def _release(path: Path | None) -> Path:
    from transferz.releases import find_release

    return find_release(path).path


def _set_up_client(endpoint: str | None) -> None:
    """Tell the Hub's client where the Hub is and how to upload, and whether anyone watches."""
    from transferz.tables.hub_client import prepare

    prepare(endpoint)  # before the import below, at which the client reads its environment

    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty() and constants.HF_HUB_DISABLE_PROGRESS_BARS is None:
        disable_progress_bars()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
