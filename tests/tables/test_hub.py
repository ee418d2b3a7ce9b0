"""Releases from the Hub: what is fetched is whole, checked and kept; what is not says why."""

import json
import os
import shutil
import signal
import time
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.schemas import ParameterError, ReleaseError
from transferz.schemas.survey.files import Version, json_text, listed_files, self_digest
from transferz.tables import hub as hub_module
from transferz.tables.hub import Reference, cache_folder, locate, parse_reference

REPO = "org/transferz"
FETCH = "from transferz.tables.hub import *; print(fetch(Reference('org/transferz')))"
TRY = """
from transferz.tables.hub import *
try:
    print(fetch(parse_reference({!r})))
except ReleaseError as error:
    print("refused:", error)
"""
SPOILED = "combo/train-00000-of-00001.parquet"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def respoken(release, to, **changes):
    """A copy of a release whose manifest says something else, with a hash that fits."""
    shutil.copytree(release, to)
    manifest = json.loads((to / "MANIFEST.json").read_text()) | changes
    manifest["sha256"] = self_digest(manifest)
    (to / "MANIFEST.json").write_text(json_text(manifest))
    return to


def test_the_newest_version_and_another_lie_side_by_side(hub, client, real_release, next_release):
    hub.add_release(REPO, real_release, "v1.0.0")
    hub.add_release(REPO, next_release, "v1.10.0")
    hub.add(REPO, {"notes.txt": b"x"}, "latest")
    code = """
    from transferz.tables.hub import *
    print(*published_versions("org/transferz"))
    print(locate("org/transferz"))
    print(locate("org/transferz@1.0.0"))
    """
    (versions, newest, first), said = client.run(code)
    assert versions == "1.0.0 1.10.0"  # by number, not by letter
    assert newest == str(client.kept("1.10.0"))
    assert first == str(client.kept("1.0.0"))
    assert contents(Path(newest)) == contents(next_release)
    assert contents(Path(first)) == contents(real_release)
    assert "org/transferz@v1.10.0 on the Hub (fetched)" in said

    hub.kinds.clear()
    (again, pinned), _ = client.run(
        "from transferz.tables.hub import *\n"
        "for name in ('org/transferz', 'org/transferz@1.0.0'): print(fetch(parse_reference(name)))"
    )
    assert "v1.10.0 on the Hub (from cache)" in again
    assert "v1.0.0 on the Hub (from cache)" in pinned
    assert hub.kinds == ["refs"]  # the newest is asked for, a numbered one is not


def test_a_damaged_file_on_the_hub_is_named_and_nothing_is_kept(
    hub, client, real_release, tmp_path
):
    spoiled = shutil.copytree(real_release, tmp_path / "spoiled" / "transferz")
    content = bytearray((spoiled / SPOILED).read_bytes())
    content[len(content) // 2] ^= 1
    (spoiled / SPOILED).write_bytes(content)
    hub.add_release(REPO, spoiled, "v1.0.0")
    (line,), _ = client.run(TRY.format(REPO))
    assert line.startswith(f"refused: {SPOILED} of {REPO}@v1.0.0 is damaged")
    assert client.releases() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"files": {"../../evil.txt": {}}}, "'../../evil.txt', which is no plain path"),
        ({"files": {"/etc/passwd": {}}}, "'/etc/passwd', which is no plain path"),
        ({"name": "\x1b[31m"}, r"holds '\\x1b\[31m' 1\.0\.0, expected"),
        ({"version": "1.0.1"}, "holds 'transferz' 1.0.1, expected 'transferz' 1.0.0"),
    ],
)
def test_a_manifest_that_is_not_the_releases_is_refused(changes, words, real_release, tmp_path):
    place = respoken(real_release, tmp_path / "transferz", **changes)
    manifest = json.loads((place / "MANIFEST.json").read_text())
    with pytest.raises(ReleaseError, match=words):
        listed_files(manifest, Version.parse("1.0.0"), "org/transferz@v1.0.0")


