"""Publish a release: verified, compared with what is published, in one commit, then tagged.

A version is published once its tag is there. Whatever comes before can be repeated: what the
repository holds is compared by hashes, so nothing is uploaded or committed twice.
"""

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from huggingface_hub.utils.sha import git_hash

from transferz.dataset.publish.repository import Repository, State
from transferz.dataset.verify.findings import some
from transferz.dataset.verify.verifying import require_sound
from transferz.dataset.versions.diff import diff, read_snapshot, require_step
from transferz.schemas.errors import ReleaseError
from transferz.schemas.survey.files import (
    CARD_FILE,
    MANIFEST_FILE,
    MOCK,
    Version,
    added_files,
    file_digest,
    file_fault,
)
from transferz.tables.files import read_json
from transferz.tables.hub import Reference, fetch
from transferz.tables.hub_client import REPEAT, Unreachable

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Local:
    """A sound release on this machine.

    `digest` is the manifest's own sha256. `files` maps the path in the release of every file, the
    manifest too, to the ``sha256`` and ``bytes`` that were verified. ``others`` lie beside them.
    """

    path: Path
    version: Version
    digest: str
    files: Mapping[str, Mapping[str, Any]]
    others: tuple[str, ...] = ()

    def differing(self, published: Mapping[str, RepoFile]) -> list[str]:
        """List the files that a repository lacks or holds with other content, and added ones."""
        return self.lacking(published) + added_files(published, self.files)

    def lacking(self, published: Mapping[str, RepoFile]) -> list[str]:
        """List the files that a repository lacks or holds with other content."""
        return [
            name
            for name in self.files
            if name not in published or not self._is_at(name, published[name])
        ]

    def _is_at(self, name: str, entry: RepoFile) -> bool:
        """Whether a file of the Hub is this one: by sha256, or git's id where git keeps it."""
        stated = self.files[name]
        if entry.size != stated["bytes"]:
            return False
        if entry.lfs:
            return bool(entry.lfs.sha256 == stated["sha256"])
        if fault := file_fault(self.path / name, stated):
            raise ReleaseError(
                f"{self.path / name} {fault}; it changed after it was verified: let nothing write "
                "there, and run it again"
            )
        return git_hash((self.path / name).read_bytes()) == entry.blob_id


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done so that a repository's main branch is a release.

    `uploads` maps path in the repository -> file, of those that it lacks or holds with other
    content, `size` bytes in all. `deletions` are files of the release there that this one lacks,
    `kept` files that are of no release. `changes` says what changed since the newest version there;
    it is empty where there is none.
    """

    uploads: Mapping[str, Path]
    deletions: tuple[str, ...]
    kept: tuple[str, ...]
    size: int
    changes: str


def publish(
    release: Path,
    repo: str,
    *,
    private: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    say: Say,
) -> None:
    """Publish a release as the next version in a dataset repository, ``org/name``.

    It is created if it is not there, `private` or not; a mock goes to one whose name says mock.
    Files of the newest version that were edited on the Hub since are replaced where `overwrite`
    says so. A `dry_run` changes nothing there. `say` takes each line that the user is told.

    A ReleaseError says that the release breaks a promise, its version contradicts what is
    published, the repository is not one for it or was edited, or the Hub refuses, can't be reached,
    or holds other bytes than were sent. The version is then not tagged, and the call may be
    repeated.

    Examples
    --------
    >>> publish(Path("data/mock/release/transferz"), "org/mock", say=print)  # doctest: +SKIP
    """
    local, repository = read_local(release, repo), Repository(repo)
    if local.others:
        say(f"left out, being of no release: {some(local.others)}")
    size = sum(stated["bytes"] for stated in local.files.values())
    say(f"transferz {local.version} in {release} is sound: {_amount(len(local.files), size)}")
    look = _state_so_far if dry_run else _state_to_write
    state = look(repository, private, say)
    if private and not state.private:
        raise ReleaseError(
            f"{repository.url} is there already and public, and --private is for one that is yet "
            "to be created: make it private in its settings, or leave --private out"
        )
    if is_published(local, repository, state):
        say(f"{repository.url} has {local.version.tag} already, with this content: nothing to do")
        return
    plan = make_plan(local, repository, state)
    if edited := edited_files(plan, repository, state):
        _require_consent(edited, repository, state, overwrite=overwrite)
        kept = f"commit {state.head[:7]} keeps it"
        say(f"replacing what was written on the Hub ({kept}): {some(edited)}")
    if dry_run:
        _rehearse(plan, local, say)
    else:
        _carry_out(plan, local, repository, state.head, say)


def _state_so_far(repository: Repository, private: bool, say: Say) -> State:
    """Read what a repository holds, as far as it can be read: else as if it were new."""
    try:
        if state := repository.state():
            return state
        say(f"{repository.url} is not there, or not to be seen by this login: it would be made")
    except Unreachable as reason:
        say(f"{reason}; listed below is what an empty repository would need")
    return State("", private, {}, ())


def _state_to_write(repository: Repository, private: bool, say: Say) -> State:
    """Read what a repository holds, logged in; create it where it is not there."""
    repository.require_login()
    if state := repository.state():
        return state
    repository.create(private=private)
    say(f"created {repository.url}, {'private' if private else 'public'}")
    if state := repository.state():
        return state
    raise ReleaseError(f"{repository.url} was created but can't be read; {REPEAT}")


def read_local(release: Path, repo: str) -> Local:
    """Verify a release that is to go to a repository, and that the name is one for it."""
    try:
        validate_repo_id(repo)
        is_name = "/" in repo
    except HFValidationError:
        is_name = False
    if not is_name:
        raise ReleaseError(
            f"'{repo}' is no dataset repository's name: expected its owner and its name, as "
            "org/name, of letters, digits, '-', '_' and '.', each of which begins and ends with a "
            "letter, a digit or '_', with no '--' or '..' in it and no .git at its end"
        )
    report = require_sound(release)
    manifest = read_json(release / MANIFEST_FILE)
    version = Version.parse(manifest["version"])
    require_fitting_name(repo, version)
    files = {**manifest["files"], MANIFEST_FILE: file_digest(release / MANIFEST_FILE)}
    return Local(
        release, version, manifest["sha256"], dict(sorted(files.items())), others=report.others
    )


def require_fitting_name(repo: str, version: Version) -> None:
    """Check that a mock goes to a repository that says so, and nothing else does."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", repo.rpartition("/")[2])
    says_mock = MOCK in map(str.lower, words)  # a word of its own: a hammock is none
    if version.mock and not says_mock:
        raise ReleaseError(
            f"{version} is a mock, its galaxies are simulated, and '{repo}' does not say so: "
            f"publish it to a repository whose name says mock, such as {repo}-mock"
        )
    if says_mock and not version.mock:
        raise ReleaseError(
            f"'{repo}' is by its name for mocks, and {version} is none: name another repository"
        )


