"""Whether a release may be published to a repository, and what has to be uploaded for it."""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from transferz.dataset.publish.remote import Content, Repository, State
from transferz.dataset.verify.report import some
from transferz.dataset.verify.verifying import require_sound
from transferz.dataset.versions.versions import compare, read_snapshot, require_step
from transferz.schemas.errors import ReleaseError
from transferz.schemas.survey.files import CARD_FILE, HIDDEN_CARD, MANIFEST_FILE, json_text
from transferz.schemas.survey.versions import MOCK, Version
from transferz.tables.files import read_json
from transferz.tables.hub import Reference, fetch


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
        """List the files that `there` lacks or holds with other content, and disturbing ones."""
        return self.lacking(there) + self.disturbing(there)

    def lacking(self, there: Mapping[str, Content]) -> list[str]:
        """List the files that `there` lacks or holds with other content."""
        return [name for name, one in self.files.items() if not one.is_at(there.get(name))]

    def disturbing(self, names: Iterable[str]) -> list[str]:
        """List files that are none of the release's and that `datasets` could read as if."""
        folders = {_folder(name) for name in self.files} - {""}
        others = sorted(set(names) - set(self.files))
        return [name for name in others if name == HIDDEN_CARD or _folder(name) in folders]


def _folder(name: str) -> str:
    """The first folder of a path; empty for a file at the top."""
    return name.rpartition("/")[0].partition("/")[0]


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done so that a repository's main branch is a release.

    Attributes
    ----------
    uploads : mapping
        path in the repository -> file, of those that it lacks or holds with other content.
    deletions : tuple of str
        Files of the release there that this one lacks.
    kept : tuple of str
        Files there that are of no release.
    size : int
        Bytes of the uploads.
    changes : str
        What changed since the newest version there; empty where there is none.
    """

    uploads: Mapping[str, Path]
    deletions: tuple[str, ...]
    kept: tuple[str, ...]
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
    _require_as_listed(release, manifest, files)
    return Local(release, version, manifest["sha256"], files)


def _require_as_listed(
    release: Path, manifest: Mapping[str, Any], files: Mapping[str, Content]
) -> None:
    """Check that the bytes hashed are those that were verified: nothing changed in between."""
    expected = {name: one["sha256"] for name, one in manifest["files"].items()}
    expected[MANIFEST_FILE] = hashlib.sha256(json_text(manifest).encode()).hexdigest()
    for name, sha256 in expected.items():
        if files[name].sha256 != sha256:
            raise ReleaseError(
                f"{release / name} changed while the release was read: expected sha256 {sha256}, "
                f"found {files[name].sha256}; let nothing write there, and run it again"
            )


def require_name(repo: str) -> None:
    """Check that a repository is named as the Hub names them, with its owner.

    Raises
    ------
    ReleaseError
        If not.
    """
    try:
        validate_repo_id(repo)
        sound = "/" in repo
    except HFValidationError:
        sound = False
    if not sound:
        raise ReleaseError(
            f"'{repo}' is no dataset repository's name: expected its owner and its name, as "
            "org/name, of letters, digits, '-', '_' and '.', each of which begins and ends with a "
            "letter, a digit or '_', with no '--' or '..' in it and no .git at its end"
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
        If the repository holds something else than releases, files in a release's folders that
        none has, a newer version, or one after which this one's number contradicts what changed.
    """
    _require_ours(there, state)
    others = set(state.files) - set(local.files)
    former = others & (state.listed or set())
    if disturbing := local.disturbing(others - former):
        raise ReleaseError(
            f"{there.name} holds files among the release's that it does not have "
            f"({some(disturbing)}), and datasets could take them for its own: move or delete them "
            "there first"
        )
    changed = local.lacking(state.files)
    return Plan(
        uploads={name: local.path / name for name in changed},
        deletions=tuple(sorted(former)),
        kept=tuple(sorted(others - former)),
        size=sum(local.files[name].size for name in changed),
        changes=_changes(local, there, state),
    )


def _require_ours(there: Repository, state: State) -> None:
    """Check that a repository holds releases, or nothing but the card that the Hub may make."""
    if state.versions or state.listed or not set(state.files) - {CARD_FILE}:
        return
    raise ReleaseError(
        f"{there.name} holds files that are no release ({some(sorted(state.files))}), and its "
        "pages would be replaced: name another repository, or empty this one first"
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
        old = read_snapshot(fetch(Reference(there.name, newest), cache=Path(folder)).path)
        new = read_snapshot(local.path)
        changes = compare(old, new)
    require_step(replace(old, path=Path(there.name)), new, changes)
    return f"since {newest}: {changes} ({changes.step.upper()})"
