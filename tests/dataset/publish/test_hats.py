"""A release with HATS collections, published, is opened from the Hub by stock LSDB."""

import json

import pyarrow.parquet as pq
import pytest
from hub_client import HubClient
from hub_fixtures import Client
from hub_server import HubServer, client_environment
from releases import read_manifest

REPO = "org/transferz-mock"


@pytest.fixture(scope="module")
def published(hats_release, tmp_path_factory):
    """The Hub, and the home of a client that has published the release there."""
    home = tmp_path_factory.mktemp("home")
    with HubServer() as hub, HubClient(client_environment(hub, home), home) as client:
        done = client.run("publish", "--release", hats_release, "--repo", REPO)
        assert done.returncode == 0, done.stderr
        yield hub, home


def run(published, code):
    return Client(*published).run(code)


def test_every_file_of_the_collections_is_there(published, hats_release):
    hub, _ = published
    files = hub.repos[REPO].resolve("v2.0.0+mock").files
    assert set(read_manifest(hats_release)["files"]) <= set(files)
    assert any(name.startswith("_hats/combo/combo_10arcs/dataset/") for name in files)


def test_stock_lsdb_opens_it_by_its_tag(published, hats_release):
    code = f"""
import dask, json
dask.config.set(scheduler="synchronous")
import lsdb
catalogue = lsdb.open_catalog("hf://datasets/{REPO}@v2.0.0+mock/_hats/combo")
frame = catalogue.compute(progress_bar=False)
around = len(catalogue.margin.compute(progress_bar=False))
print(json.dumps([len(frame), frame["split"].nunique(), around]))
"""
    out, _ = run(published, code)
    splits = read_manifest(hats_release)["content"]["combo"]
    margin = hats_release / "_hats" / "combo" / "combo_10arcs"
    around = sum(pq.read_metadata(leaf).num_rows for leaf in margin.rglob("*.pq"))
    assert json.loads(out[-1]) == [sum(one["rows"] for one in splits.values()), 4, around]


def test_it_is_fetched_whole_and_loads_as_any(published, hats_release):
    code = f"""
import os
os.environ["TRANSFERZ_REPO"] = "{REPO}"
from transferz import find_release, load_dataset
from transferz.tables.reading import open_table
release = find_release(version="2.0.0+mock")
test = load_dataset("transferz", "combo", split="test")
print(open_table(release.path / "_hats" / "combo").rows, len(test))
"""
    out, _ = run(published, code)
    splits = read_manifest(hats_release)["content"]["combo"]
    assert out[-1] == f"{sum(one['rows'] for one in splits.values())} {splits['test']['rows']}"