def is_published(local: Local, repository: Repository, state: State) -> bool:
    """Whether a repository has this version; with other content, that is a ReleaseError."""
    if local.version not in state.versions:
        return False
    if different := local.differing(repository.files_of(local.version.tag)):
        raise ReleaseError(
            f"{repository.name} has {local.version.tag} already, with other content "
            f"({some(different)}), and a published version never changes: give this release "
            "another number (release.version in params.yaml); "
            f"`transferz diff {repository.name}@{local.version} {quote(str(local.path))}` says "
            "which would do"
        )
    return True


def make_plan(local: Local, repository: Repository, state: State) -> Plan:
    """Find what has to be done.

    A ReleaseError says that the repository holds something else than releases, files in a
    release's folders that none has, a newer version, or one after which this one's number
    contradicts what changed.
    """
    # A repository that has no release may hold nothing but the card that the Hub may make.
    if not (state.versions or state.listed) and set(state.files) - {CARD_FILE}:
        raise ReleaseError(
            f"{repository.name} holds files that are no release ({some(sorted(state.files))}), and "
            "its pages would be replaced: name another repository, or empty this one first"
        )
    others = set(state.files) - set(local.files)
    former = others & (state.listed or set())
    if added := added_files(others - former, local.files):
        raise ReleaseError(
            f"{repository.name} holds files among the release's that it does not have "
            f"({some(added)}), and datasets could take them for its own: move or delete them "
            "there first"
        )
    changed = local.lacking(state.files)
    return Plan(
        uploads={name: local.path / name for name in changed},
        deletions=tuple(sorted(former)),
        kept=tuple(sorted(others - former)),
        size=sum(local.files[name]["bytes"] for name in changed),
        changes=_changes(local, repository.name, state.versions[-1]) if state.versions else "",
    )