def test_a_file_that_the_manifest_does_not_name_is_refused_where_datasets_could_read_it(
    hub, client, real_release
):
    extra = "transferz/test-00002-of-00003.parquet"
    files = contents(real_release)
    train = files["transferz/train-00000-of-00001.parquet"]
    harmless = dict.fromkeys(("LICENSE", ".gitattributes", "notes/a.txt"), b"x")
    hub.add("org/leaky", files | {extra: train}, "v1.0.0")
    hub.add("org/hidden", files | {".huggingface.yaml": b"configs: []"}, "v1.0.0")
    hub.add(REPO, files | harmless, "v1.0.0")
    code = """
    import os, transferz
    from transferz.schemas import ReleaseError
    for repo in ("org/leaky", "org/hidden"):
        os.environ["TRANSFERZ_REPO"] = repo
        for streaming in (True, False):
            try:
                transferz.load_dataset(split="test", streaming=streaming)
            except ReleaseError as error:
                print(error)
    os.environ["TRANSFERZ_REPO"] = "org/transferz"
    print(transferz.find_release().version)
    """
    lines, _ = client.run(code)
    for line in lines[:2]:
        assert line.startswith(
            f"org/leaky@v1.0.0 holds '{extra}', which its MANIFEST.json does not"
        )
    for line in lines[2:4]:
        assert line.startswith("org/hidden@v1.0.0 holds '.huggingface.yaml', which its MANIFEST")
    assert lines[4:] == ["1.0.0"]


def test_a_manifest_changed_after_it_was_sealed_is_refused(hub, client, real_release, tmp_path):
    place = shutil.copytree(real_release, tmp_path / "edited" / "transferz")
    path = place / "MANIFEST.json"
    path.write_text(path.read_text().replace('"rows": 300', '"rows": 301'))
    hub.add_release(REPO, place, "v1.0.0")
    (line,), _ = client.run(TRY.format(REPO))
    assert "MANIFEST.json of org/transferz@v1.0.0 does not match its own sha256" in line
    assert client.releases() == []


@settings(deadline=None, max_examples=200)
@given(name=st.text(alphabet="ab./\\~-_\0 ", min_size=1, max_size=12))
def test_no_name_in_a_manifest_leads_out_of_the_release(name):
    manifest = {"name": "transferz", "version": "1.0.0", "files": {name: {}}, "sha256": ""}
    manifest["sha256"] = self_digest(manifest)
    try:
        (accepted,) = listed_files(manifest, Version.parse("1.0.0"), "a test")
    except ReleaseError:
        return
    path = PurePosixPath("release", accepted)
    assert ".." not in path.parts
    assert path.is_relative_to("release") and path != PurePosixPath("release")
    assert not any(part.startswith(".") for part in path.parts)


def test_a_connection_cut_midway_leaves_nothing_and_a_second_try_works(hub, client, real_release):
    hub.add_release(REPO, real_release, "v1.0.0")
    cut = hub.fault("resolve", after=12, times=10_000, hold="before")
    cut.release.set()  # hangs up at once
    (line,), _ = client.run(TRY.format(REPO))
    assert line.startswith(f"refused: fetching {REPO}@v1.0.0 broke off:")
    assert client.releases() == []
    hub.faults.clear()
    (line,), _ = client.run(TRY.format(REPO))
    assert line.startswith(f"{REPO}@v1.0.0 on the Hub (fetched)")
    assert contents(client.kept()) == contents(real_release)


def test_no_more_is_read_than_the_manifest_states(hub, client, real_release):
    """A file that has grown on the Hub, and what a tag that has moved since left in the cache."""
    hub.add_release(REPO, real_release, "v1.0.0")
    card = (real_release / "README.md").read_bytes()
    del hub.repos[REPO].tags["v1.0.0"]
    hub.add(REPO, {"README.md": card + bytes(3_000_000)}, "v1.0.0")
    (line,), _ = client.run(TRY.format(REPO))
    assert line.startswith("refused: the Hub sent more than the "), line
    assert client.releases() == []
    del hub.repos[REPO].tags["v1.0.0"]
    hub.add(REPO, {"README.md": card}, "v1.0.0")
    (line,), _ = client.run(TRY.format(REPO))
    assert "(fetched)" in line, line
    assert {path.name for path in client.kept().parent.iterdir()} == {"transferz", ".lock"}


