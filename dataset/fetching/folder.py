"""What lies in a catalogue's raw folder, and whether it belongs there."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from transferz.dataset.sources.registry import ByHand, Edition, UpstreamFile
from transferz.schemas import InputError

DATA_ENDINGS = (".csv", ".csv.gz", ".fits", ".fits.gz", ".parquet", ".hdf5", ".h5")


def data_files(raw: Path) -> list[str]:
    """Return the names of the data files in a folder, in order."""
    if not raw.is_dir():
        return []
    return sorted(
        path.name
        for path in raw.iterdir()
        if path.name.endswith(DATA_ENDINGS) and not path.name.startswith(".") and path.is_file()
    )


def find_by_hand(raw: Path, edition: Edition, by_hand: ByHand) -> Path:
    """Return the one data file that a person has put in place.

    Parameters
    ----------
    raw : Path
        The catalogue's folder.
    edition, by_hand
        What it is to hold.

    Raises
    ------
    InputError
        If there is none, saying how to get it, or if there are several.
    """
    found = [name for name in data_files(raw) if name.endswith(by_hand.formats)]
    if not found:
        with contextlib.suppress(OSError):
            raw.mkdir(parents=True, exist_ok=True)  # for the person to put the file in
        raise InputError(_instructions(raw, edition, by_hand))
    return raw / _only(raw, found)


def _instructions(raw: Path, edition: Edition, by_hand: ByHand) -> str:
    query = f" The query is {by_hand.query_path}" if by_hand.query else ""
    return (
        f"{raw} holds no file with {edition.title}, which only you can get: at {by_hand.site} "
        f"{by_hand.how}.{query and query + '.'} Then put the result, under any name that ends in "
        f"{', '.join(by_hand.formats)}, into {raw} and run again"
    )


def find_present(raw: Path, edition: Edition) -> list[str]:
    """Return, for each file of an edition, the name of the copy in the folder; empty where none is.

    Raises
    ------
    InputError
        If data files lie there that are not the edition's, or one lies there twice.
    """
    there = data_files(raw)
    _refuse_strangers(raw, there, edition)
    return [_present(raw, there, file) for file in edition.files]


def _refuse_strangers(raw: Path, there: Iterable[str], edition: Edition) -> None:
    """A file of another edition must not be read in place of, or beside, this one's."""
    strange = [name for name in there if not any(file.fits(name) for file in edition.files)]
    if strange:
        raise InputError(
            f"{raw} holds {', '.join(strange)}, which is no file of {edition.title}; move it "
            f"elsewhere, or choose its edition in params.yaml (fetch.{edition.catalogue}; "
            "transferz sources lists them)"
        )


def _present(raw: Path, there: Iterable[str], file: UpstreamFile) -> str:
    found = [name for name in there if file.fits(name)]
    return _only(raw, found) if found else ""


def _only(raw: Path, found: list[str]) -> str:
    if len(found) > 1:
        raise InputError(f"{raw}: expected one file, found {', '.join(found)}; keep one there")
    return found[0]
