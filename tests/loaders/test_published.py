"""Loading a published release with the real clients: one line, then stock, streaming, offline."""

import pytest
from hub_fixtures import TOKEN

REPO = "org/transferz"
OURS = {"TRANSFERZ_REPO": REPO}
REAL, NEXT = "1040000", "2040000"  # the first object of their test splits, by their seeds
TOOLS = """
import datasets, transferz
from transferz.schemas import ReleaseError

def first(data):
    return [row["object_id"] for row in data["test"]][0]  # all: a half-read stream may outlive us

def refused(*arguments, **options):
    try:
        transferz.load_dataset(*arguments, **options)
    except ReleaseError as error:
        return print(error)
    raise SystemExit("not refused")
"""


@pytest.fixture
def published(hub, real_release, next_release):
    hub.add_release(REPO, real_release, "v1.0.0")
    hub.add_release(REPO, next_release, "v1.10.0")
    return hub


def loads(said):
    return [line for line in said.splitlines() if line.startswith("transferz ")]


def test_one_line_loads_the_newest_and_stock_goes_on_offline(published, client):
    code = f"""
{TOOLS}
newest = transferz.load_dataset("transferz")
pinned = transferz.load_dataset("transferz", version="1.0.0")
again = transferz.load_dataset("transferz", revision="v1.0.0")
print(first(newest), first(pinned), first(again))
print(len(newest["train"]), transferz.units(newest)["i_cmodel_mag"])
"""
    (rows, facts), said = client.run(code, **OURS)
    newest, pinned, again = rows.split()
    assert (newest, pinned, again) == (NEXT, REAL, REAL)
    assert facts == "300 mag(AB)"
    place = client.kept("1.10.0")
    lines = loads(said)
    assert lines[0] == (
        f"transferz 1.10.0 (survey authors) from {REPO}@v1.10.0 on the Hub (fetched): {place}"
    )
    assert f"{REPO}@v1.0.0 on the Hub (fetched)" in lines[1]
    assert f"{REPO}@v1.0.0 on the Hub (from cache)" in lines[2]

    offline = f"""
{TOOLS}
print(first(datasets.load_dataset("transferz")))
print(first(transferz.load_dataset("transferz")))
print(first(datasets.load_dataset("transferz")))
refused(version="1.2.0")
print(first(transferz.load_dataset("transferz", version="1.0.0", streaming=True)))
"""
    (stock, ours, after, absent, streamed), said = client.run(offline, HF_HUB_OFFLINE="1", **OURS)
    assert (stock, ours, after) == (REAL, NEXT, NEXT)
    assert "the newest in the cache: the Hub is not asked" in loads(said)[0]
    assert "no version 1.2.0 of org/transferz" in absent
    assert streamed == REAL
    assert loads(said)[1].endswith(f"(from cache): {client.kept()}")


def test_streaming_reads_the_hub_and_keeps_no_release(published, client, next_release):
    code = f"""
{TOOLS}
stream = transferz.load_dataset("transferz", "combo", split="test", streaming=True)
assert isinstance(stream, datasets.IterableDataset), stream
rows = list(stream)
whole = datasets.load_dataset({str(next_release)!r}, "combo", split="test")
assert rows == list(whole)
assert transferz.units(stream) == transferz.units(whole)
pinned = transferz.load_dataset("transferz", streaming=True, version="1.0.0")
print(first(pinned))
refused("transferz", "combination", streaming=True)
refused("transferz", "combo", "dev", streaming=True)
"""
    (pinned, config, split), said = client.run(code, **OURS)
    assert pinned == REAL
    assert "has no config 'combination'; it has: transferz, galaxiesml, combo" in config
    assert "has no split 'dev'; it has: train, validation, calibration, test" in split
    assert loads(said)[0] == f"transferz 1.10.0 streamed from {REPO}@v1.10.0 on the Hub"
    assert client.releases() == []
    assert not list(client.cache.rglob("*.parquet"))
    read = {path for method, path in published.requests if method == "GET" and "parquet" in path}
    assert not [path for path in read if "train" in path]


def test_a_mock_says_so_when_it_comes_from_the_hub(hub, client, tiny_release):
    hub.add_release("org/transferz-mock", tiny_release, "v1.0.0+mock")
    code = f"""
{TOOLS}
stream = transferz.load_dataset("transferz", "truth", streaming=True)
whole = transferz.load_dataset("transferz", "truth")
assert first(stream) == first(whole)
stock = datasets.load_dataset("org/transferz-mock", "truth", revision="v1.0.0+mock")
assert stock["test"].data == whole["test"].data
"""
    _, said = client.run(code, TRANSFERZ_REPO="org/transferz-mock")
    assert "transferz 1.0.0+mock streamed from org/transferz-mock@v1.0.0+mock" in loads(said)[0]
    assert "MOCK galaxies, not real ones" in loads(said)[1]


def test_a_private_repository_without_a_token_is_one_clear_error(published, client):
    published.repos[REPO].private = True
    (whole, stream), _ = client.run(
        f"{TOOLS}\nrefused('transferz')\nrefused('transferz', streaming=True)", token="", **OURS
    )
    assert "no dataset repository 'org/transferz' that you may read" in whole
    assert stream == whole


def test_a_token_that_is_given_is_the_one_that_is_used(published, client):
    """By all that is asked for: to find, to fetch and to stream."""
    published.repos[REPO].private = True
    code = f"""
{TOOLS}
token = {TOKEN!r}
print(first(transferz.load_dataset("transferz", streaming=True, token=token)))
print(first(transferz.load_dataset("transferz", token=token)))
try:
    transferz.load_dataset("transferz", token="hf_\u00e9")
except transferz.schemas.ParameterError as error:
    print(error)
"""
    (streamed, whole, unsendable), _ = client.run(code, token="", **OURS)
    assert streamed == whole == NEXT
    assert unsendable.startswith("token= holds a character that is not printable ASCII")
