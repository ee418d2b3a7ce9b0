"""A dataset repository on the Hugging Face Hub, as publishing sees it.

Endpoint and login are those of `huggingface_hub`: ``HF_ENDPOINT``, and ``hf auth login`` or
``HF_TOKEN``.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    constants,
    errors,
    get_token,
)
from huggingface_hub.hf_api import RepoFile

from transferz.dataset.publish.hub_errors import talking
from transferz.dataset.publish.hub_settings import require_endpoint, require_token
from transferz.schemas.errors import ReleaseError
from transferz.schemas.survey.files import MANIFEST_FILE, RELEASE_NAME
from transferz.schemas.survey.versions import Version

KEPT = (".gitattributes",)
"""The Hub's own files, which are no part of a release."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """A file's content by its hashes.

    Attributes
    ----------
    size : int
        Bytes.
    sha256 : str
        Empty where the Hub keeps the file in git itself and so does not know it.
    blob : str
        git's id (sha1) of the content; of a large file on the Hub that of its pointer.
    """

    size: int
    sha256: str
    blob: str

    @classmethod
    def of(cls, path: Path) -> "Content":
        """Hash a file."""
        size = path.stat().st_size
        sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                sha256.update(data)
                blob.update(data)
        return cls(size, sha256.hexdigest(), blob.hexdigest())

    def is_at(self, there: "Content | None") -> bool:
        """Whether what the Hub holds is this content."""
        if there is None or there.size != self.size:
            return False
        return there.sha256 == self.sha256 if there.sha256 else there.blob == self.blob


@dataclass(frozen=True, slots=True)
class State:
    """What a repository holds.

    Attributes
    ----------
    head : str
        The newest commit of its main branch.
    private : bool
        Whether only its owners can read it.
    files : mapping
        path -> `Content`, on the main branch.
    versions : tuple of Version
        Those that have a tag, ascending.
    listed : frozenset of str or None
        The files that the manifest on the main branch lists, with itself; None where there is no
        manifest of ours.
    """

    head: str
    private: bool
    files: Mapping[str, Content]
    versions: tuple[Version, ...]
    listed: frozenset[str] | None = None


class Repository:
    """A dataset repository; its methods raise `ReleaseError` where the Hub says no.

    Parameters
    ----------
    name : str
        ``org/name``.

    Raises
    ------
    ParameterError
        If the Hub's address is none that may be shown in messages.
    """

    def __init__(self, name: str) -> None:
        require_endpoint(constants.ENDPOINT)
        self.name = name
        self._api = HfApi()

    @property
    def url(self) -> str:
        """Its page."""
        return f"{constants.ENDPOINT}/datasets/{self.name}"

    def require_login(self) -> None:
        """Check that there is a token to write with."""
        with talking(self.name):
            token = get_token()
        if token is None:
            raise ReleaseError(
                "not logged in to the Hub: run `hf auth login`, or set HF_TOKEN to a token "
                f"that may write to {self.name}"
            )
        require_token(token, "the login's token (`hf auth login`, or HF_TOKEN)")

    def state(self) -> State | None:
        """Read what it holds; None where there is no such repository, or none one may see.

        Raises
        ------
        Unreachable
            If the Hub does not answer.
        """
        with talking(self.name):
            try:
                info = self._api.dataset_info(self.name)
            except errors.RepositoryNotFoundError:
                return None
            head = str(info.sha)
            files = self._tree(head)
            listed = self._listed(head) if MANIFEST_FILE in files else None
            return State(head, bool(info.private), files, self._versions(), listed)

    def files_of(self, revision: str) -> Mapping[str, Content]:
        """List the files of a commit or tag: path -> `Content`."""
        with talking(self.name):
            return self._tree(revision)

    def create(self, *, private: bool) -> None:
        """Create it; it may be there already."""
        with talking(self.name, writing=True):
            self._api.create_repo(self.name, repo_type="dataset", private=private, exist_ok=True)

    def commit(
        self, additions: Mapping[str, Path], deletions: Sequence[str], message: str, parent: str
    ) -> str:
        """Upload files and record them, with deletions, in one commit.

        Parameters
        ----------
        additions : mapping
            path in the repository -> file. Large files that the Hub has are not sent again.
        deletions : sequence of str
            Paths in the repository.
        message : str
            Of the commit.
        parent : str
            The commit that this one is to follow; where another has followed it meanwhile,
            nothing is committed.

        Returns
        -------
        str
            The new commit.
        """
        with talking(self.name, writing=True):
            done = self._api.create_commit(
                self.name,
                [
                    *(CommitOperationAdd(name, path) for name, path in additions.items()),
                    *(CommitOperationDelete(name) for name in deletions),
                ],
                commit_message=message,
                repo_type="dataset",
                parent_commit=parent,
            )
        return str(done.oid)

    def tag(self, version: Version, commit: str, message: str) -> None:
        """Tag a commit with a version, and check that it has the tag."""
        with talking(self.name, writing=True):
            self._api.create_tag(
                self.name,
                tag=version.tag,
                tag_message=message,
                revision=commit,
                repo_type="dataset",
                exist_ok=True,
            )
            found = str(self._api.dataset_info(self.name, revision=version.tag).sha)
        if found != commit:
            raise ReleaseError(
                f"{self.name}: someone else tagged {version.tag} meanwhile, commit {found[:7]} and "
                f"not {commit[:7]}; run again to compare with it"
            )

    def _listed(self, revision: str) -> frozenset[str] | None:
        with tempfile.TemporaryDirectory() as folder:
            path = self._api.hf_hub_download(
                self.name,
                MANIFEST_FILE,
                repo_type="dataset",
                revision=revision,
                local_dir=folder,
            )
            return listed_in(Path(path).read_bytes())

    def _versions(self) -> tuple[Version, ...]:
        tags = self._api.list_repo_refs(self.name, repo_type="dataset").tags
        return tuple(sorted(one for tag in tags if (one := Version.of_tag(tag.name))))

    def _tree(self, revision: str) -> dict[str, Content]:
        entries = self._api.list_repo_tree(
            self.name, recursive=True, revision=revision, repo_type="dataset"
        )
        return {
            one.path: Content(one.size, one.lfs.sha256 if one.lfs else "", one.blob_id)
            for one in entries
            if isinstance(one, RepoFile) and one.path not in KEPT
        }


def listed_in(manifest: bytes) -> frozenset[str] | None:
    """Return the files that a manifest lists, and itself; None if it is none of a release."""
    try:
        content = json.loads(manifest)
        if content["name"] == RELEASE_NAME:
            return frozenset([*content["files"], MANIFEST_FILE])
    except (ValueError, KeyError, TypeError, RecursionError):  # somebody else's, or damaged
        pass
    return None
