"""The surveys `authors` and `cosmos2020`, end to end from a loopback server with faults."""

import json
import os
import shutil
import signal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

import transferz
from transferz.dataset.verify.verifying import inspect
from transferz.schemas import SPLITS

HERE = Path(__file__).parent


def load(path):
    """Import a helper of the tests by its path: the tests are no package."""
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


upstream = load(HERE / "upstream.py")
servers = load(HERE.parent / "upstream_server.py")


@pytest.fixture
def server(tmp_path):
    with servers.UpstreamServer(tmp_path / "archives") as running:
        yield running


def online(space, server, **params):
    """A project that fetches from the server, without waiting long between attempts."""
    space.environment = space.environment | server.environment
    space.change("fetch.retries.backoff_seconds", 0.01)
    return space


def downloads(server, name):
    """The ranges asked of a file to download it; the pre-flight asks for parts that have an end."""
    asked = [request.range for request in server.requests_of(name)]
    assert asked[0] == "bytes=0-65535"
    return [one for one in asked if not one or one.endswith("-")]


def repro(space, survey, check=True):
    return space.run("dvc", "repro", f"surveys/{survey}/dvc.yaml", check=check)


def manifest(space, survey):
    return json.loads(release(space, survey).joinpath("MANIFEST.json").read_text())


def release(space, survey):
    return space.root / f"data/{survey}/release/transferz"


def rows(space, survey, config):
    """A config's rows by object, with their split."""
    whole = release(space, survey)
    names = pq.read_table(whole / f"_index/{config}.index").to_pandas()[["object_id", "split"]]
    return pd.read_parquet(whole / config).merge(names, on="object_id").set_index("object_id")


@pytest.fixture(scope="module")
def authors(built, fresh_module, tmp_path_factory):
    """The survey `authors`, built while the archive misbehaves."""
    with servers.UpstreamServer(tmp_path_factory.mktemp("zenodo")) as server:
        tables = upstream.place_authors(built, server)
        for table, fault in {
            "TRAINING": servers.Fault(drop_after=70_000),
            "VALIDATION": servers.Fault(no_length=True),
            "TESTING": servers.Fault(statuses=[500]),
            "CONFORMAL": servers.Fault(no_range=True, drop_after=20_000),
        }.items():
            name = f"transferz_{table}.csv"
            folder = server.record(upstream.load_registry()["transferz"].zenodo)
            server.faults[(folder / name).relative_to(server.root).as_posix()] = fault
        space = online(fresh_module, server)
        repro(space, "authors")
        yield space, tables, server


def test_authors_release_has_the_published_rows_and_splits(authors, built):
    space, tables, _ = authors
    theirs = pd.concat(t.assign(split=name) for name, t in tables.items()).set_index("hsc_id")
    ours = rows(space, "authors", "transferz")
    assert len(ours) == len(theirs)
    theirs = theirs.reindex(ours.index)
    pd.testing.assert_series_equal(ours["redshift"], theirs["z"], check_names=False)
    shared = ours["specz_name"].notna()
    assert shared.sum() > 50
    assert (ours["split"] == theirs["split"])[~shared].all()
    spectroscopic = rows(space, "authors", "galaxiesml")["split"]
    assert (ours.loc[shared, "split"] == spectroscopic.reindex(ours.index[shared])).all()
    moved = manifest(space, "authors")["counts"]["split"]["moved"]
    expected = ours.index[ours["split"] != theirs["split"]]
    assert sorted(number for ids in moved.values() for number in ids) == sorted(expected)
    assert set(ours["split"]) == set(spectroscopic) == set(SPLITS)


def test_authors_release_leaves_null_what_was_not_published(authors):
    space, _, _ = authors
    ours = rows(space, "authors", "transferz")
    empty = ["ra", "dec", "redshift_lo", "redshift_hi", "cosmos_id"]
    assert ours[empty].isna().all(axis=None)
    assert rows(space, "authors", "galaxiesml")[["ra", "dec"]].notna().all(axis=None)
    card = (release(space, "authors") / "README.md").read_text()
    assert "gives no positions" in card
    assert "TransferZ objects\nwere moved for it" in card
    assert "10 % of what it publishes as training is carved out" in " ".join(card.split())
    assert "This is a mock" not in card
    front = yaml.safe_load(card.split("---")[1])
    assert front["pretty_name"] == "TransferZ"
    assert front["license"] == "other"


