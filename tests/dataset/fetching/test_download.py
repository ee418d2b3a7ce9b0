"""One file over a bad connection: it arrives whole and checked, or not at all."""

import errno
import gzip
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transferz.dataset.fetching import download as download_module
from transferz.dataset.fetching import web as web_module
from transferz.dataset.fetching.download import (
    Expected,
    Unavailable,
    download,
    is_unproven,
    open_part,
)
from transferz.dataset.fetching.web import PermanentFailure, Retries, Web
from transferz.schemas import InputError, ParameterError

URL = "https://archive.example.org/data/table.csv"
KEY = "archive.example.org/data/table.csv"
RETRIES = Retries(
    attempts=3,
    backoff_seconds=0.002,
    backoff_max_seconds=0.02,
    connect_timeout_seconds=60.0,
    read_timeout_seconds=60.0,
    slowest_bytes_per_second=0.0,
    longest_answer_bytes=1000,
    largest_file_bytes=10_000_000,
)


def content(size, seed=0):
    return hashlib.shake_256(bytes([seed])).digest(size // 2).hex().encode()


class Place:
    """A file upstream, and where it is to come."""

    def __init__(self, folder, upstream, size=200_000):
        self.upstream, self.data = upstream, content(size)
        self.source = upstream.place(URL)
        self.source.write_bytes(self.data)
        self.target = folder / "raw" / "table.csv"
        self.folder = folder / "partial"
        self.part = self.folder / "table.csv.part"

    def get(self, expected=None, urls=(URL,), retries=RETRIES):
        return download(urls, self.target, self.folder, expected or Expected(), Web(retries))

    @property
    def md5(self):
        return hashlib.md5(self.data).hexdigest()

    @property
    def requests(self):
        return [(request.status, request.range) for request in self.upstream.requests]

    @property
    def served(self):
        return sum(request.sent for request in self.upstream.requests)

    def is_there(self):
        """The file is there as it is upstream, and nothing else is left."""
        return self.target.read_bytes() == self.data and not list(self.folder.iterdir())

    def is_absent(self):
        return not self.target.parent.exists() or not list(self.target.parent.iterdir())


@pytest.fixture
def place(tmp_path, upstream):
    return Place(tmp_path, upstream)


def test_a_file_arrives_with_its_hashes(place, capsys):
    digest = place.get()
    assert place.is_there()
    assert digest.sha256 == hashlib.sha256(place.data).hexdigest()
    assert (digest.md5, digest.bytes) == (place.md5, len(place.data))
    first, last = capsys.readouterr().err.splitlines()  # no terminal: a line before and one after
    assert first == f"fetching table.csv (0.2 MB) from {URL}"
    assert last == "fetched table.csv"


@pytest.mark.parametrize("framing", [{}, {"chunked": True}])
def test_a_dropped_connection_is_resumed(place, fault, framing):
    place.upstream.faults[KEY] = fault(drop_after=70_000, drops=1, **framing)
    place.get()
    assert place.is_there()  # without a note: a part's Content-Range says the size
    (_, whole), (status, resumed) = place.requests
    assert (whole, status) == ("", 206)
    start = int(resumed.removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= 70_000
    assert place.served == 70_000 + len(place.data) - start  # nothing came twice
    assert place.upstream.requests[1].if_range == f'"{place.md5}"'


def test_progress_starts_the_count_of_failures_anew(tmp_path, upstream, fault):
    place = Place(tmp_path, upstream, size=6_000_000)
    upstream.faults[KEY] = fault(drop_after=1_200_000, drops=4)
    place.get()
    assert place.is_there()
    assert len(place.requests) == 5 > RETRIES.attempts
    assert place.served == len(place.data)


def test_without_range_support_it_begins_anew(place, fault):
    place.upstream.faults[KEY] = fault(drop_after=70_000, no_range=True)
    place.get()
    assert place.is_there()
    assert [status for status, _ in place.requests] == [200, 200]


def test_a_file_that_changed_meanwhile_is_begun_anew(place, fault):
    place.upstream.faults[KEY] = fault(drop_after=20_000, drops=99)
    with pytest.raises(Unavailable, match="3 attempts"):
        place.get()
    old, place.data = place.data, content(150_000, seed=1)
    place.source.write_bytes(place.data)
    del place.upstream.faults[KEY]
    place.get()
    assert place.is_there()
    assert place.upstream.requests[-1].status == 200  # If-Range named the old version
    assert place.upstream.requests[-1].if_range == f'"{hashlib.md5(old).hexdigest()}"'


def test_a_server_that_resumes_a_changed_file_is_found_out(place, fault):
    place.upstream.faults[KEY] = fault(drop_after=20_000, drops=3)
    with pytest.raises(Unavailable):
        place.get()
    place.data = content(500_000, seed=1)
    place.source.write_bytes(place.data)
    place.upstream.faults[KEY] = fault(ignore_if_range=True)
    place.get()
    assert place.is_there()
    assert [request.status for request in place.upstream.requests[-2:]] == [206, 200]


def test_a_part_that_starts_elsewhere_is_not_joined(place, fault):
    place.upstream.faults[KEY] = fault(drop_after=70_000, wrong_start=True)
    place.get()
    assert place.is_there()
    assert [status for status, _ in place.requests] == [200, 206, 200]


def test_a_range_beyond_the_end(place, fault):
    """What is left of another version is longer than the file (416): begin anew."""
    place.upstream.faults[KEY] = fault(drop_after=20_000, drops=3)
    with pytest.raises(Unavailable):
        place.get()
    place.data = place.data[:1000]
    place.source.write_bytes(place.data)
    place.upstream.faults[KEY] = fault(ignore_if_range=True)
    place.get()
    assert place.is_there()
    assert [request.status for request in place.upstream.requests[-2:]] == [416, 200]


def leave_whole_part(place):
    """A run was killed between the last byte and the renaming."""
    with open_part(place.folder, "table.csv") as part:
        part.restart(URL, f'"{place.md5}"')
        part.file.write(place.data)


def test_a_complete_part_is_kept(place):
    leave_whole_part(place)
    place.get()
    assert place.is_there()
    assert place.requests == [(416, f"bytes={len(place.data)}-")]


def test_a_complete_part_of_known_hash_needs_no_request(place):
    leave_whole_part(place)
    place.get(Expected(md5=place.md5))
    assert place.is_there()
    assert place.requests == []


def test_without_a_validator_only_a_known_hash_allows_to_resume(place, fault):
    place.upstream.faults[KEY] = fault(drop_after=70_000, no_validator=True)
    place.get()
    assert [status for status, _ in place.requests] == [200, 200]
    place.target.unlink()
    place.upstream.requests.clear()
    place.upstream.faults[KEY] = fault(drop_after=70_000, no_validator=True)
    place.get(Expected(md5=place.md5))
    assert place.is_there()
    assert place.requests == [(200, ""), (206, "bytes=70000-")]


@pytest.mark.parametrize("framing", [{"no_length": True}, {"chunked": True}])
def test_no_content_length(place, fault, framing, capsys):
    """The file may have been cut short, which is noted until it has come with a known size."""
    place.upstream.faults[KEY] = fault(**framing)
    digest = place.get()
    assert place.target.read_bytes() == place.data
    assert "size unknown" in capsys.readouterr().err
    assert [path.name for path in place.folder.iterdir()] == ["table.csv.unproven"]
    assert is_unproven(place.folder, "table.csv", digest)
    del place.upstream.faults[KEY]
    place.target.unlink()
    place.get()
    assert place.is_there()


@pytest.mark.parametrize("known", ["bytes", "md5"])
def test_no_content_length_does_not_matter_where_size_or_hash_is_known(place, fault, known):
    place.upstream.faults[KEY] = fault(no_length=True)
    expected = Expected(bytes=len(place.data)) if known == "bytes" else Expected(md5=place.md5)
    place.get(expected)
    assert place.is_there()


def test_no_content_length_and_a_drop_is_noticed_where_the_size_is_known(place, fault):
    place.upstream.faults[KEY] = fault(no_length=True, drop_after=70_000)
    place.get(Expected(bytes=len(place.data)))
    assert place.is_there()
    assert place.requests == [(200, ""), (206, "bytes=70000-")]


def test_server_errors_are_retried_as_the_server_asks(place, fault, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    place.upstream.faults[KEY] = fault(statuses=[500, 429], retry_after="7")
    place.get(retries=RETRIES.model_copy(update={"backoff_max_seconds": 60.0}))
    assert place.is_there()
    assert [status for status, _ in place.requests] == [500, 429, 200]
    assert pauses == [7.0, 7.0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("", 0), ("12", 12), ("soon", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_retry_after(value, seconds):
    assert web_module.retry_after(value) == seconds


def test_backoff_doubles_to_its_maximum(place, fault, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    patient = RETRIES.model_copy(
        update={"attempts": 6, "backoff_seconds": 1.0, "backoff_max_seconds": 5.0}
    )
    place.upstream.faults[KEY] = fault(status=503)
    with pytest.raises(Unavailable, match=r"503 Service Unavailable \(6 attempts\)"):
        place.get(retries=patient)
    assert pauses == [1, 2, 4, 5, 5]
    assert place.is_absent()


@pytest.mark.parametrize("status", [403, 404, 410])
def test_the_next_address_is_asked_at_once(place, fault, status):
    other = "https://mirror.example.org/table.csv"
    place.upstream.place(other).write_bytes(place.data)
    place.upstream.faults[KEY] = fault(status=status)
    place.get(urls=(URL, other))
    assert place.is_there()
    assert [status for status, _ in place.requests] == [status, 200]


def test_the_next_address_goes_on_where_the_hash_is_known(place, fault):
    other = "https://mirror.example.org/table.csv"
    place.upstream.place(other).write_bytes(place.data)
    place.upstream.faults[KEY] = fault(drop_after=70_000, statuses=[], drops=99)
    place.get(
        Expected(md5=place.md5),
        urls=(URL, other),
        retries=RETRIES.model_copy(update={"attempts": 1}),
    )
    assert place.is_there()
    assert place.requests == [(200, ""), (206, "bytes=70000-")]
    assert place.upstream.requests[1].path == "mirror.example.org/table.csv"


def test_every_address_fails(place, fault):
    other = "https://mirror.example.org/table.csv"
    place.upstream.faults[KEY] = fault(status=500)
    with pytest.raises(Unavailable) as error:
        place.get(urls=(URL, other))
    assert f"{URL}: the server answered 500 Internal Server Error (3 attempts)" in str(error.value)
    assert f"{other}: the server answered 404 Not Found" in str(error.value)
    assert place.is_absent()
    assert not list(place.folder.iterdir())


def test_a_wrong_hash_is_named_and_nothing_is_put_in_place(place):
    with pytest.raises(Unavailable) as error:
        place.get(Expected(bytes=len(place.data), md5="0" * 32))
    assert f"expected md5 {'0' * 32}, found {place.md5}" in str(error.value)
    assert "discarded" in str(error.value)
    assert place.is_absent()
    assert not list(place.folder.iterdir())
    assert len(place.requests) == 1


def test_a_damaged_part_is_begun_anew_once(place, fault):
    leave_whole_part(place)
    place.part.write_bytes(b"x" * 5000)
    place.get(Expected(md5=place.md5))
    assert place.is_there()
    assert [status for status, _ in place.requests] == [206, 200]
    place.upstream.requests.clear()
    place.upstream.faults[KEY] = fault(drop_after=70_000)
    with pytest.raises(Unavailable, match="expected md5"):  # a resumed file that is wrong twice
        place.get(Expected(md5="0" * 32))
    assert [status for status, _ in place.requests] == [200, 206, 200]


def test_a_wrong_size_is_found_before_the_download(place):
    with pytest.raises(Unavailable, match=r"expected a file of 5 bytes, the server's has 200,000"):
        place.get(Expected(bytes=5))
    assert place.is_absent()


def test_a_login_page_is_no_data(place, fault):
    place.upstream.faults[KEY] = fault(html=True)
    with pytest.raises(Unavailable, match="a web page"):
        place.get()
    assert place.is_absent()


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("https://elsewhere.example.org/table.csv", False),
        ("http://elsewhere.example.org/table.csv", True),
        ("ftp://elsewhere.example.org/table.csv", True),
        ("/data/other.csv", False),
    ],
)
def test_redirects_lead_to_https_alone(place, fault, target, refused):
    if target.startswith("/"):
        place.upstream.place(f"https://archive.example.org{target}").write_bytes(place.data)
        target = f"{place.upstream.url}/archive.example.org{target}"
    else:
        place.upstream.place(target).write_bytes(place.data)
    place.upstream.faults[KEY] = fault(redirect=target)
    if refused:
        with pytest.raises(Unavailable, match="not https"):
            place.get()
        assert place.is_absent()
    else:
        place.get()
        assert place.is_there()


def test_plain_http_is_refused_without_a_mirror(monkeypatch):
    monkeypatch.delenv("TRANSFERZ_MIRROR", raising=False)
    with (
        pytest.raises(PermanentFailure, match="not https"),
        Web(RETRIES).get("http://archive.example.org/", {}),
    ):
        pass


def test_certificates_are_verified(place, monkeypatch):
    def refuse(*_, **options):
        assert options.get("verify", True) is True
        raise requests.exceptions.SSLError("self-signed certificate")

    assert Web(RETRIES)._session.verify is True
    monkeypatch.setattr(requests.Session, "get", refuse)
    with pytest.raises(Unavailable, match="SSLError: self-signed"):
        place.get()


@pytest.mark.parametrize(
    "mirror",
    ["localhost:80", "https://", "https://me:secret@localhost:80", "me:secret@localhost:80/a"],
)
def test_a_mirror_that_is_no_address_or_holds_a_password(monkeypatch, mirror):
    monkeypatch.setenv("TRANSFERZ_MIRROR", mirror)
    with pytest.raises(ParameterError, match="TRANSFERZ_MIRROR") as told:
        web_module.mirrored(URL)
    assert "secret" not in str(told.value)


def test_what_a_server_names_is_told_without_its_secrets(place, fault, capsys):
    """A redirect with a password and a token, and a reason that steers the terminal."""
    secret = "http://me:secret@example.org/a?token=secret#secret"
    place.upstream.faults[KEY] = fault(redirect=secret)
    with pytest.raises(Unavailable, match=r"not https: http://example\.org/a;?") as told:
        place.get()
    assert "secret" not in str(told.value) + capsys.readouterr().err
    signed = f"{URL}?signature=secret"
    del place.upstream.faults[KEY]
    place.get(urls=(signed,))
    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("known", [True, False])
def test_no_more_is_read_than_is_known(place, fault, chunked, known):
    """Of the size that the source states, or else the largest that a file may have."""
    place.upstream.faults[KEY] = fault(
        chunked=chunked, no_length=True, surplus=5_000_000, no_validator=True
    )
    limit = RETRIES.model_copy(update={"largest_file_bytes": len(place.data)})
    expected = Expected(len(place.data), place.md5) if known else Expected()
    with pytest.raises(Unavailable, match=r"sent more than the 200,000 bytes expected"):
        place.get(expected, retries=limit)
    assert place.is_absent()
    assert not place.part.exists()
    assert len(place.upstream.requests) == 1


def test_a_link_in_the_place_of_a_download_is_not_followed(place, tmp_path):
    (tmp_path / "mine").write_text("mine")
    place.folder.mkdir()
    place.part.symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match=r"cannot write .*table\.csv\.part"):
        place.get()
    assert (tmp_path / "mine").read_text() == "mine"
    place.part.unlink()
    for name in ("table.csv.part.json", "table.csv.unproven"):
        (place.folder / name).symlink_to(tmp_path / "mine")
    place.get()
    assert place.is_there()
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_server_that_is_too_slow_is_given_up(place, monkeypatch):
    """By a clock that shows a minute more each time; nothing is lost of what has come."""
    minutes = itertools.count(0.0, 60.0)
    clock = SimpleNamespace(sleep=lambda _: None, monotonic=lambda: next(minutes))
    monkeypatch.setattr(web_module, "time", clock)
    slow = RETRIES.model_copy(update={"slowest_bytes_per_second": 1e6, "attempts": 1})
    with pytest.raises(Unavailable, match=r"bytes came in 60 s: too slow"):
        place.get(retries=slow)
    assert place.is_absent()
    assert place.data.startswith(place.part.read_bytes())
    assert place.part.stat().st_size > 0
    place.get()
    assert place.is_there()


def test_an_answer_that_never_begins_is_given_up(place, fault):
    """Its headers come a byte at a time, so that no time-out of a connection ends it."""
    place.upstream.faults[KEY] = fault(slow_headers=True)
    hurried = RETRIES.model_copy(
        update={"connect_timeout_seconds": 0.2, "read_timeout_seconds": 0.3, "attempts": 1}
    )
    with pytest.raises(Unavailable, match=r"no answer began within 0\.5 s|Read timed out"):
        place.get(retries=hurried)


@pytest.mark.parametrize(
    ("answer", "encoding", "said"),
    [
        (b'{"files": "' + bytes(2000) + b'"}', "", "more than the 1,000 bytes expected"),
        (gzip.compress(b"[" + b" " * 9_000_000 + b"]"), "gzip", r"compressed \(gzip\)"),
        (b"[" * 500, "", "not JSON"),
        (b"{", "", "not JSON"),
    ],
    ids=["long", "packed", "deep", "cut"],
)
def test_an_answer_of_an_api_has_bounds(upstream, fault, answer, encoding, said):
    address = "https://zenodo.org/api/records/1"
    upstream.faults["zenodo.org/api/records/1"] = fault(answer=answer, encoding=encoding)
    with pytest.raises(PermanentFailure, match=said):
        Web(RETRIES).json(address)


def test_the_disk_is_too_small(place, monkeypatch):
    usage = SimpleNamespace(free=1000)
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InputError, match="bytes of disk space are needed, 1,000 are free"):
        place.get()
    assert place.is_absent()


def test_the_disk_is_full(place, fault, monkeypatch):
    check = download_module.tqdm.update

    def fill(bar, count):
        if place.part.stat().st_size > 50_000:
            raise OSError(errno.ENOSPC, "No space left on device", str(place.part))
        check(bar, count)

    place.upstream.faults[KEY] = fault(chunked=True)
    with monkeypatch.context() as patch:
        patch.setattr(download_module.tqdm, "update", fill)
        with pytest.raises(InputError) as error:
            place.get()
    assert f"cannot write {place.part}: No space left on device; free space" in str(error.value)
    assert place.is_absent()
    kept = place.part.stat().st_size
    assert kept > 50_000
    place.get()  # there is space again
    assert place.is_there()
    assert place.requests[-1] == (206, f"bytes={kept}-")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written(place, monkeypatch, code):
    replace = Path.replace

    def refuse(source, target):
        if target == place.target:
            raise OSError(code, os.strerror(code), str(target))
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InputError, match=rf"cannot write {place.target}: {os.strerror(code)}"):
        place.get()
    assert place.is_absent()
    monkeypatch.undo()
    os.environ |= place.upstream.environment
    place.get()  # what was downloaded is still there
    assert place.is_there()


def test_a_folder_whose_place_a_file_takes(place):
    place.folder.write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        place.get()


def test_across_file_systems(place, monkeypatch):
    replace = Path.replace

    def elsewhere(path, target):
        if path == place.part:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", elsewhere)
    place.get()
    assert place.is_there()
    assert [path.name for path in place.target.parent.iterdir()] == ["table.csv"]


def test_two_processes_do_not_write_the_same_file(place):
    with open_part(place.folder, "table.csv"), pytest.raises(InputError, match="another process"):
        place.get()


PROGRAM = """
import sys
from pathlib import Path
from transferz.dataset.fetching.download import download
from transferz.dataset.fetching.download import Expected
from transferz.dataset.fetching.web import Retries, Web
retries = Retries(attempts=1, backoff_seconds=0.0, backoff_max_seconds=0.0,
                  connect_timeout_seconds=60.0, read_timeout_seconds=60.0,
                  slowest_bytes_per_second=0.0, longest_answer_bytes=1000,
                  largest_file_bytes=10_000_000)
download([sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]), Expected(), Web(retries))
"""


def test_killed_and_run_again_it_goes_on(tmp_path, upstream, fault):
    place = Place(tmp_path, upstream, size=3_000_000)
    held = upstream.faults[KEY] = fault(hold_after=600_000)
    arguments = (URL, str(place.target), str(place.folder))
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments])
    while not (
        place.part.exists() and place.part.stat().st_size > 200_000
    ):  # the server waits for us
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held.release.set()
    kept = place.part.stat().st_size
    assert place.is_absent()
    del upstream.faults[KEY]
    place.get()
    assert place.is_there()
    assert upstream.requests[-1].range == f"bytes={kept}-"
    assert upstream.requests[-1].status == 206
    assert upstream.requests[-1].sent == len(place.data) - kept


