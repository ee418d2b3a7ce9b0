"""The requests of the Hugging Face Hub's HTTP API that its clients make, answered."""

import base64
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub_repo import DATE, HubError, Repository

TOKEN = "hf_LoopbackTokenForTests00000000000"
READ_TOKEN = "hf_LoopbackReadOnlyToken0000000000"
NAMESPACE = "org"
PAGE = 10  # entries of a tree per page: the Hub's is 1000; small, so that clients must page
Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]

REPO = r"/api/datasets/(?P<repo>[^/]+/[^/]+)"
REVISION = r"(?P<revision>[^/]+)"
ROUTES = {
    "whoami": ("GET", r"/api/whoami-v2"),
    "yaml": ("POST", r"/api/validate-yaml"),
    "create": ("POST", r"/api/repos/create"),
    "refs": ("GET", rf"{REPO}/refs"),
    "preupload": ("POST", rf"{REPO}/preupload/{REVISION}"),
    "commit": ("POST", rf"{REPO}/commit/{REVISION}"),
    "commits": ("GET", rf"{REPO}/commits/{REVISION}"),
    "tag": ("POST", rf"{REPO}/tag/{REVISION}"),
    "untag": ("DELETE", rf"{REPO}/tag/{REVISION}"),
    "tree": ("GET", rf"{REPO}/tree/{REVISION}(?:/(?P<path>.+))?"),
    "paths": ("POST", rf"{REPO}/paths-info/{REVISION}"),
    "info": ("GET", rf"{REPO}(?:/revision/{REVISION})?"),
    "batch": ("POST", r"/datasets/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch"),
    "upload": ("PUT", r"/lfs/(?P<repo>[^/]+/[^/]+)/(?P<path>[0-9a-f]{64})"),
    "verify": ("POST", r"/lfs/(?P<repo>[^/]+/[^/]+)/verify"),
    "resolve": ("GET|HEAD", rf"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/{REVISION}/(?P<path>.+)"),
}
"""Kind of request -> method and path."""

WRITES = ("yaml", "create", "preupload", "commit", "tag", "untag", "batch", "upload", "verify")


@dataclass
class Request:
    """One request, taken apart; `flip`: keep what it sends with one bit changed."""

    kind: str
    repo: str
    revision: str
    path: str
    url: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    flip: bool = False

    @property
    def token(self) -> str:
        """The token sent, empty for none."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in ("", TOKEN, READ_TOKEN):
            raise HubError(401, "Invalid credentials in Authorization header")
        return token

    @property
    def json(self) -> Any:
        """The body of a request that sends JSON."""
        return json.loads(self.body)

    def says(self, name: str) -> bool:
        """Whether the query asks for something."""
        return self.query.get(name, "").lower() in ("1", "true")


def kind_of(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The kind of a request, and what its path names."""
    for kind, (methods, pattern) in ROUTES.items():
        match = re.fullmatch(pattern, path)
        if match and method in methods.split("|"):
            named = {key: urllib.parse.unquote(v or "") for key, v in match.groupdict().items()}
            return kind, named
    return "unknown", {}


