"""A loopback HTTP server that stands for the upstream archives, with faults on demand.

Serves a folder laid out as ``<host>/<path>``. What lies in ``zenodo.org/records/<id>/files/`` is
also listed, with sizes and md5, at ``zenodo.org/api/records/<id>`` as Zenodo's API lists it.
"""

import contextlib
import email.utils
import hashlib
import http.server
import json
import re
import socket
import threading
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 1 << 14
API_RECORD = re.compile(r"zenodo\.org/api/records/(\d+)")
API_CONTENT = re.compile(r"zenodo\.org/api/records/(\d+)/files/(.+)/content")
LOGIN_PAGE = b"<!DOCTYPE html>\n<html><body>Please log in.</body></html>\n"


@dataclass
class Fault:
    """What goes wrong at one path; by default nothing does.

    Attributes
    ----------
    drop_after : int or None
        Close the connection after so many bytes of a body that has more, `drops` times.
    statuses : list of int
        Answer with these, one per request, before answering normally.
    retry_after : str
        Header ``Retry-After`` of those answers.
    status : int
        Answer with this always; 0 for never.
    no_length, chunked : bool
        Send no Content-Length: end the body by closing, or send chunks.
    no_range : bool
        Ignore Range.
    ignore_if_range : bool
        Honour Range even where the file has changed.
    no_validator : bool
        Send neither ETag nor Last-Modified.
    wrong_start : bool
        Answer a Range request with a part that starts elsewhere.
    html : bool
        Send a login page with status 200.
    redirect : str
        Redirect there.
    md5 : str
        What the API says the md5 is.
    surplus : int
        Send so many bytes more than the file has.
    encoding : str
        Header ``Content-Encoding``.
    hang_up : bool
        Close the connection in place of an answer.
    slow_headers : bool
        Send the headers one byte at a time, without end.
    answer : bytes
        Send this in place of what Zenodo's API says.
    hold_after : int or None
        Once so many bytes of a body have been sent, set `held` and wait for `release`.
    """

    drop_after: int | None = None
    drops: int = 1
    statuses: list[int] = field(default_factory=list)
    retry_after: str = ""
    status: int = 0
    no_length: bool = False
    chunked: bool = False
    no_range: bool = False
    ignore_if_range: bool = False
    no_validator: bool = False
    wrong_start: bool = False
    html: bool = False
    redirect: str = ""
    md5: str = ""
    surplus: int = 0
    encoding: str = ""
    hang_up: bool = False
    slow_headers: bool = False
    answer: bytes = b""
    hold_after: int | None = None
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


@dataclass
class Request:
    """One request and what was answered: the requested range (empty for none), bytes of body."""

    path: str
    range: str
    if_range: str
    status: int = 0
    sent: int = 0