def test_authors_release_loads_and_is_not_called_a_mock(authors, tmp_path, capsys):
    space, _, _ = authors
    found = transferz.load_dataset(
        "transferz", "combo", path=release(space, "authors"), cache_dir=str(tmp_path)
    )
    assert set(found) == set(SPLITS)
    assert "mock" not in capsys.readouterr().err.lower()
    total = sum(found.num_rows.values())
    names = [len(rows(space, "authors", config)) for config in ("transferz", "galaxiesml")]
    shared = json.loads((space.root / "data/authors/interim/match/counts.json").read_text())
    assert total == sum(names) - shared["shared"]["by_id"]


def test_a_dropped_download_was_resumed_and_a_second_run_fetches_nothing(authors):
    space, _, server = authors
    whole, *again = downloads(server, "transferz_TRAINING.csv")
    assert whole == ""
    assert [one for one in again if one.startswith("bytes=")]
    before = len(server.requests)
    again = repro(space, "authors")
    assert len(server.requests) == before
    assert "Running stage" not in again.stdout
    assert not (space.root / "dvc.lock").exists()  # the root's lock is the mock's


def test_authors_manifest_names_where_each_file_came_from(authors):
    space, _, _ = authors
    facts = manifest(space, "authors")
    assert facts["sources"] == {"transferz": "transferz", "galaxiesml": "galaxiesml"}
    assert len(facts["upstream"]) == 7
    recorded = json.loads((space.root / "surveys/authors/hashes.json").read_text())
    assert recorded
    assert "mock" not in facts["parameters"]
    assert facts["parameters"]["split"]["scheme"] == "published"


def test_wrong_md5_and_missing_file_stop_the_pipeline(built, fresh, server):
    upstream.place_authors(built, server)
    space = online(fresh, server)
    (path,) = server.root.rglob("transferz_TESTING.csv")
    name = path.relative_to(server.root).as_posix()
    server.faults[name] = servers.Fault(md5="0" * 32)
    space.change("fetch.retries.attempts", 2)
    done = repro(space, "authors", check=False)
    assert done.returncode != 0
    assert "md5" in done.stderr
    assert not list((space.root / "data").rglob("transferz_TESTING.csv"))
    assert not (space.root / "data/authors/interim/ingest/transferz").exists()
    server.faults[name] = servers.Fault(status=404)
    done = repro(space, "authors", check=False)
    assert done.returncode != 0
    assert "404" in done.stderr
    assert "put the file in data/authors/raw/transferz yourself" in done.stderr
    assert not (space.root / "data/authors/interim/ingest/transferz").exists()