class Api:
    """Answers requests about the repositories of one Hub: status, content, headers.

    Attributes
    ----------
    repos : dict of str to Repository
    puts : list of str
        The sha256 of every large file sent whole.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.repos: dict[str, Repository] = {}
        self.puts: list[str] = []

    def answer(self, request: Request) -> Answer:
        if request.kind == "unknown":
            raise HubError(404, "Sorry, we can't find the page you are looking for.")
        action: Callable[..., Answer] = getattr(self, f"do_{request.kind}")
        if request.kind in ("whoami", "yaml", "create"):
            return action(request)
        return action(request, self.repository(request))

    def repository(self, request: Request) -> Repository:
        """The repository a request is about, if it may know of it, and change it if it wants to."""
        permitted = request.kind == "upload"  # the address itself is the permit
        known = permitted or request.token
        store = self.repos.get(request.repo)
        if store is None or (store.private and not known):
            raise HubError(404 if known else 401, "Repository not found", "RepoNotFound")
        if request.kind in WRITES and not permitted:
            self.require_write(request, request.repo.split("/")[0])
        return store

    def require_write(self, request: Request, namespace: str) -> None:
        if not request.token:
            raise HubError(401, "Invalid username or password.")
        if request.token != TOKEN or namespace != NAMESPACE:
            raise HubError(403, f"You don't have the rights to write under {namespace}")

    def do_whoami(self, request: Request) -> Answer:
        if not request.token:
            raise HubError(401, "Invalid username or password.")
        return 200, {"type": "user", "name": "someone", "orgs": [{"name": NAMESPACE}]}

    def do_yaml(self, request: Request) -> Answer:
        return 200, {"errors": [], "warnings": []}

    def do_create(self, request: Request) -> Answer:
        asked = request.json
        namespace = asked["organization"] or ""
        self.require_write(request, namespace)
        repo = f"{namespace}/{asked['name']}"
        url = f"{self.endpoint}/datasets/{repo}"
        if asked.get("type") != "dataset":
            raise HubError(400, "only datasets here")
        if repo in self.repos:
            return 409, {"error": "You already created this dataset repo", "url": url}
        self.repos[repo] = Repository(private=asked.get("visibility") == "private")
        return 200, {"url": url, "name": repo}

    def do_info(self, request: Request, store: Repository) -> Answer:
        commit = store.resolve(request.revision)
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        told = {"_id": "0", "id": request.repo, "private": store.private, "tags": []}
        return 200, told | {"downloads": 0, "likes": 0, "sha": commit.oid, "siblings": siblings}

    def do_refs(self, request: Request, store: Repository) -> Answer:
        def told(kind: str, pairs: dict[str, str]) -> list[dict[str, str]]:
            return [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid}
                for name, oid in pairs.items()
            ]

        tags = told("tags", {name: commit for name, (commit, _) in store.tags.items()})
        return 200, {"branches": told("heads", store.branches), "tags": tags, "converts": []}

    def do_commits(self, request: Request, store: Repository) -> Answer:
        found, commit = [], store.resolve(request.revision)
        while commit:
            told = {"id": commit.oid, "title": commit.title, "message": "", "date": DATE}
            found.append(told | {"authors": []})
            commit = store.commits.get(commit.parent)
        return 200, found

    def do_tree(self, request: Request, store: Repository) -> Answer:
        listed = store.tree(
            store.resolve(request.revision),
            request.path,
            recursive=request.says("recursive"),
            expand=request.says("expand"),
        )
        start = int(request.query.get("cursor", 0))
        rest = urllib.parse.urlencode(request.query | {"cursor": start + PAGE})
        more = {"Link": f'<{self.endpoint}{request.url}?{rest}>; rel="next"'}
        return 200, listed[start : start + PAGE], more if start + PAGE < len(listed) else {}

    def do_paths(self, request: Request, store: Repository) -> Answer:
        asked = urllib.parse.parse_qs(request.body.decode())
        expand = asked.get("expand", [""])[0].lower() == "true"
        commit = store.resolve(request.revision)
        return 200, store.paths(commit, asked.get("paths", []), expand=expand)

    def do_preupload(self, request: Request, store: Repository) -> Answer:
        files, told = store.resolve(request.revision).files, []
        for file in request.json["files"]:
            sample = base64.b64decode(file["sample"])
            large = store.is_large(file["path"], file["size"], sample)
            mode = {"uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            here = files.get(file["path"])
            known = {"oid": here.sha256 or here.oid} if here else {}
            told.append({"path": file["path"]} | mode | known)
        return 200, {"files": told, "commitOid": store.head.oid}

    def do_batch(self, request: Request, store: Repository) -> Answer:
        base = f"{self.endpoint}/lfs/{request.repo}"
        told = []
        for one in request.json["objects"]:
            actions = {
                "upload": {"href": f"{base}/{one['oid']}"},
                "verify": {"href": f"{base}/verify"},
            }
            known = {"oid": one["oid"], "size": one["size"]}
            told.append(known if store.has(one["oid"]) else known | {"actions": actions})
        return 200, {"transfer": "basic", "objects": told}

    def do_upload(self, request: Request, store: Repository) -> Answer:
        store.objects[request.path] = flipped(request.body) if request.flip else request.body
        self.puts.append(request.path)
        return 200, b""

    def do_verify(self, request: Request, store: Repository) -> Answer:
        asked = request.json
        if len(store.objects.get(asked["oid"], b"")) != asked["size"]:
            raise HubError(404, "Object does not exist")
        return 200, {}

    def do_commit(self, request: Request, store: Repository) -> Answer:
        lines = [json.loads(line) for line in request.body.splitlines()]
        if request.flip:
            value = next(line["value"] for line in lines if line["key"] == "file")
            value["content"] = base64.b64encode(flipped(base64.b64decode(value["content"])))
        oid = store.commit(lines).oid
        url = f"{self.endpoint}/datasets/{request.repo}/commit/{oid}"
        return 200, {"success": True, "commitOid": oid, "commitUrl": url, "pullRequestUrl": None}

    def do_tag(self, request: Request, store: Repository) -> Answer:
        asked = request.json
        store.tag(asked["tag"], request.revision, asked.get("message", ""))
        return 201, b""

    def do_untag(self, request: Request, store: Repository) -> Answer:
        if store.tags.pop(request.revision, None) is None:
            raise HubError(404, "no such tag", "RevisionNotFound")
        return 200, b""

    def do_resolve(self, request: Request, store: Repository) -> Answer:
        commit = store.resolve(request.revision)
        headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
        if request.path not in commit.files:
            raise HubError(404, "Entry not found", "EntryNotFound", headers)
        entry = commit.files[request.path]
        headers["ETag"] = f'"{entry.sha256 or entry.oid}"'
        if entry.sha256:
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(entry.size)}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
        content = store.content(entry)
        return part(content, *wanted.groups(), headers) if wanted else (200, content, headers)


def part(content: bytes, first: str, last: str, headers: dict[str, str]) -> Answer:
    """The answer to a request for a range of bytes."""
    size = len(content)
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= size:
        return 416, b"", headers | {"Content-Range": f"bytes */{size}"}
    return 206, content[start:stop], headers | {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}


def flipped(content: bytes) -> bytes:
    """The content with one bit changed."""
    return bytes([content[0] ^ 1]) + content[1:]
