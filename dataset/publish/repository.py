"""A dataset repository on the Hugging Face Hub, as publishing sees it.

Endpoint and login are those of `huggingface_hub`: ``HF_ENDPOINT``, and ``hf auth login`` or
``HF_TOKEN``.
"""

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

from transferz.schemas.errors import ReleaseError
from transferz.schemas.survey.documents import parse_json
from transferz.schemas.survey.files import MANIFEST_FILE, RELEASE_NAME, Version
from transferz.tables.hub import published_versions
from transferz.tables.hub_client import asking, require_endpoint, require_token

KEPT = (".gitattributes",)
"""The Hub's own files, which are no part of a release."""


@dataclass(frozen=True, slots=True)
class State:
    """What a repository holds, on the newest commit of its main branch, `head`.

    `files` maps path -> what the Hub says of the file. `versions` are those that have a tag,
    ascending. `listed` are the files that the manifest lists, with itself; None where there is no
    manifest of ours.
    """

    head: str
    private: bool
    files: Mapping[str, RepoFile]
    versions: Sequence[Version]
    listed: frozenset[str] | None = None


class Repository:
    """A dataset repository, ``org/name``; its methods raise `ReleaseError` where the Hub says no.

    A ParameterError says that the Hub's address is none that may be shown in messages.
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
        with asking(self.name):
            token = get_token()
        if token is None:
            raise ReleaseError(
                "not logged in to the Hub: run `hf auth login`, or set HF_TOKEN to a token "
                f"that may write to {self.name}"
            )
        require_token(token, "the login's token (`hf auth login`, or HF_TOKEN)")

    def state(self) -> State | None:
        """Read what it holds; None where there is no such repository, or none one may see."""
        with asking(self.name):
            try:
                info = self._api.dataset_info(self.name)
            except errors.RepositoryNotFoundError:
                return None
            head = str(info.sha)
            files = self.files_of(head)
            listed = self._listed(head) if MANIFEST_FILE in files else None
            return State(head, bool(info.private), files, published_versions(self.name), listed)

    def files_of(self, revision: str) -> dict[str, RepoFile]:
        """List the files of a commit or tag: path -> size, git's id and, of large ones, sha256."""
        with asking(self.name):
            entries = self._api.list_repo_tree(
                self.name, recursive=True, revision=revision, repo_type="dataset"
            )
            return {
                entry.path: entry
                for entry in entries
                if isinstance(entry, RepoFile) and entry.path not in KEPT
            }

    def _listed(self, revision: str) -> frozenset[str] | None:
        with tempfile.TemporaryDirectory() as folder:
            path = self._api.hf_hub_download(
                self.name, MANIFEST_FILE, repo_type="dataset", revision=revision, local_dir=folder
            )
            return listed_in(Path(path).read_bytes())

    def create(self, *, private: bool) -> None:
        """Create it; it may be there already."""
        with asking(self.name, writing=True):
            self._api.create_repo(self.name, repo_type="dataset", private=private, exist_ok=True)

    def commit(
        self, additions: Mapping[str, Path], deletions: Sequence[str], message: str, parent: str
    ) -> str:
        """Upload files and record them, with deletions, in one commit; return that.

        `additions` maps path in the repository -> file; large files that the Hub has are not sent
        again. Where another commit than `parent` is the newest meanwhile, nothing is committed.
        """
        with asking(self.name, writing=True):
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
        with asking(self.name, writing=True):
            self._api.create_tag(
                self.name,
                tag=version.tag,
                tag_message=message,
                revision=commit,
                repo_type="dataset",
                exist_ok=True,
            )
            tagged = str(self._api.dataset_info(self.name, revision=version.tag).sha)
        if tagged != commit:
            raise ReleaseError(
                f"{self.name}: someone else tagged {version.tag} meanwhile, commit {tagged[:7]} "
                f"and not {commit[:7]}; run again to compare with it"
            )


def listed_in(manifest: bytes) -> frozenset[str] | None:
    """Return the files that a manifest lists, and itself; None if it is none of a release."""
    try:
        content = parse_json(manifest)
        if content["name"] == RELEASE_NAME:
            return frozenset([*content["files"], MANIFEST_FILE])
    except (ValueError, KeyError, TypeError):  # somebody else's, or damaged
        pass
    return None