class UpstreamServer:
    """Serves `root` on 127.0.0.1 while the ``with`` block lasts.

    Attributes
    ----------
    root : Path
        The folder served.
    faults : dict of str to Fault
        By path, as ``zenodo.org/records/1/files/a.csv``; for the API ``zenodo.org/api/records/1``.
    requests : list of Request
        Every request so far.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: dict[str, Fault] = {}
        self.requests: list[Request] = []
        self.digests: dict[tuple, str] = {}
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.upstream = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """What TRANSFERZ_MIRROR is to be."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to fetch from here."""
        return {"TRANSFERZ_MIRROR": self.url, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}

    def place(self, url: str) -> Path:
        """Where to put the file that `url` is to give; its folder is made."""
        path = self.root / key_of(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def record(self, number: int) -> Path:
        """The folder with the files of a Zenodo record; it is made."""
        folder = self.root / f"zenodo.org/records/{number}/files"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def requests_of(self, name: str) -> list[Request]:
        """The requests whose path ends in `name`."""
        return [request for request in self.requests if request.path.endswith(name)]

    def __enter__(self) -> "UpstreamServer":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        for fault in self.faults.values():
            fault.release.set()
        self._http.shutdown()
        self._http.server_close()


def key_of(url: str) -> str:
    """``https://host/path?query`` to ``host/path``, the API's download address to the file's."""
    parts = urllib.parse.urlsplit(url)
    path = urllib.parse.unquote(f"{parts.netloc}{parts.path}").strip("/")
    content = API_CONTENT.fullmatch(path)
    return "zenodo.org/records/{}/files/{}".format(*content.groups()) if content else path


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client went away
            super().handle()

    def do_GET(self) -> None:
        self.upstream = self.server.upstream
        key = key_of(self.path)
        fault = self.upstream.faults.get(key, Fault())
        asked = self.headers.get("Range", ""), self.headers.get("If-Range", "")
        self.note = Request(key, *asked)
        self.upstream.requests.append(self.note)
        if status := fault.statuses.pop(0) if fault.statuses else fault.status:
            self.reply(status, b"no\n", {"Retry-After": fault.retry_after})
        elif fault.redirect:
            self.reply(302, b"", {"Location": fault.redirect})
        elif fault.html:
            self.reply(200, LOGIN_PAGE, {"Content-Type": "text/html"})
        elif fault.hang_up:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif fault.slow_headers:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
            while not fault.release.wait(0.005):
                self.wfile.write(b"x")
        elif fault.answer:
            self.reply(200, fault.answer, {"Content-Encoding": fault.encoding})
        elif record := API_RECORD.fullmatch(key):
            self.reply_record(int(record[1]))
        elif not (self.upstream.root / key).is_file():
            self.reply(404, b"not found\n", {})
        else:
            self.reply_file(self.upstream.root / key, fault)

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.note.status, self.note.sent = status, len(body)
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def reply_record(self, number: int) -> None:
        folder = self.upstream.root / f"zenodo.org/records/{number}/files"
        if not folder.is_dir():
            self.reply(404, b'{"status": 404}', {})
            return
        files = [self.entry(number, path) for path in sorted(folder.iterdir())]
        body = json.dumps({"id": number, "files": files}).encode()
        self.reply(200, body, {"Content-Type": "application/json"})

    def entry(self, number: int, path: Path) -> dict[str, object]:
        key = f"zenodo.org/records/{number}/files/{path.name}"
        md5 = self.upstream.faults.get(key, Fault()).md5 or self.digest(path)
        name = urllib.parse.quote(path.name)
        link = f"https://zenodo.org/api/records/{number}/files/{name}/content"
        size = path.stat().st_size
        return {"key": path.name, "size": size, "checksum": f"md5:{md5}", "links": {"self": link}}

    def digest(self, path: Path) -> str:
        known, state = self.upstream.digests, path.stat()
        key = (path, state.st_size, state.st_mtime_ns)
        if key not in known:
            known[key] = hashlib.md5(path.read_bytes()).hexdigest()
        return known[key]

    def reply_file(self, path: Path, fault: Fault) -> None:
        size = path.stat().st_size
        tag, date = (
            f'"{self.digest(path)}"',
            email.utils.formatdate(path.stat().st_mtime, usegmt=True),
        )
        unchanged = self.note.if_range in ("", tag, date) or fault.ignore_if_range
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.note.range)
        start = int(wanted[1]) if wanted and unchanged and not fault.no_range else None
        end = min(size, int(wanted[2]) + 1) if start is not None and wanted[2] else size
        if start is not None and start >= size:
            self.reply(416, b"", {"Content-Range": f"bytes */{size}"})
            return
        self.note.status = 200 if start is None else 206
        start = max((start or 0) - 7, 0) if fault.wrong_start else start or 0
        self.send_response(self.note.status)
        if self.note.status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        if fault.encoding:
            self.send_header("Content-Encoding", fault.encoding)
        if not fault.no_validator:
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", date)
        self.send_framing(fault, end - start)
        self.send_body(path, start, end, fault)

    def send_framing(self, fault: Fault, length: int) -> None:
        if fault.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif fault.no_length:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length + fault.surplus))
        self.end_headers()

    def send_body(self, path: Path, start: int, end: int, fault: Fault) -> None:
        left, dropped = end - start, False
        if fault.drop_after is not None and fault.drops > 0 and fault.drop_after < left:
            fault.drops -= 1
            left, dropped = fault.drop_after, True
        with path.open("rb") as file:
            file.seek(start)
            while data := file.read(min(CHUNK, left)):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if fault.chunked else data)
                self.note.sent += len(data)
                left -= len(data)
                if fault.hold_after is not None and self.note.sent >= fault.hold_after:
                    self.wfile.flush()
                    fault.held.set()
                    fault.release.wait()
        if surplus := bytes(fault.surplus):
            self.wfile.write(
                b"%x\r\n%s\r\n" % (len(surplus), surplus) if fault.chunked else surplus
            )
        if dropped:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif fault.chunked:
            self.wfile.write(b"0\r\n\r\n")
