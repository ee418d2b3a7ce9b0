"""Repositories as the Hugging Face Hub keeps them: commits, tags, git blobs, large files.

Ids are git's own where clients compare them (blobs, pointers of large files); trees and commits get
a sha1 of their content, so that the same steps give the same ids.
"""

import base64
import fnmatch
import hashlib
import json
from dataclasses import dataclass, field

ATTRIBUTES = ".gitattributes"
LARGE = ("*.parquet", "*.index", "*.png", "*.zip", "*.bin", "*.tar.*")
LARGE_BYTES = 10_000_000
DATE = "2026-01-01T00:00:00.000Z"


class HubError(Exception):
    """An answer other than 200: status, message, and the code that clients tell errors by."""

    def __init__(
        self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.headers = {"X-Error-Code": code, "X-Error-Message": message} | (headers or {})


def blob_id(content: bytes) -> str:
    """git's id of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    """What git keeps in place of a large file."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    )


@dataclass(frozen=True)
class Entry:
    """A file of a commit; `sha256` is that of a large file, empty for a regular one."""

    oid: str
    size: int
    sha256: str = ""


@dataclass(frozen=True)
class Commit:
    """A state of the repository; `files` by path."""

    oid: str
    parent: str
    title: str
    files: dict[str, Entry]


@dataclass
class Repository:
    """One dataset repository; a new one has a first commit with its .gitattributes.

    Attributes
    ----------
    private : bool
        Whether reading needs a token.
    branches : dict of str to str
        The newest commit of each.
    tags : dict of str to (str, str)
        Commit and message of each.
    commits : dict of str to Commit
    blobs : dict of str to bytes
        Regular files' content, by git id.
    objects : dict of str to bytes
        Large files' content, by the sha256 that the client claimed.
    """

    private: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, tuple[str, str]] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text = "".join(f"{one} filter=lfs diff=lfs merge=lfs -text\n" for one in LARGE)
        self.record({ATTRIBUTES: self.keep(text.encode())}, "initial commit")

    @property
    def head(self) -> Commit:
        """The newest commit of main."""
        return self.commits[self.branches["main"]]

    def keep(self, content: bytes) -> Entry:
        """Keep a regular file."""
        self.blobs[oid := blob_id(content)] = content
        return Entry(oid, len(content))

    def has(self, sha256: str) -> bool:
        """Whether a large file is here and whole."""
        content = self.objects.get(sha256)
        return content is not None and hashlib.sha256(content).hexdigest() == sha256

    def large(self, sha256: str) -> Entry:
        """The entry of a large file, by what is really kept here."""
        if sha256 not in self.objects:
            raise HubError(400, f"LFS pointer pointed to a file that does not exist: {sha256}")
        content = self.objects[sha256]
        real = hashlib.sha256(content).hexdigest()
        self.objects.setdefault(real, content)
        return Entry(blob_id(pointer(real, len(content))), len(content), real)

    def content(self, entry: Entry) -> bytes:
        """A file's bytes."""
        return self.objects[entry.sha256] if entry.sha256 else self.blobs[entry.oid]

    def record(self, files: dict[str, Entry], title: str) -> Commit:
        """Add a commit to main."""
        parent = self.branches.get("main", "")
        text = json.dumps([parent, title, sorted((p, e.oid) for p, e in files.items())])
        commit = Commit(hashlib.sha1(text.encode()).hexdigest(), parent, title, files)
        self.commits[commit.oid] = commit
        self.branches["main"] = commit.oid
        return commit

    def resolve(self, revision: str) -> Commit:
        """The commit of a branch, tag or (abbreviated) id."""
        named = self.branches.get(revision) or self.tags.get(revision, ("", ""))[0]
        for oid in [named] if named else self.commits:
            if oid == named or (len(revision) >= 7 and oid.startswith(revision)):
                return self.commits[oid]
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def is_large(self, path: str, size: int, sample: bytes) -> bool:
        """Whether a file is kept outside git: by its name, size or bytes."""
        named = any(fnmatch.fnmatch(path, pattern) for pattern in LARGE)
        return named or size > LARGE_BYTES or b"\0" in sample

    def commit(self, lines: list[dict]) -> Commit:
        """Apply a commit's operations, all or none."""
        header, *operations = lines
        if (parent := header["value"].get("parentCommit")) and parent != self.head.oid:
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        files = dict(self.head.files)
        for operation in operations:
            self.apply(files, operation["key"], operation["value"])
        return self.record(files, header["value"]["summary"])

    def apply(self, files: dict[str, Entry], key: str, value: dict) -> None:
        path = value["path"]
        if key == "file":
            files[path] = self.keep(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            files[path] = self.large(value["oid"])
        elif key == "deletedFile" and path in files:
            del files[path]
        else:
            raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")

    def tag(self, name: str, revision: str, message: str) -> None:
        """Add an annotated tag."""
        if name in self.tags:
            raise HubError(409, f"Tag reference exists already: refs/tags/{name}")
        self.tags[name] = (self.resolve(revision).oid, message)

    def tree(self, commit: Commit, folder: str, *, recursive: bool, expand: bool) -> list[dict]:
        """What the API lists of a folder: its files and folders, sorted."""
        start = f"{folder}/" if folder else ""
        found: dict[str, dict] = {}
        for path, entry in sorted(commit.files.items()):
            if not path.startswith(start):
                continue
            parts = path.removeprefix(start).split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                name = start + "/".join(parts[:depth])
                found.setdefault(name, self.describe_folder(commit, name, expand))
            if recursive or len(parts) == 1:
                found[path] = self.describe(commit, path, entry, expand)
        if folder and not found:
            raise HubError(404, f"{folder} does not exist on this revision", "EntryNotFound")
        return [found[path] for path in sorted(found)]

    def describe(self, commit: Commit, path: str, entry: Entry, expand: bool) -> dict:
        told = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
        if entry.sha256:
            size = len(pointer(entry.sha256, entry.size))
            told["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": size}
        return told | (self.last_commit(commit) if expand else {})

    def describe_folder(self, commit: Commit, path: str, expand: bool) -> dict:
        inside = [(p, e.oid) for p, e in commit.files.items() if p.startswith(f"{path}/")]
        oid = hashlib.sha1(repr(sorted(inside)).encode()).hexdigest()
        told = {"type": "directory", "oid": oid, "size": 0, "path": path}
        return told | (self.last_commit(commit) if expand else {})

    def last_commit(self, commit: Commit) -> dict:
        return {"lastCommit": {"id": commit.oid, "title": commit.title, "date": DATE}}

    def paths(self, commit: Commit, names: list[str], *, expand: bool) -> list[dict]:
        """What the API tells of some paths; those that are not here are left out."""
        told = []
        for name in names:
            if name in commit.files:
                told.append(self.describe(commit, name, commit.files[name], expand))
            elif any(path.startswith(f"{name}/") for path in commit.files):
                told.append(self.describe_folder(commit, name, expand))
        return told
