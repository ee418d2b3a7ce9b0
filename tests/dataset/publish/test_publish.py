"""Releases published with the real clients of the Hub to a server on loopback, and read back.

All rows are invented (mock), also where a release is named as a real one.
"""

import functools
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import hub_server
import pytest
from hub_client import HubClient
from hub_server import READ_TOKEN, TOKEN
from releases import read_manifest
from releases import remake as derive

from transferz.schemas.survey.files import MANIFEST_FILE


@pytest.fixture(scope="module")
def mock(small_release):
    """A mock release, version 2.0.0+mock."""
    return small_release


@pytest.fixture(scope="module")
def remake(mock, tmp_path_factory):
    """Derive a release from it, under a real one's name."""

    @functools.cache
    def make(version, edit=None):
        folder = tmp_path_factory.mktemp("remade") / "transferz"
        return derive(mock, folder, version=version, edit=edit)

    return make


@pytest.fixture(scope="module")
def first(remake):
    return remake("1.0.0")


@pytest.fixture(scope="module")
def second(remake):
    """A next version, MAJOR: no split calibration."""
    return remake("2.0.0", lambda config, rows: rows[rows["split"] != "calibration"])


@pytest.fixture(scope="module")
def server():
    with hub_server.HubServer() as server:
        yield server


@pytest.fixture
def hub(server):
    server.forget()
    yield server
    server.forget()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def client(server, home):
    environment = hub_server.client_environment(server, home)
    with HubClient(environment, home) as client:
        yield client


@pytest.fixture
def publish(client):
    """Run `transferz publish`."""

    def run(release, repo, *options, start=False, **environment):
        begin = client.start if start else client.run
        return begin("publish", "--release", release, "--repo", repo, *options, **environment)

    return run


@functools.cache
def files_of(release):
    """path -> content of a release."""
    paths = (path for path in release.rglob("*") if path.is_file())
    return {path.relative_to(release).as_posix(): path.read_bytes() for path in paths}


def files_at(hub, repo, revision):
    """path -> content that a repository holds, without what is the Hub's own."""
    store = hub.repos[repo]
    files = store.resolve(revision).files
    return {p: store.content(one) for p, one in files.items() if p != ".gitattributes"}


LOAD = """
import json, sys
from pathlib import Path
import datasets
import pyarrow as pa, pyarrow.parquet as pq

releases, found = json.loads(sys.argv[1]), {}
for revision, (repo, path) in releases.items():
    for config in datasets.get_dataset_config_names(repo, revision=revision):
        loaded = datasets.load_dataset(repo, config, revision=revision)
        for split, rows in loaded.items():
            files = sorted(Path(path, config).glob(f"{split}-*.parquet"))
            here = pa.concat_tables(map(pq.read_table, files)).combine_chunks()
            there = rows.data.table.combine_chunks().replace_schema_metadata(None)
            same = there.cast(here.schema).equals(here.replace_schema_metadata(None))
            found[f"{revision}/{config}/{split}"] = len(rows) if same else "differs"
print(json.dumps(found))
"""


def test_two_versions_lie_side_by_side_and_load_with_the_stock_library(
    hub, home, publish, mock, first, second
):
    """And a mock beside them, whose tag has a plus sign."""
    for release, version in ((first, "v1.0.0"), (second, "v2.0.0")):
        done = publish(release, "org/two")
        assert done.returncode == 0, done.stderr
        assert f"tagged {version}" in done.stdout
        assert files_at(hub, "org/two", "main") == files_of(release)
    assert files_at(hub, "org/two", "v1.0.0") == files_of(first)
    assert files_at(hub, "org/two", "v2.0.0") == files_of(second)
    gone = "combo/calibration-00000-of-00001.parquet"
    assert gone in files_of(first)
    assert gone not in files_of(second)
    assert ".gitattributes" in hub.repos["org/two"].head.files
    assert hub.sent_twice() == []
    for release in (first, second):
        manifest = json.loads((release / MANIFEST_FILE).read_text())
        _, message = hub.repos["org/two"].tags[f"v{manifest['version']}"]
        assert manifest["sha256"] in message

    hub.add_release("org/two-mock", mock, "v2.0.0+mock")
    where = {
        "v1.0.0": ("org/two", str(first)),
        "v2.0.0": ("org/two", str(second)),
        "v2.0.0+mock": ("org/two-mock", str(mock)),
    }
    environment = hub_server.client_environment(hub, home, token="")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(where)],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = {
        f"{revision}/{config}/{split}": facts["rows"]
        for revision, (_, path) in where.items()
        for config, splits in read_manifest(Path(path))["content"].items()
        for split, facts in splits.items()
    }
    assert json.loads(done.stdout) == expected