def edited_files(plan: Plan, repository: Repository, state: State) -> list[str]:
    """List the files to be replaced or deleted that are not as the newest version there has them.

    Somebody has edited them on the Hub since it was tagged. Before a first version that is the
    card, where there is one.
    """
    there = repository.files_of(state.versions[-1].tag) if state.versions else {}
    return [
        name
        for name in (*plan.uploads, *plan.deletions)
        if name in state.files
        and (name not in there or there[name].blob_id != state.files[name].blob_id)
    ]


def _require_consent(
    edited: list[str], repository: Repository, state: State, *, overwrite: bool
) -> None:
    """Check that what somebody wrote on the Hub may be replaced; before a first version it may."""
    if state.versions and not overwrite:
        raise ReleaseError(
            f"{some(edited)} of {repository.name} was edited on the Hub since "
            f"{state.versions[-1].tag} ({repository.url}/commits/main says by whom) and would be "
            "replaced: keep a copy of what is wanted, then publish with --replace; the "
            "repository's history keeps the edit too"
        )


def _changes(local: Local, repo: str, newest: Version) -> str:
    """What changed since the newest published version, which this one has to follow."""
    if local.version < newest:
        raise ReleaseError(
            f"{repo} has {newest} already, and {local.version} is older: versions are published "
            "in their order; give this release a higher number (release.version in params.yaml)"
        )
    with tempfile.TemporaryDirectory() as folder:  # the user's own copies stay as they are
        old = read_snapshot(fetch(Reference(repo, newest), cache=Path(folder)).path)
        new = read_snapshot(local.path)
        changes = diff(old, new)
    require_step(replace(old, path=Path(repo)), new, changes)
    return f"since {newest}: {changes} ({changes.step.upper()})"


def _carry_out(plan: Plan, local: Local, repository: Repository, head: str, say: Say) -> None:
    """Commit, check what has arrived, tag."""
    title, commit = f"TransferZ {local.version}", head
    if plan.changes:
        say(plan.changes)
    if plan.deletions:
        say(f"deleting from the former version: {some(plan.deletions)}")
    if plan.kept:
        say(_kept(plan))
    if plan.uploads or plan.deletions:
        say(f"uploading what {repository.name} lacks: {_amount(len(plan.uploads), plan.size)}")
        commit = repository.commit(plan.uploads, plan.deletions, title, head)
    if different := local.differing(repository.files_of(commit)):
        raise ReleaseError(
            f"{repository.name} holds other bytes than were verified, in commit {commit[:7]}: "
            f"{some(different)}; {REPEAT}"
        )
    say(f"commit {commit[:7]} has all {len(local.files)} files, checksums agree")
    repository.tag(local.version, commit, f"{title}, manifest sha256 {local.digest}")
    say(f"tagged {local.version.tag}: {repository.url}/tree/{local.version.tag}")


def _rehearse(plan: Plan, local: Local, say: Say) -> None:
    """Say what would be done."""
    lines = [plan.changes] if plan.changes else []
    lines += [f"upload {local.files[name]['bytes']:>12,} bytes  {name}" for name in plan.uploads]
    lines += [f"delete {'':>18}  {name}" for name in plan.deletions]
    lines += [_kept(plan)] if plan.kept else []
    say("\n".join([*lines, f"tag {local.version.tag}, manifest sha256 {local.digest}"]))
    say(f"dry run: would upload {_amount(len(plan.uploads), plan.size)}; nothing was changed")


def _kept(plan: Plan) -> str:
    return f"left as they are, being of no release: {some(plan.kept)}"


def _amount(files: int, size: int) -> str:
    return f"{files} file{'s' if files != 1 else ''}, {size:,} bytes"
