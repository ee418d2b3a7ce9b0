"""Whether a release may be published to a repository, and what has to be uploaded for it."""

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from transferz import hub
from transferz.dataset.files import read_json
from transferz.dataset.remote import Content, Repository, State
from transferz.dataset.verify import require_sound
from transferz.dataset.versions import compare, read_snapshot, require_step
from transferz.schemas.errors import ReleaseError
from transferz.schemas.files import CARD_FILE, MANIFEST_FILE
from transferz.schemas.versions import MOCK, Version

SHOWN = 5
"""Files that a message names at most."""

_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Local:
    """A sound release on this machine.

    Attributes
    ----------
    path : Path
        Its directory.
    version : Version
        As its manifest says.
    digest : str
        The manifest's own sha256.
    files : mapping
        path in the release -> `Content`, of every file.
    """

    path: Path
    version: Version
    digest: str
    files: Mapping[str, Content]

    def differing(self, there: Mapping[str, Content]) -> list[str]:
        """List the files that `there` lacks, holds with other content, or has beside these."""
        changed = [name for name, one in self.files.items() if not one.is_at(there.get(name))]
        return changed + sorted(set(there) - set(self.files))


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done so that a repository's main branch is a release.

    Attributes
    ----------
    uploads : mapping
        path in the repository -> file, of those that it lacks or holds with other content.
    deletions : tuple of str
        Files that it holds and the release does not.
    size : int
        Bytes of the uploads.
    changes : str
        What changed since the newest version there; empty where there is none.
    """

    uploads: Mapping[str, Path]
    deletions: tuple[str, ...]
    size: int
    changes: str


def read_local(release: Path, repo: str) -> Local:
    """Verify and hash a release that is to go to a repository.

    Raises
    ------
    ReleaseError
        If it breaks a promise, or the repository's name is not one for it.
    """
    require_name(repo)
    require_sound(release)
    manifest = read_json(release / MANIFEST_FILE)
    version = Version.parse(manifest["version"])
    require_fitting_name(repo, version)
    names = sorted([*manifest["files"], MANIFEST_FILE])
    files = {name: Content.of(release / name) for name in names}
    return Local(release, version, manifest["sha256"], files)


def require_name(repo: str) -> None:
    """Check that a repository is named as the Hub names them, with its owner.

    Raises
    ------
    ReleaseError
        If not.
    """
    if not _NAME.fullmatch(repo):
        raise ReleaseError(
            f"'{repo}' is no dataset repository's name: expected its owner and its name, as "
            "org/name, of letters, digits, '-', '_' and '.'"
        )


def require_fitting_name(repo: str, version: Version) -> None:
    """Check that a mock goes to a repository that says so, and nothing else does.

    Raises
    ------
    ReleaseError
        If not.
    """
    name = repo.rpartition("/")[2].lower()
    if version.mock and MOCK not in name:
        raise ReleaseError(
            f"{version} is a mock, its galaxies are simulated, and '{repo}' does not say so: "
            f"publish it to a repository whose name says mock, such as {repo}-mock"
        )
    if MOCK in name and not version.mock:
        raise ReleaseError(
            f"'{repo}' is by its name for mocks, and {version} is none: name another repository"
        )


def is_published(local: Local, there: Repository, state: State) -> bool:
    """Whether a repository has this version, with this content.

    Raises
    ------
    ReleaseError
        If it has this version with other content.
    """
    if local.version not in state.versions:
        return False
    if different := local.differing(there.files_of(local.version.tag)):
        raise ReleaseError(
            f"{there.name} has {local.version.tag} already, with other content ({some(different)})"
            ", and a published version never changes: give this release another number "
            "(release.version in params.yaml); "
            f"`transferz diff {there.name}@{local.version} {local.path}` says which would do"
        )
    return True


def make_plan(local: Local, there: Repository, state: State) -> Plan:
    """Find what has to be done.

    Raises
    ------
    ReleaseError
        If the repository holds something else than releases, a newer version, or one after which
        this one's number contradicts what changed.
    """
    if MANIFEST_FILE not in state.files and set(state.files) - {CARD_FILE}:
        raise ReleaseError(
            f"{there.name} holds files that are no release ({some(state.files)}), and publishing "
            "would delete them: name another repository, or empty this one first"
        )
    changed = [name for name, one in local.files.items() if not one.is_at(state.files.get(name))]
    return Plan(
        uploads={name: local.path / name for name in changed},
        deletions=tuple(sorted(set(state.files) - set(local.files))),
        size=sum(local.files[name].size for name in changed),
        changes=_changes(local, there, state),
    )


def _changes(local: Local, there: Repository, state: State) -> str:
    """What changed since the newest published version, which this one has to follow."""
    if not state.versions:
        return ""
    newest = state.versions[-1]
    if local.version < newest:
        raise ReleaseError(
            f"{there.name} has {newest} already, and {local.version} is older: versions are "
            "published in their order; give this release a higher number (release.version in "
            "params.yaml)"
        )
    with tempfile.TemporaryDirectory() as folder:  # the user's own copies stay as they are
        old = read_snapshot(hub.fetch(there.name, newest, cache=Path(folder)).path)
        new = read_snapshot(local.path)
        changes = compare(old, new)
    require_step(replace(old, path=Path(there.name)), new, changes)
    return f"since {newest}: {changes} ({changes.step.upper()})"


def some(names: Iterable[str]) -> str:
    """Return the first few names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
