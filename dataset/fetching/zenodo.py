"""What a Zenodo record holds, as its API lists it."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

from transferz.dataset.fetching.download import Expected
from transferz.dataset.fetching.transport import Refused, Web
from transferz.dataset.sources.registry import UpstreamFile, record_url
from transferz.schemas import InputError

Listing = Mapping[str, Mapping[str, object]]
"""The files of a record by name, each as the API describes it."""

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


def list_record(record: int, web: Web) -> Listing:
    """Return the files of a record by name, their descriptions as yet unchecked.

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
        return {str(file["key"]): file for file in content["files"]}
    except (KeyError, TypeError) as error:
        raise Refused(f"{url}: the answer is no list of files ({error!r})") from error


def describe(listing: Listing, name: str) -> Listed:
    """Return address, size and hash of a listed file.

    Only files that are wanted are checked: whatever else a record holds is no concern of ours.

    Raises
    ------
    Refused
        If the description is not of the API's form, or the name would not be that of a visible file
        in the catalogue's folder.
    """
    if "/" in name or name.startswith("."):
        raise Refused(f"the record's file name {name!r} is not one for a file here")
    try:
        return _listed(listing[name])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"the record does not describe {name} as expected ({error!r})") from error


def _listed(file: Mapping[str, object]) -> Listed:
    links, size = file["links"], file["size"]
    kind, _, value = str(file["checksum"]).partition(":")
    if kind not in ("md5", "sha256") or not isinstance(size, int) or not isinstance(links, Mapping):
        raise ValueError(f"checksum {file['checksum']}, size {size}")
    hashes = {kind: value.lower()}
    return Listed(str(links["self"]), Expected(size, hashes.get("md5"), hashes.get("sha256")))


def pick(listing: Listing, file: UpstreamFile, record: int) -> str:
    """Return the listed name that is the file's, or matches it as a glob.

    Raises
    ------
    InputError
        If none matches, or several of which not just one is preferred.
    """
    found = [file.name] if file.name in listing else sorted(fnmatch.filter(listing, file.name))
    found = fnmatch.filter(found, file.prefer) or found
    if len(found) != 1:
        raise InputError(
            f"{record_url(record)}: expected one file {file.name}, found "
            f"{', '.join(found) or 'none'} among {', '.join(sorted(listing)) or 'no files'}; "
            "correct the name in dataset/sources/registry.yaml"
        )
    return found[0]
