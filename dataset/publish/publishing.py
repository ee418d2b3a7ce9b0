"""Publish a release: verified, compared with what is published, in one commit, then tagged.

A version is published once its tag is there. Whatever comes before can be repeated: what the
repository holds is compared by hashes, so nothing is uploaded or committed twice.
"""

from collections.abc import Callable
from pathlib import Path

from transferz.dataset.publish.hub_errors import REPEAT, Unreachable
from transferz.dataset.publish.plan import Local, Plan, is_published, make_plan, read_local
from transferz.dataset.publish.remote import Repository, State
from transferz.dataset.verify.report import some
from transferz.schemas.errors import ReleaseError

Say = Callable[[str], None]


def publish(
    release: Path, repo: str, *, private: bool = False, dry_run: bool = False, say: Say
) -> None:
    """Publish a release as the next version in a dataset repository.

    Parameters
    ----------
    release : Path
        The release directory.
    repo : str
        ``org/name``; created if it is not there. A mock goes to one whose name says mock.
    private : bool
        Whether a repository that is created is private.
    dry_run : bool
        Change nothing there, say what would be done.
    say : callable
        Takes each line that the user is told.

    Raises
    ------
    ReleaseError
        If the release breaks a promise, its version contradicts what is published, the
        repository is not one for it, or the Hub refuses, can't be reached, or holds other bytes
        than were sent. The version is then not tagged, and the call may be repeated.
    """
    local, there = read_local(release, repo), Repository(repo)
    size = sum(one.size for one in local.files.values())
    say(f"transferz {local.version} in {release} is sound: {_amount(len(local.files), size)}")
    if dry_run:
        _rehearse(local, there, private, say)
        return
    there.require_login()
    state = _state(there, private, say)
    if is_published(local, there, state):
        say(f"{there.url} has {local.version.tag} already, with this content: nothing to do")
        return
    _carry_out(make_plan(local, there, state), local, there, state.head, say)


def _state(there: Repository, private: bool, say: Say) -> State:
    """What the repository holds, which is created if it is not there."""
    if state := there.state():
        _require_private(there, private, state)
        return state
    there.create(private=private)
    say(f"created {there.url}, {'private' if private else 'public'}")
    if state := there.state():
        return state
    raise ReleaseError(f"{there.url} was created but can't be read; {REPEAT}")


def _require_private(there: Repository, private: bool, state: State) -> None:
    if private and not state.private:
        raise ReleaseError(
            f"{there.url} is there already and public, and --private is for one that is yet to be "
            "created: make it private in its settings, or leave --private out"
        )


def _carry_out(plan: Plan, local: Local, there: Repository, head: str, say: Say) -> None:
    """Commit, check what has arrived, tag."""
    title, commit = f"TransferZ {local.version}", head
    if plan.changes:
        say(plan.changes)
    if plan.deletions:
        say(f"deleting from the former version: {some(plan.deletions)}")
    if plan.kept:
        say(_kept(plan))
    if plan.uploads or plan.deletions:
        say(f"uploading what {there.name} lacks: {_amount(len(plan.uploads), plan.size)}")
        commit = there.commit(plan.uploads, plan.deletions, title, head)
    if different := local.differing(there.files_of(commit)):
        raise ReleaseError(
            f"{there.name} holds other bytes than were sent, in commit {commit[:7]}: "
            f"{some(different)}; {REPEAT}"
        )
    say(f"commit {commit[:7]} has all {len(local.files)} files, checksums agree")
    there.tag(local.version, commit, f"{title}, manifest sha256 {local.digest}")
    say(f"tagged {local.version.tag}: {there.url}/tree/{local.version.tag}")


def _rehearse(local: Local, there: Repository, private: bool, say: Say) -> None:
    """Say what would be done, as far as the repository can be read."""
    state = None
    try:
        state = there.state()
        if state is None:
            say(f"{there.url} is not there, or not to be seen by this login: it would be created")
        else:
            _require_private(there, private, state)
    except Unreachable as reason:
        say(f"{reason}; listed below is what an empty repository would need")
    state = state or State("", private, {}, ())
    if is_published(local, there, state):
        say(f"{there.url} has {local.version.tag} already, with this content: nothing to do")
        return
    plan = make_plan(local, there, state)
    lines = [plan.changes] if plan.changes else []
    lines += [f"upload {local.files[name].size:>12,} bytes  {name}" for name in plan.uploads]
    lines += [f"delete {'':>18}  {name}" for name in plan.deletions]
    lines += [_kept(plan)] if plan.kept else []
    say("\n".join([*lines, f"tag {local.version.tag}, manifest sha256 {local.digest}"]))
    say(f"dry run: would upload {_amount(len(plan.uploads), plan.size)}; nothing was changed")


def _kept(plan: Plan) -> str:
    return f"left as they are, being of no release: {some(plan.kept)}"


def _amount(files: int, size: int) -> str:
    return f"{files} file{'s' if files != 1 else ''}, {size:,} bytes"
