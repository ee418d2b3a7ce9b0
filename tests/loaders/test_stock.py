"""After a load through ours, ``datasets.load_dataset("transferz")`` works: stock, by its cache."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
OFFLINE = {"HF_HUB_OFFLINE": "1"}
TOOLS = """
import shutil, sys
import datasets, transferz

def ours(place, *config, **options):
    transferz.load_dataset("transferz", *config, path=place, **options)

def stock(*config):
    data = datasets.load_dataset("transferz", *config)
    assert list(data) == ["train", "validation", "calibration", "test"]
    return data["test"]["object_id"][0]

def stored(place, config="transferz"):
    import pyarrow.parquet as pq
    return pq.read_table(f"{place}/{config}/test-00000-of-00002.parquet")["object_id"][0].as_py()
"""


def test_stock_gives_what_was_loaded_last(client, tiny_release, real_release):
    """Offline, a mock and a real-named release in one cache; from the third load on both are."""
    code = f"""
{TOOLS}
mock, real = {str(tiny_release)!r}, {str(real_release)!r}
assert stored(mock) != stored(real)
for place in (mock, real, mock, mock, real):
    ours(place)
    assert stock() == stored(place)
ours(mock, split="test[:5]")
assert stock() == stored(mock)
ours(real, keep_in_memory=True)
assert stock() == stored(real)
"""
    client.run(code, cwd=ROOT, **OFFLINE)
    elsewhere = f"{TOOLS}\nassert stock() == stored({str(real_release)!r})"
    client.run(elsewhere, HF_DATASETS_OFFLINE="1")


def test_with_several_configs_cached_stock_wants_the_configs_name(
    client, tiny_release, real_release
):
    code = f"""
{TOOLS}
mock, real = {str(tiny_release)!r}, {str(real_release)!r}
ours(mock)
ours(mock, "combo")
try:
    stock()
except ValueError as error:
    assert "specify which configuration" in str(error), error
else:
    sys.exit("stock chose a config")
assert stock("transferz") == stored(mock)
assert stock("combo") == stored(mock, "combo")
ours(real, "combo")
assert stock("combo") == stored(real, "combo")
ours(mock, "combo")
assert stock("combo") == stored(mock, "combo")
"""
    client.run(code, **OFFLINE)


def test_a_rebuilt_release_of_the_same_version_serves_its_new_rows(
    client, release_builder, tmp_path
):
    place = release_builder(tmp_path / "transferz", seed=3)
    rebuilt = release_builder(tmp_path / "rebuilt" / "transferz", seed=5)
    code = f"""
{TOOLS}
place, rebuilt = {str(place)!r}, {str(rebuilt)!r}
ours(place)
before = stock()
shutil.rmtree(place)
shutil.copytree(rebuilt, place)
ours(place)
assert before != stock() == stored(place)
"""
    client.run(code, **OFFLINE)


def test_stock_finds_the_cache_online_too(hub, client, tiny_release):
    """Where the Hub has no dataset of that name, and where it refuses to say."""
    client.run(f"{TOOLS}\nours({str(tiny_release)!r})")
    code = f"{TOOLS}\nassert stock() == stored({str(tiny_release)!r})"
    client.run(code)
    hub.fault("unknown", times=10_000, status=401)
    client.run(code)


def test_a_package_folder_of_that_name_is_in_the_way_of_stock(client):
    """Why no folder of our checkout may be called so."""
    project = client.home / "project"
    (project / "transferz").mkdir(parents=True)
    (project / "transferz" / "code.py").write_text("")
    code = """
    import datasets
    try:
        datasets.load_dataset("transferz")
    except datasets.exceptions.DataFilesNotFoundError as error:
        print("no data files in it")
    """
    assert client.run(code, cwd=project, **OFFLINE)[0] == ["no data files in it"]
    assert not (ROOT / "transferz").exists()


def test_by_a_folder_stock_finds_no_calibration(client, tiny_release):
    """Why the documents name configs; where this fails, they may say less."""
    code = f"""
import datasets
print(list(datasets.load_dataset({str(tiny_release)!r}, data_dir="transferz")))
"""
    assert client.run(code, **OFFLINE)[0] == ["['train', 'validation', 'test']"]


def test_stock_reads_a_directory_of_that_name(client, tiny_release):
    shutil.copytree(tiny_release, client.home / "transferz")
    client.run(f"{TOOLS}\nassert stock() == stored('transferz')", **OFFLINE)