def finished(folder, release):
    """The files that a download has brought and noted, so that the next one need not."""
    noted = {path: path.stat().st_size for path in folder.glob(".*.partial/.cache/**/*.metadata")}
    names = {path.as_posix().partition("/download/")[2] for path, size in noted.items() if size}
    return {name for name in contents(release) if f"{name}.metadata" in names}


def test_a_killed_download_does_not_count_and_the_next_goes_on(hub, client, real_release):
    hub.add_release(REPO, real_release, "v1.0.0")
    held = hub.fault("resolve", after=20, times=10_000, hold="before")
    process = client.start(FETCH)
    assert held.reached.wait(600)
    while not finished(client.kept().parent, real_release):  # one of the 20 answers is a file's
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    hub.faults.clear()
    held.release.set()
    assert client.releases() == []
    here = finished(client.kept().parent, real_release)
    hub.requests.clear()
    (line,), _ = client.run(FETCH)
    assert "(fetched)" in line
    assert not {path.split("/", 6)[6] for path in got(hub)} & here
    assert contents(client.kept()) == contents(real_release)
    assert {path.name for path in client.kept().parent.iterdir()} == {"transferz", ".lock"}


def got(hub):
    return [path for method, path in hub.requests if method == "GET" and "/resolve/" in path]


def test_offline_the_cache_serves_and_says_so(hub, client, real_release, next_release):
    hub.add_release(REPO, real_release, "v1.0.0")
    hub.add_release(REPO, next_release, "v1.10.0")
    client.run(
        "from transferz.tables.hub import *\nlocate('org/transferz@1.0.0'); locate('org/transferz')"
    )
    code = (
        TRY.format(REPO)
        + """
for version in ("1.0.0", "1.1.0"):
    try:
        print(fetch(parse_reference(f"org/transferz@{version}")))
    except ReleaseError as error:
        print("refused:", error)
"""
    )
    refused = {"HF_ENDPOINT": "http://127.0.0.1:9"}  # nobody listens there
    for offline in ({"HF_HUB_OFFLINE": "1"}, refused):
        (newest, pinned, absent), _ = client.run(code, **offline)
        assert newest.startswith(f"{REPO}@v1.10.0 on the Hub (the newest in the cache: the Hub ")
        assert pinned.startswith(f"{REPO}@v1.0.0 on the Hub (from cache)")
        assert "no version 1.1.0 of org/transferz is whole in" in absent
    for status in (503, 429):
        hub.fault("refs", times=10_000, status=status)
        (line,), _ = client.run(TRY.format(REPO))
        assert f"(the newest in the cache: the Hub answered with status {status} (" in line
    (line,), _ = client.run(TRY.format("org/other"), HF_HUB_OFFLINE="1")
    assert "or name a release directory on this machine instead" in line
    assert line.startswith("refused: the Hub is not asked, because HF_HUB_OFFLINE is set")


def test_a_private_repository_wants_a_token_and_never_shows_it(hub, client, real_release):
    hub.add_release(REPO, real_release, "v1.0.0")
    hub.repos[REPO].private = True
    (line,), _ = client.run(TRY.format(REPO), token="")
    assert "no dataset repository 'org/transferz' that you may read" in line
    assert "HF_TOKEN" in line
    wrong = "hf_WrongTokenWrongTokenWrongToken0000"
    (line,), error = client.run(TRY.format(REPO), token=wrong)
    assert line.startswith("refused:")
    assert wrong not in line + error
    (line,), _ = client.run(TRY.format(REPO))
    assert "(fetched)" in line