def test_killed_while_fetching_and_while_reading(built, fresh, server):
    """A catalogue is in place whole or not at all, and the next run goes on where it stopped."""
    upstream.place_cosmos2020(built, server)
    (served,) = server.root.rglob("*.fits")
    held = servers.Fault(hold_after=served.stat().st_size // 2)
    server.faults[served.relative_to(server.root).as_posix()] = held
    space = online(fresh, server)
    survey = space.root / "data/cosmos2020"
    fetched, output = survey / "raw/cosmos2020", survey / "interim/ingest/cosmos2020"
    command = ("dvc", "repro", "surveys/cosmos2020/dvc.yaml:ingest@cosmos2020")
    with space.start(*command) as running:
        while not held.held.wait(0.1):  # until half of the file has been sent
            assert running.poll() is None
        os.killpg(running.pid, signal.SIGKILL)
    held.release.set()
    server.faults.clear()
    assert not list(fetched.glob("*")) and not output.exists()
    (space.root / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    space.run_killed(("transferz.dataset.ingest", "open", "new/cosmos2020/counts"), *command)
    (path,) = fetched.glob("*")
    assert path.read_bytes() == served.read_bytes()
    assert not output.exists()
    space.run_after_kill(*command, lock="surveys/cosmos2020/dvc.lock")
    table = pq.read_table(output / "table.parquet")
    assert table.equals(pq.read_table(built.interim / "ingest/cosmos2020/table.parquet"))
    whole, *again = downloads(server, ".fits")
    assert whole == ""
    assert all(one.startswith("bytes=") for one in again)
    assert not list(survey.rglob(".transferz-*"))


@pytest.fixture(scope="module")
def derived(built, tmp_path_factory):
    """The survey `cosmos2020`: by DVC without the HSC file, then by its stages with it."""
    with servers.UpstreamServer(tmp_path_factory.mktemp("archives")) as server:
        upstream.place_cosmos2020(built, server)
        space = online(make_space(tmp_path_factory.mktemp("derived") / "project"), server)
        without = repro(space, "cosmos2020", check=False)
        upstream.put_hsc(built, space)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            for stage, catalogues in STAGES.items():
                for catalogue in catalogues:
                    status, said = space.stage(stage, *catalogue, "--survey", "cosmos2020")
                    assert status == 0, said
        yield space, without


THREE = (("cosmos2020",), ("hsc",), ("galaxiesml",))
STAGES = dict.fromkeys(("fetch", "ingest", "select"), THREE)
STAGES |= dict.fromkeys(("match", "split", "release", "card"), ((),))


conftest = load(HERE / "conftest.py")
SMALL = conftest.SMALL


def make_space(root):
    return conftest.make_workspace(root)


@pytest.fixture(scope="module")
def fresh_module(tmp_path_factory):
    """A project with nothing built, for the module."""
    return make_space(tmp_path_factory.mktemp("authors") / "project")


def test_without_the_hsc_file_the_user_learns_what_to_do(derived):
    _, without = derived
    assert without.returncode != 0
    assert "hsc_pdr2.sql" in without.stderr
    assert "data/cosmos2020/raw/hsc" in without.stderr


def test_real_files_give_the_rows_that_the_mock_gives(derived, built):
    """The same stages on the same catalogues, fetched and in other formats."""
    space, _ = derived
    ours = manifest(space, "cosmos2020")
    mock = json.loads((built.release / "MANIFEST.json").read_text())
    assert set(ours["content"]) == {"transferz", "galaxiesml", "combo"}
    for config, splits in ours["content"].items():
        assert splits == mock["content"][config]
    assert ours["counts"]["select@hsc"] == mock["counts"]["select@hsc"]
    assert ours["survey"] == "cosmos2020"
    assert ours["mock"] is False
    assert "+mock" not in ours["version"]


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The survey `mock_full` in small: three tiles, by its stages."""
    space = make_space(tmp_path_factory.mktemp("full") / "project")
    for name, value in SMALL.items() | {("tiles", 3)}:
        space.change(f"mock_full.{name}", value)
    status, said = space.stage("survey", "--survey", "mock_full")
    assert status == 0, said
    for stage in list(STAGES)[1:]:
        for catalogue in STAGES[stage]:
            status, said = space.stage(stage, *catalogue, "--survey", "mock_full")
            assert status == 0, said
    return space


def test_the_full_mock_is_a_sound_release_that_says_what_it_is(full):
    whole, facts = release(full, "mock_full"), manifest(full, "mock_full")
    assert inspect(whole).broken == ()
    assert (facts["survey"], facts["mock"]) == ("mock_full", True)
    assert facts["version"].endswith("+mock")
    stated = facts["parameters"]["mock"]
    assert (stated["tiles"], stated["area_deg2"]) == (3, SMALL["area_deg2"])
    assert stated["galaxiesml"]["rows"] == SMALL["galaxiesml.rows"]
    assert "**This is a mock.**" in (whole / "README.md").read_text()
    assert set(facts["content"]) == {"transferz", "galaxiesml", "combo", "truth"}


def test_the_full_mock_is_made_not_fetched_and_says_how(full):
    status, said = full.stage("fetch", "hsc", "--survey", "mock_full")
    assert (status, "--survey mock_full`" in said) == (1, True)


def test_a_stage_refuses_a_catalogue_that_its_survey_lacks(workspace):
    status, said = workspace.stage("select", "hsc", "--survey", "authors")
    assert status == 1
    assert "survey 'authors' has no catalogue 'hsc'" in said
    shutil.rmtree(workspace.root / "data/authors", ignore_errors=True)