def test_a_bar_on_a_terminal(place, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    place.get()
    assert place.is_there()
    said = capsys.readouterr().err
    assert "table.csv: 100%" in said
    assert "B/s" in said


faults = st.fixed_dictionaries(
    {
        "drop_after": st.none() | st.integers(0, 40_000),
        "drops": st.integers(0, 3),
        "statuses": st.lists(st.sampled_from([500, 503, 429, 404, 206, 416]), max_size=2),
        "no_length": st.booleans(),
        "chunked": st.booleans(),
        "no_range": st.booleans(),
        "ignore_if_range": st.booleans(),
        "no_validator": st.booleans(),
        "wrong_start": st.booleans(),
        "html": st.booleans(),
    }
)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(runs=st.lists(st.tuples(faults, st.integers(0, 1)), min_size=1, max_size=3))
def test_whatever_goes_wrong_only_the_right_file_appears(place, fault, runs):
    """Several runs, the file upstream perhaps another each time, its size and md5 known."""
    quick = RETRIES.model_copy(update={"backoff_seconds": 0.0})
    for what, version in runs:
        place.data = content(40_000, seed=version)
        place.source.write_bytes(place.data)
        place.upstream.faults[KEY] = fault(**what | {"statuses": list(what["statuses"])})
        place.target.unlink(missing_ok=True)
        try:
            place.get(Expected(len(place.data), place.md5), retries=quick)
        except Unavailable:
            assert place.is_absent()
        else:
            assert place.is_there()
            assert hashlib.md5(place.target.read_bytes()).hexdigest() == place.md5