def test_two_repositories_with_one_version_do_not_mix(
    hub, client, real_release, release_builder, tmp_path
):
    other = release_builder(tmp_path / "transferz", version="1.0.0", mock=False, seed=900)
    hub.add_release(REPO, real_release, "v1.0.0")
    hub.add_release("org/fork", other, "v1.0.0")
    code = """
    from transferz.tables.hub import *
    print(fetch(parse_reference("org/fork")))
    print(fetch(parse_reference("org/transferz@1.0.0")))
    """
    client.run(code)
    assert contents(client.kept()) == contents(real_release)
    assert contents(client.kept(repo="org/fork")) == contents(other)
    (line,), _ = client.run(TRY.format("org/third"), HF_HUB_OFFLINE="1")
    assert line.startswith("refused:")  # nobody else's copy is served for it


def flip(path):
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize("harm", [lambda path: os.truncate(path, 100), flip], ids=["cut", "flip"])
@pytest.mark.parametrize("name", [SPOILED, "MANIFEST.json"])
def test_a_copy_damaged_in_the_cache_is_fetched_again(hub, client, real_release, name, harm):
    hub.add_release(REPO, real_release, "v1.0.0")
    client.run(FETCH)
    kept = client.kept()
    harm(kept / name)
    (line,), _ = client.run(TRY.format(REPO), HF_HUB_OFFLINE="1")
    assert "no version of org/transferz is whole in" in line
    (line,), _ = client.run(TRY.format(REPO))
    assert "(fetched)" in line
    assert contents(kept) == contents(real_release)


def test_a_cache_that_can_not_be_written_is_said_and_another_helps(hub, client, real_release):
    hub.add_release(REPO, real_release, "v1.0.0")
    (client.home / "file").touch()
    for place in ("file", "file/cache"):
        (line,), _ = client.run(TRY.format(REPO), TRANSFERZ_CACHE=str(client.home / place))
        assert line.startswith("refused: ") and "another folder" in line
        assert "with TRANSFERZ_CACHE" in line
    (line,), _ = client.run(TRY.format(REPO), TRANSFERZ_CACHE=str(client.home / "other"))
    assert "(fetched)" in line


def test_two_processes_at_once_fetch_it_once(hub, client, real_release):
    hub.add_release(REPO, real_release, "v1.0.0")
    processes = [client.start(FETCH) for _ in range(2)]
    said = [process.communicate()[0] for process in processes]
    assert all(line.startswith(f"{REPO}@v1.0.0 on the Hub") for line in said)
    assert contents(client.kept()) == contents(real_release)
    assert sum(path.endswith(SPOILED) for path in got(hub)) == 1


def test_what_is_not_there_is_said(hub, client, real_release):
    hub.add(REPO, {"README.md": b"nothing yet"})
    hub.add("org/half", {"README.md": b"no manifest"}, "v1.0.0")
    (empty,), _ = client.run(TRY.format(REPO))
    assert empty == "refused: org/transferz has no published version: no tag such as v1.0.0"
    (half,), _ = client.run(TRY.format("org/half"))
    assert half.startswith("refused: a file is missing in 'org/half'")
    hub.fault("refs", times=10_000, status=403)
    (line,), _ = client.run(TRY.format(REPO))
    assert "status 403" in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/transferz", Reference("org/transferz", None)),
        ("org/transferz@1.2.3", Reference("org/transferz", Version(1, 2, 3))),
        ("org/t-z_1.x@v1.0.0+mock", Reference("org/t-z_1.x", Version(1, 0, 0, True))),
    ],
)
def test_references_are_read(text, expected):
    assert parse_reference(text) == expected


@pytest.mark.parametrize("text", ["transferz", "a/b/c", "/absent", "../x", "org/", "org/name@", ""])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(ReleaseError, match=r"org/name@1\.0\.0"):
        parse_reference(text)


def test_a_reference_to_no_version_is_refused():
    with pytest.raises(ParameterError, match="no version of a release"):
        parse_reference("org/name@newest")


def test_a_directory_is_located_before_the_hub(real_release, monkeypatch):
    with pytest.raises(ReleaseError, match="'' is neither"):
        locate("")
    monkeypatch.setattr(hub_module, "fetch", None)
    assert locate(str(real_release)) == real_release


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("TRANSFERZ_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache/transferz"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg/transferz"
    monkeypatch.setenv("TRANSFERZ_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
