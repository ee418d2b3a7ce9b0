"""A loopback server that speaks the part of the Hugging Face Hub's HTTP API that its clients use.

For the real `huggingface_hub` and `datasets`, run in a process of their own with
`client_environment`: dataset repositories are created, committed to, tagged, listed and read.
Faults are set by kind of request (see `hub_api.ROUTES`). What is answered is in `hub_api`, what is
kept in `hub_repo`.
"""

import contextlib
import hashlib
import http.server
import json
import os
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hub_api
import hub_repo
from hub_api import NAMESPACE, READ_TOKEN, TOKEN
from hub_repo import HubError, Repository

__all__ = ["NAMESPACE", "READ_TOKEN", "TOKEN", "Fault", "HubServer", "client_environment"]


@dataclass
class Fault:
    """What goes wrong with requests of one kind; by default nothing does.

    Attributes
    ----------
    after : int
        So many pass first.
    times : int
        How many are then hit.
    status : int
        Answer with this, and do nothing; 0 for not.
    says : str
        What the answer says then.
    hold : str
        ``"before"`` or ``"after"`` the request is carried out: wait for `release`, then hang up.
    flip : bool
        Keep what is sent with one bit changed (upload: a large file; commit: the first regular
        file).
    then : callable
        Done when a request is hit, before it is carried out.
    reached, release : threading.Event
        Set by the server when a request is held; set by the test to let it go.
    """

    after: int = 0
    times: int = 1
    status: int = 0
    says: str = "no, says the test"
    hold: str = ""
    flip: bool = False
    then: Callable[[], object] | None = None
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def hits(self) -> bool:
        """Whether it hits this request; counts it."""
        self.after -= 1
        self.times -= self.after < 0
        return self.after < 0 and self.times >= 0

    def wait(self) -> None:
        """Hold a request."""
        self.reached.set()
        self.release.wait(600)


class HubServer:
    """Serves dataset repositories on 127.0.0.1 while the ``with`` block lasts.

    `TOKEN` may write in the namespace `NAMESPACE`; `READ_TOKEN` may write nowhere.

    Attributes
    ----------
    endpoint : str
        What HF_ENDPOINT is to be.
    repos : dict of str to Repository
        By ``namespace/name``.
    requests : list of (str, str)
        Method and path (unquoted, without query) of every request so far.
    kinds : list of str
        The kind of each.
    puts : list of str
        The sha256 of every large file sent whole.
    faults : dict of str to Fault
        By kind of request.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.kinds: list[str] = []
        self.faults: dict[str, Fault] = {}
        self.lock = threading.RLock()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.hub = self
        self.endpoint = f"http://127.0.0.1:{self._http.server_port}"
        self.api = hub_api.Api(self.endpoint)
        self.repos, self.puts = self.api.repos, self.api.puts
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def writes(self) -> list[str]:
        """The kinds of those requests that change, or prepare to change, a repository."""
        return [kind for kind in self.kinds if kind in hub_api.WRITES]

    def sent_twice(self) -> list[str]:
        """The large files that were sent more than once."""
        return [sha256 for sha256, count in Counter(self.puts).items() if count > 1]

    def forget(self) -> None:
        """Start to count anew, without faults; repositories stay."""
        for fault in self.faults.values():
            fault.release.set()
        for kept in (self.requests, self.kinds, self.puts, self.faults):
            kept.clear()

    def fault(self, kind: str, **what: Any) -> Fault:
        """Set a fault for a kind of request."""
        self.faults[kind] = Fault(**what)
        return self.faults[kind]

    def add(self, repo: str, files: dict[str, bytes], tag: str = "") -> Any:
        """Commit files to a repository as another client would; it is made if it is not there."""
        with self.lock:
            store = self.repos.setdefault(repo, Repository())
            entries = dict(store.head.files)
            for path, content in files.items():
                entries[path] = self._keep(store, path, content)
            commit = store.record(entries, f"files of {tag}")
            if tag:
                store.tag(tag, commit.oid, "")
            return commit

    def _keep(self, store: Any, path: str, content: bytes) -> Any:
        if not store.is_large(path, len(content), content[:512]):
            return store.keep(content)
        sha256 = hashlib.sha256(content).hexdigest()
        store.objects[sha256] = content
        return store.large(sha256)

    def add_release(self, repo: str, release: Path, tag: str) -> Any:
        """Put a release directory on main in place of what is there, and tag it."""
        paths = (path for path in release.rglob("*") if path.is_file())
        files = {path.relative_to(release).as_posix(): path.read_bytes() for path in paths}
        if repo in self.repos:
            store = self.repos[repo]
            store.record({hub_repo.ATTRIBUTES: store.head.files[hub_repo.ATTRIBUTES]}, "clear")
        return self.add(repo, files, tag)

    def __enter__(self) -> "HubServer":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.forget()
        self._http.shutdown()
        self._http.server_close()


def client_environment(hub: HubServer, home: Path, *, token: str = TOKEN) -> dict[str, str]:
    """The environment of a client process: this server, caches of its own, no other settings.

    An empty token stands for a user who has not logged in.
    """
    ours = ("HF_", "HUGGING", "HUB_", "TRANSFERZ_", "XDG_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    flags = ("DISABLE_XET", "DISABLE_TELEMETRY", "DISABLE_UPDATE_CHECK")
    places = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HOME": str(home)}
    places["TRANSFERZ_CACHE"] = str(home / "transferz-cache")
    direct = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    login = {"HF_TOKEN": token} if token else {}
    return kept | places | direct | login | {f"HF_HUB_{flag}": "1" for flag in flags}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client went away
            super().handle()

    def do_GET(self) -> None:
        hub: HubServer = self.server.hub
        url = urllib.parse.urlsplit(self.path)
        kind, named = hub_api.kind_of(self.command, url.path)
        with hub.lock:
            hub.requests.append((self.command, urllib.parse.unquote(url.path)))
            hub.kinds.append(kind)
            fault = hub.faults.get(kind, Fault(times=0))
            fault = fault if fault.hits() else Fault()
            if fault.then:
                fault.then()
        if fault.hold == "before":
            fault.wait()
            self.close_connection = True
            return
        body = self.rfile.read(length := int(self.headers.get("Content-Length", 0)))
        if len(body) < length:  # cut short: nothing happened
            self.close_connection = True
            return
        names = {key: named.get(key, "") for key in ("repo", "path")}
        query = dict(urllib.parse.parse_qsl(url.query))
        request = hub_api.Request(
            kind,
            **names,
            revision=named.get("revision") or "main",
            url=url.path,
            query=query,
            headers=self.headers,
            body=body,
            flip=fault.flip,
        )
        answer = self.answer(hub, request, fault)
        if fault.hold == "after":
            fault.wait()
            self.close_connection = True
        else:
            self.reply(*answer)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def answer(self, hub: HubServer, request: Any, fault: Fault) -> Any:
        try:
            if fault.status:
                raise HubError(fault.status, fault.says)
            with hub.lock:
                return hub.api.answer(request)
        except HubError as error:
            return error.status, {"error": error.message}, error.headers

    def reply(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
