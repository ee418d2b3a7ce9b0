"""Hashes of upstream files, recorded when a file is first fetched; later ones must match."""

import json
from pathlib import Path
from typing import Any

from transferz.dataset.fetching.download import Expected
from transferz.dataset.fetching.partial import Digest
from transferz.schemas import InputError
from transferz.tables.files import read_json, replace_file

HASHES = "hashes.json"


class Recorded:
    """The recorded hashes of one edition, in ``surveys/<survey>/hashes.json``.

    Parameters
    ----------
    survey : str
        Name of the survey.
    edition : str
        Key of the edition.

    Attributes
    ----------
    path : Path
        The file, relative to the working directory; it is meant to be committed.
    """

    def __init__(self, survey: str, edition: str) -> None:
        self.path = Path("surveys") / survey / HASHES
        self.edition = edition

    def _entries(self) -> dict[str, Any]:
        content = read_json(self.path) if self.path.is_file() else {}
        if not all(isinstance(entries, dict) for entries in content.values()):
            raise InputError(
                f"{self.path}: expected files by edition, found something else; "
                "restore it from git, or delete it to record the hashes anew"
            )
        return content

    def names(self) -> list[str]:
        """Return the names under which hashes are recorded."""
        return sorted(self._entries().get(self.edition, {}))

    def expected(self, name: str) -> Expected:
        """Return what is recorded of a file.

        Raises
        ------
        InputError
            If the entry is damaged.
        """
        entry = self._entries().get(self.edition, {}).get(name, {})
        try:
            return Expected(bytes=entry.get("bytes"), sha256=entry.get("sha256"))
        except AttributeError:
            raise InputError(
                f"{self.path}: expected bytes and sha256 of '{self.edition}' '{name}', found "
                f"{entry!r}; restore it from git, or delete the entry"
            ) from None

    def must_be(self, name: str, stated: Expected) -> Expected:
        """Return all that is known of a file: what is recorded, and what its source states.

        Parameters
        ----------
        name : str
            The file's.
        stated : Expected
            What its source states; of size and sha256 it counts only where none is recorded.
        """
        before = self.expected(name)
        return Expected(
            bytes=stated.bytes if before.bytes is None else before.bytes,
            md5=stated.md5,
            sha256=before.sha256 or stated.sha256,
        )

    def record(self, name: str, digest: Digest) -> None:
        """Note the hash of a file that has none yet; the file of hashes is replaced whole."""
        content = self._entries()
        if name in content.get(self.edition, {}):
            return
        content.setdefault(self.edition, {})[name] = {
            "bytes": digest.bytes,
            "sha256": digest.sha256,
        }
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
        with replace_file(self.path) as beside:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(f"{text}\n", encoding="utf-8")

    def remedy(self, name: str) -> str:
        """Return what to do to accept a file that differs from what is recorded."""
        return (
            f"to accept this one from now on, delete the entry '{name}' under '{self.edition}' "
            f"in {self.path}"
        )
