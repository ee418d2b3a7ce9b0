"""What a Zenodo record holds, as its API lists it."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

from transferz.dataset.fetching.download import Expected
from transferz.dataset.fetching.transport import Refused, Web
from transferz.dataset.sources.registry import record_url
from transferz.schemas import InputError

API = "https://zenodo.org/api/records/{}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a record.

    Attributes
    ----------
    url : str
        Where to download it.
    expected : Expected
        Its size and md5.
    """

    url: str
    expected: Expected


def list_record(record: int, web: Web) -> dict[str, Listed]:
    """Return the files of a record by name.

    Parameters
    ----------
    record : int
        Its number.
    web : Web
        Asks the server.

    Raises
    ------
    Refused
        If the record can't be had.
    """
    url = API.format(record)
    content = web.json(url)
    try:
        return {file["key"]: _listed(file) for file in content["files"]}
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"{url}: the answer is no list of files ({error!r})") from error


def _listed(file: Mapping[str, object]) -> Listed:
    links, size, name = file["links"], file["size"], str(file["key"])
    kind, _, value = str(file["checksum"]).partition(":")
    if kind not in ("md5", "sha256") or not isinstance(size, int) or not isinstance(links, Mapping):
        raise ValueError(f"checksum {file['checksum']}, size {size}")
    if "/" in name or name.startswith("."):  # it is to be a file in the catalogue's folder
        raise ValueError(f"file name {name}")
    hashes = {kind: value.lower()}
    return Listed(str(links["self"]), Expected(size, hashes.get("md5"), hashes.get("sha256")))


def pick(listing: Mapping[str, Listed], name: str, record: int) -> str:
    """Return the one listed name that is `name`, or matches it as a glob.

    Raises
    ------
    InputError
        If none or several match.
    """
    found = [name] if name in listing else sorted(fnmatch.filter(listing, name))
    if len(found) != 1:
        raise InputError(
            f"{record_url(record)}: expected one file {name}, found "
            f"{', '.join(found) or 'none'} among {', '.join(sorted(listing)) or 'no files'}; "
            "correct the name in dataset/sources/registry.yaml"
        )
    return found[0]