MOMENTS = {
    "the repository is created": ("create", 0, "after"),
    "after some uploads": ("upload", 7, "before"),
    "an upload is answered": ("upload", 4, "after"),
    "before the commit": ("commit", 0, "before"),
    "the commit is answered": ("commit", 0, "after"),
    "the tag is answered": ("tag", 0, "after"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_a_repeat_completes_it_and_uploads_nothing_twice(
    hub, publish, first, moment
):
    kind, after, hold = MOMENTS[moment]
    repo = f"org/killed-{list(MOMENTS).index(moment)}"
    fault = hub.fault(kind, after=after, hold=hold)
    running = publish(first, repo, start=True)
    assert fault.reached.wait(600)
    assert ("v1.0.0" in hub.repos[repo].tags if repo in hub.repos else False) == (
        (kind, hold) == ("tag", "after")
    )
    running.kill()
    assert running.wait().returncode == -9
    fault.release.set()

    done = publish(first, repo)
    assert done.returncode == 0, done.stderr
    assert files_at(hub, repo, "v1.0.0") == files_of(first)
    assert len(hub.repos[repo].commits) == 2  # the Hub's first one, and ours
    assert hub.sent_twice() == []
    large = {one.sha256 for one in hub.repos[repo].head.files.values() if one.sha256}
    assert set(hub.puts) == large


def test_what_is_published_already_is_said_and_nothing_is_written(hub, publish, first, tmp_path):
    """Also from a copy that the Hub's client fetched, with its own notes in it, in a folder named
    by a commit, and beside a file of somebody else."""
    hub.add("org/again", files_of(first) | {"LICENSE": b"mine\n"}, tag="v1.0.0")
    fetched = shutil.copytree(first, tmp_path / "0123abc")
    notes = fetched / ".cache" / "huggingface" / "note"
    notes.parent.mkdir(parents=True)
    notes.write_text("of the client\n")
    done = publish(fetched, "org/again")
    assert done.returncode == 0
    assert "already" in done.stdout
    assert "left out, being of no release: .cache/\n" in done.stdout
    assert hub.writes == []


def test_what_is_published_can_be_verified_and_compared_by_its_name(hub, client, first, second):
    hub.add_release("org/named", first, "v1.0.0")
    hub.add_release("org/named", second, "v2.0.0")
    done = client.run("verify", "org/named@1.0.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "org/named@v1.0.0 on the Hub (fetched): " in done.stderr
    done = client.run("diff", "org/named@1.0.0", "org/named@v2.0.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on the Hub (from cache): " in done.stderr


def brighter(config, rows):
    return rows.assign(g_cmodel_mag=rows["g_cmodel_mag"] - 0.5)


def refused(hub, done, *words):
    """Exit status 2, one line that says this, nothing written."""
    assert done.returncode == 2, done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert [one for one in hub.writes if one != "create"] == []


def test_a_patch_sends_only_what_changed_and_another_of_its_version_is_refused(
    hub, publish, first, remake
):
    hub.add_release("org/patch", first, "v1.0.0")
    patch, changed = remake("1.0.1"), remake("1.0.1", brighter)
    refused(hub, publish(changed, "org/patch"), "PATCH step", "org/patch", "MAJOR", "2.0.0")

    done = publish(patch, "org/patch")
    assert done.returncode == 0, done.stderr
    assert "since 1.0.0" in done.stdout
    assert files_at(hub, "org/patch", "v1.0.1") == files_of(patch)
    differ = {p for p, content in files_of(patch).items() if files_of(first).get(p) != content}
    sent = {p for p, one in hub.repos["org/patch"].head.files.items() if one.sha256 in hub.puts}
    assert sent <= differ
    assert not any(path.endswith(".parquet") for path in sent)

    hub.forget()
    for option in ((), ("--dry-run",)):
        done = publish(changed, "org/patch", *option)
        refused(hub, done, "v1.0.1", "other content", "params.yaml")
    assert files_at(hub, "org/patch", "main") == files_of(patch)


def test_files_that_no_version_had_are_left_where_they_are(hub, publish, first, second):
    mine = {"LICENSE": b"mine\n", "CONTRIBUTORS.md": b"me\n"}
    hub.add_release("org/kept", first, "v1.0.0")
    hub.add("org/kept", mine)
    done = publish(second, "org/kept")
    assert done.returncode == 0, done.stderr
    assert "deleting from the former version: combo/calibration" in done.stdout
    assert "left as they are, being of no release: CONTRIBUTORS.md, LICENSE\n" in done.stdout
    assert files_at(hub, "org/kept", "v2.0.0") == files_of(second) | mine


def test_a_card_that_was_edited_on_the_hub_is_replaced_only_when_asked(hub, publish, first, second):
    hub.add_release("org/edited", first, "v1.0.0")
    hub.add("org/edited", {"README.md": b"# Edited\n"})
    edit = hub.repos["org/edited"].head.oid
    for option in ((), ("--dry-run",)):
        done = publish(second, "org/edited", *option)
        refused(hub, done, "README.md of org/edited was edited", "v1.0.0", "--replace")
    done = publish(second, "org/edited", "--replace")
    assert done.returncode == 0, done.stderr
    assert (
        f"replacing what was written on the Hub (commit {edit[:7]} keeps it): README.md"
        in done.stdout
    )
    assert files_at(hub, "org/edited", "v2.0.0") == files_of(second)
    assert edit in hub.repos["org/edited"].commits


def test_a_card_that_the_release_has_as_well_is_no_edit(hub, publish, first, remake):
    """As after a run that broke off before the tag."""
    hub.add_release("org/begun", first, "v1.0.0")
    hub.add("org/begun", files_of(remake("1.0.1")))
    done = publish(remake("1.0.1"), "org/begun")
    assert done.returncode == 0, done.stderr
    assert "tagged v1.0.1" in done.stdout and "replacing" not in done.stdout


def test_an_older_version_is_refused(hub, publish, first, second):
    hub.add_release("org/older", second, "v2.0.0")
    refused(hub, publish(first, "org/older"), "2.0.0", "older")


def test_a_mock_goes_only_to_a_repository_that_says_mock(hub, publish, mock, first):
    refused(hub, publish(mock, "org/transferz"), "mock", "org/transferz-mock")
    refused(hub, publish(first, "org/transferz-mock"), "none")
    done = publish(mock, "org/transferz-mock")
    assert done.returncode == 0, done.stderr
    assert files_at(hub, "org/transferz-mock", "v2.0.0+mock") == files_of(mock)


@pytest.mark.parametrize("kind", ["upload", "commit"])
def test_an_upload_that_arrives_damaged_is_found_and_not_tagged(hub, publish, first, kind):
    repo = f"org/damaged-{kind}"
    hub.fault(kind, flip=True)
    done = publish(first, repo)
    assert done.returncode == 2
    assert "other bytes" in done.stderr
    differ = [
        path
        for path, content in files_at(hub, repo, "main").items()
        if content != files_of(first)[path]
    ]
    assert len(differ) == 1
    assert differ[0] in done.stderr
    assert hub.repos[repo].tags == {}

    assert publish(first, repo).returncode == 0
    assert files_at(hub, repo, "v1.0.0") == files_of(first)
    assert Counter(hub.puts).total() == len(set(hub.puts)) + (kind == "upload")


def test_a_file_that_changes_after_it_was_verified_is_not_tagged(hub, publish, first, tmp_path):
    release = shutil.copytree(first, tmp_path / "transferz")
    changed = release / "_index/combo.index"
    hub.fault("preupload", then=lambda: changed.write_bytes(changed.read_bytes() + b"\n"))
    done = publish(release, "org/changed")
    assert done.returncode == 2
    assert "org/changed" in done.stderr
    assert hub.repos["org/changed"].tags == {}


def test_a_release_that_is_not_sound_is_not_published(hub, publish, first, tmp_path):
    broken = tmp_path / "transferz"
    shutil.copytree(first, broken)
    damaged = broken / "combo/test-00000-of-00001.parquet"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    refused(hub, publish(broken, "org/broken"), "combo/test-00000-of-00001.parquet")
    assert hub.requests == []


def test_someone_elses_commit_meanwhile_is_not_overwritten(hub, publish, first):
    repo = "org/busy"
    hub.fault("preupload", then=lambda: hub.add(repo, {"note.txt": b"mine\n"}))
    done = publish(first, repo)
    assert done.returncode == 2
    assert "someone else" in done.stderr
    assert files_at(hub, repo, "main") == {"note.txt": b"mine\n"}
    assert hub.repos[repo].tags == {}


def test_a_tag_that_someone_else_set_meanwhile_is_found(hub, publish, first):
    repo = "org/race"
    hub.fault("tag", then=lambda: hub.add(repo, {"note.txt": b"mine\n"}, tag="v1.0.0"))
    done = publish(first, repo)
    assert done.returncode == 2
    assert "someone else tagged v1.0.0" in done.stderr


def test_a_dry_run_lists_what_would_be_done_and_writes_nothing(hub, publish, first, second):
    done = publish(first, "org/dry", "--dry-run")
    assert done.returncode == 0, done.stderr
    for path, content in files_of(first).items():
        assert f"{len(content):,} bytes  {path}\n" in done.stdout
    assert "tag v1.0.0" in done.stdout
    assert "org/dry" not in hub.repos

    hub.add_release("org/dry", first, "v1.0.0")
    done = publish(second, "org/dry", "--dry-run", HF_TOKEN="")
    assert done.returncode == 0, done.stderr
    assert "rows removed" in done.stdout
    assert "delete" in done.stdout
    assert "combo/calibration-00000-of-00001.parquet" in done.stdout
    assert hub.writes == []
    assert set(hub.repos["org/dry"].tags) == {"v1.0.0"}


def test_without_a_connection_a_dry_run_lists_all_files_and_publishing_says_so(hub, publish, first):
    hub.fault("info", status=503, times=9)
    done = publish(first, "org/away", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "503" in done.stdout
    assert f"{len(files_of(first))} files" in done.stdout
    refused(hub, publish(first, "org/away"), "503")


def test_logins_that_may_not_write_are_refused(hub, publish, first):
    refused(hub, publish(first, "org/closed", HF_TOKEN=""), "hf auth login", "HF_TOKEN")
    refused(hub, publish(first, "org/closed", HF_TOKEN=READ_TOKEN), "403", "write access")
    assert not any(repo.endswith("closed") for repo in hub.repos)


def test_a_repository_that_holds_something_else_is_left_alone(hub, publish, first):
    theirs = b'{"name": "other", "files": {"data.csv": {}}}'
    files = {"README.md": b"# Other\n", "data.csv": b"a,b\n1,2\n", MANIFEST_FILE: theirs}
    hub.add("org/other", files)
    refused(hub, publish(first, "org/other"), "data.csv", "another repository")


def test_a_name_that_is_no_repositorys_is_refused(hub, publish, first):
    refused(hub, publish(first, "org/trans--ferz"), "org/name")
    assert hub.requests == []


def test_a_server_error_midway_says_that_repeating_is_safe(hub, publish, first):
    hub.fault("upload", after=3, status=507, times=99)
    done = publish(first, "org/full")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "507" in done.stderr
    assert "run the same command again" in done.stderr
    hub.faults.clear()
    assert publish(first, "org/full").returncode == 0
    assert hub.sent_twice() == []
    assert files_at(hub, "org/full", "v1.0.0") == files_of(first)


def test_private_is_for_a_repository_that_is_created(hub, publish, first):
    assert publish(first, "org/secret", "--private").returncode == 0
    assert hub.repos["org/secret"].private
    hub.forget()
    hub.add("org/open", {"README.md": b"# Soon\n"})
    refused(hub, publish(first, "org/open", "--private"), "public", "settings")


def test_as_a_user_starts_it_it_works_without_xet_and_shows_the_token_nowhere(
    hub, home, first, tmp_path
):
    """By default the client would take Xet, of which this server knows nothing.

    One answer of the server repeats the token.
    """
    pytest.importorskip("hf_xet", reason="the client has no Xet to be kept from")
    release = tmp_path / "transferz"
    shutil.copytree(first, release)
    command = [sys.executable, "-m", "transferz.cli", "publish", "--release", str(release)]
    command += ["--repo", "org/token", "--endpoint", hub.endpoint]
    environment = hub_server.client_environment(hub, tmp_path / "home")
    del environment["HF_ENDPOINT"], environment["HF_HUB_DISABLE_XET"]
    (tmp_path / "home").mkdir()
    hub.fault("commit", status=403, says=f"{TOKEN} may not, nor hf_SomeOtherToken")
    said = b""
    for status in (2, 0):
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True)
        assert done.returncode == status, done.stderr
        said += done.stdout + done.stderr
    assert b"*** may not, nor ***" in said
    assert not any("xet" in path for _, path in hub.requests)
    assert set(hub.puts) == {one.sha256 for one in hub.repos["org/token"].head.files.values()} - {
        ""
    }
    assert b"%|" not in said  # no progress bar: this is no terminal
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= len(files_of(first))
    for text in (said, *(path.read_bytes() for path in written)):
        assert TOKEN.encode() not in text
