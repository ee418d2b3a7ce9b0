"""The stage `fetch`: a catalogue's folder is filled whole and checked, a person's files kept."""

import hashlib
import json
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from upstream_files import AUTHORS as NAMES
from upstream_files import AUTHORS_RECORD as RECORD
from upstream_files import (
    GALAXIESML_NAMES,
    GALAXIESML_RECORD,
    cosmos2020_fits,
    packed,
    place_authors,
)
from upstream_files import authors_csv as csv
from upstream_files import file_of as table

from transferz.dataset import fetch as fetch_module
from transferz.dataset.fetch import fetch
from transferz.dataset.fetching import editions
from transferz.dataset.fetching.download import Digest
from transferz.dataset.fetching.editions import Recorded, list_record, pick
from transferz.dataset.fetching.web import PermanentFailure, Retries, Web
from transferz.dataset.pipeline.params import read_params
from transferz.dataset.pipeline.stage import Layout
from transferz.dataset.sources.registry import UpstreamFile, load_registry
from transferz.schemas import GALAXIESML, HSC, TRANSFERZ, InputError, ParameterError
from transferz.tables import files as files_module

ROOT = Path(__file__).parents[3]
API = f"zenodo.org/api/records/{RECORD}"
FITS = "COSMOS2020_CLASSIC_R1_v2.2_p3.fits"
FITS_URL = f"https://irsa.ipac.caltech.edu/data/COSMOS/tables/cosmos2020/{FITS}"
BEGIN = "bytes=0-65535"  # what is asked of a file before any is downloaded
HASHES = Path("surveys/authors/hashes.json")
RETRIES = {
    "attempts": 2,
    "backoff_seconds": 0.0,
    "backoff_max_seconds": 0.0,
    "connect_timeout_seconds": 60.0,
    "read_timeout_seconds": 60.0,
    "slowest_bytes_per_second": 0.0,
    "longest_answer_bytes": 100_000,
    "largest_file_bytes": 10_000_000,
}


def file_of(name, record=RECORD):
    return f"zenodo.org/records/{record}/files/{name}"


@pytest.fixture
def project(tmp_path, monkeypatch, upstream):
    """A working directory with params.yaml, and the records of the survey `authors` upstream."""
    root = tmp_path / "project"
    root.mkdir()
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["fetch"]["retries"] = RETRIES
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(root)
    place_authors(upstream)
    return root


def choose(**editions):
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["fetch"] |= editions
    Path("params.yaml").write_text(yaml.safe_dump(params))


def layout(survey="authors"):
    return Layout(survey)


def put(name, data, catalogue="transferz", survey="authors"):
    """A person puts a file in place."""
    path = layout(survey).raw / catalogue / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def there(catalogue="transferz", survey="authors"):
    """Content by name of all that a catalogue's folder holds."""
    folder = layout(survey).raw / catalogue
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())} if folder.exists() else {}


def counts(catalogue="transferz", survey="authors"):
    return layout(survey).interim("fetch", catalogue) / "counts.json"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def recorded_of(data):
    return {"bytes": len(data), "md5": hashlib.md5(data).hexdigest(), "sha256": sha256(data)}


def test_a_record_is_fetched_checked_and_noted(project):
    fetch(layout(), "transferz")
    assert there() == {name: csv(name) for name in NAMES}
    written = json.loads(counts().read_text())
    assert written == {
        "edition": "transferz",
        "files": {
            f"transferz/{name}": {
                "sha256": sha256(csv(name)),
                "bytes": len(csv(name)),
                "url": f"https://zenodo.org/records/{RECORD}/files/{name}",
            }
            for name in NAMES
        },
    }
    noted = {name: recorded_of(csv(name)) for name in NAMES}
    assert json.loads(HASHES.read_text()) == {"transferz": noted}
    assert list(noted) == sorted(json.loads(HASHES.read_text())["transferz"])
    assert list(Path("data/authors/partial").iterdir()) == []


def test_a_second_run_fetches_nothing_and_changes_nothing(project, upstream):
    fetch(layout(), "transferz")
    before = there(), counts().read_bytes(), HASHES.read_bytes()
    upstream.requests.clear()
    fetch(layout(), "transferz")
    assert (there(), counts().read_bytes(), HASHES.read_bytes()) == before
    assert [request.path for request in upstream.requests] == [API]


def test_files_put_by_hand_give_the_same_output(project, upstream):
    fetch(layout(), "transferz")
    before = counts().read_bytes(), HASHES.read_bytes()
    for path in (HASHES, counts()):
        path.unlink()
    upstream.requests.clear()
    fetch(layout(), "transferz")
    assert (counts().read_bytes(), HASHES.read_bytes()) == before
    assert [request.path for request in upstream.requests] == [API]


def test_only_what_is_missing_is_fetched(project, upstream):
    mine = put(NAMES[0], csv(NAMES[0]))
    state = mine.stat()
    fetch(layout(), "transferz")
    assert there() == {name: csv(name) for name in NAMES}
    assert upstream.requests_of(NAMES[0]) == []
    assert (mine.stat().st_ino, mine.stat().st_mtime_ns) == (state.st_ino, state.st_mtime_ns)


def test_a_wrong_file_of_a_person_is_named_and_kept(project, upstream):
    put(NAMES[0], b"hsc_id,z\n1,0.5\n")
    with pytest.raises(InputError) as error:
        fetch(layout(), "transferz")
    assert f"data/authors/raw/transferz/{NAMES[0]} is not the file that its source states" in str(
        error.value
    )
    assert f"expected bytes {len(csv(NAMES[0]))}, found 15" in str(error.value)
    assert there() == {NAMES[0]: b"hsc_id,z\n1,0.5\n"}
    assert [request.path for request in upstream.requests] == [API]  # before any download
    assert not counts().exists()


def test_a_wrong_md5(project, upstream, fault):
    upstream.faults[file_of(NAMES[2])] = fault(md5="0" * 32)
    with pytest.raises(InputError, match=f"expected md5 {'0' * 32}, found"):
        fetch(layout(), "transferz")
    assert NAMES[2] not in there()
    assert not list(Path("data/authors/partial").iterdir())
    assert not counts().exists()
    del upstream.faults[file_of(NAMES[2])]
    fetch(layout(), "transferz")
    assert there() == {name: csv(name) for name in NAMES}


def test_faults_on_the_way(project, upstream, fault):
    upstream.faults |= {
        API: fault(statuses=[500]),
        file_of(NAMES[0]): fault(drop_after=70_000),
        file_of(NAMES[1]): fault(statuses=[500]),
        file_of(NAMES[2]): fault(no_length=True),
        file_of(NAMES[3]): fault(no_range=True, drop_after=70_000),
    }
    fetch(layout(), "transferz")
    assert there() == {name: csv(name) for name in NAMES}
    assert [r.range for r in upstream.requests_of(NAMES[0])] == [BEGIN, "", "bytes=70000-"]


@pytest.mark.parametrize("what", [{"status": 404}, {"html": True}, {"status": 500}])
def test_a_file_that_cannot_be_had(project, upstream, fault, what):
    upstream.faults[file_of(NAMES[0])] = fault(**what)
    with pytest.raises(InputError, match="put the file in data/authors/raw/transferz yourself"):
        fetch(layout(), "transferz")
    assert NAMES[0] not in there()
    assert not counts().exists()


@pytest.mark.parametrize(
    "entry",
    [
        *([], 7, None, {"bytes": "5"}, {"bytes": 1.5}, {"bytes": True}, {"sha256": 7}),
        *({"sha256": "0" * 63}, {"sha256": None}, {"md5": "0" * 64}, {"sha256": ["0" * 64]}),
    ],
    ids=str,
)
def test_recorded_hashes_that_are_none_are_refused_in_a_sentence(project, entry):
    HASHES.parent.mkdir(parents=True, exist_ok=True)
    HASHES.write_text(json.dumps({"transferz": {NAMES[0]: entry}}))
    with pytest.raises(InputError, match=r"hashes\.json: expected bytes and hashes .* restore it"):
        fetch(layout(), "transferz")


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"transferz": 7}', "9" * 5000, "\x00"])
def test_a_file_of_hashes_that_is_none_is_refused_in_a_sentence(project, text):
    HASHES.parent.mkdir(parents=True, exist_ok=True)
    HASHES.write_text(text)
    with pytest.raises(InputError, match=r"hashes\.json"):
        fetch(layout(), "transferz")


def test_later_fetches_must_match_the_recorded_hash(project, upstream):
    fetch(layout(), "transferz")
    changed = upstream.record(RECORD) / NAMES[0]
    changed.write_bytes(csv(NAMES[0])[:-2] + b"\n\n")
    (layout().raw / "transferz" / NAMES[0]).unlink()
    old = counts().read_bytes()
    with pytest.raises(InputError) as error:
        fetch(layout(), "transferz")
    old_md5, new_md5 = (recorded_of(data)["md5"] for data in (csv(NAMES[0]), changed.read_bytes()))
    assert f"recorded md5 {old_md5}, its source states {new_md5}" in str(error.value)
    remedy = f"delete the entry '{NAMES[0]}' under 'transferz' in {HASHES}"
    assert remedy in str(error.value)
    assert NAMES[0] not in there()
    assert counts().read_bytes() == old
    content = json.loads(HASHES.read_text())
    del content["transferz"][NAMES[0]]
    HASHES.write_text(json.dumps(content))
    fetch(layout(), "transferz")  # as the error said
    assert there()[NAMES[0]] == changed.read_bytes()


def test_a_file_in_place_must_match_the_recorded_hash(project, upstream):
    """Also where the archive now serves what the person has."""
    fetch(layout(), "transferz")
    other = csv(NAMES[0]) + b"1,0.5\n"
    put(NAMES[0], other)
    (upstream.record(RECORD) / NAMES[0]).write_bytes(other)
    with pytest.raises(InputError, match=rf"{HASHES} or .*: expected bytes .* delete the entry"):
        fetch(layout(), "transferz")
    assert there()[NAMES[0]] == other


@pytest.mark.parametrize("what", [{"status": 503}, {"html": True}, {"status": 404}])
def test_without_zenodo_recorded_hashes_are_enough(project, upstream, fault, what):
    fetch(layout(), "transferz")
    before = counts().read_bytes()
    upstream.faults[API] = fault(**what)
    fetch(layout(), "transferz")
    assert counts().read_bytes() == before
    put(NAMES[1], b"hsc_id,z\n")
    with pytest.raises(InputError, match=rf"{HASHES} or .* states: expected bytes"):
        fetch(layout(), "transferz")


def test_without_zenodo_and_hashes(project, upstream, fault):
    for name in NAMES:
        put(name, csv(name))
    upstream.faults[API] = fault(status=503)
    with pytest.raises(InputError, match="accepted only where their hashes have been recorded"):
        fetch(layout(), "transferz")
    assert there() == {name: csv(name) for name in NAMES}


GOOD = {
    "key": NAMES[0],
    "size": 5,
    "checksum": f"md5:{'0' * 32}",
    "links": {"self": "https://zenodo.org/x"},
}


@pytest.mark.parametrize(
    "answer", [[], {"status": 200}, {"files": None}, {"files": [5]}, {"files": [{"size": 5}]}]
)
def test_an_api_that_answers_something_else(monkeypatch, answer):
    web = Web(Retries(**RETRIES))
    monkeypatch.setattr(web, "json", lambda url: {"files": [GOOD]})
    assert list(list_record(RECORD, web)) == [NAMES[0]]
    monkeypatch.setattr(web, "json", lambda url: answer)
    with pytest.raises(PermanentFailure, match="no list of files"):
        list_record(RECORD, web)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "../../elsewhere.csv"},
        {"key": "/tmp/elsewhere.csv"},
        {"key": ".hidden.csv"},
        {"size": "5"},
        {"checksum": "crc32:0"},
        {"checksum": None},
        {"links": "https://zenodo.org/x"},
    ],
)
def test_a_file_that_is_described_as_something_else_is_not_offered(monkeypatch, change):
    web = Web(Retries(**RETRIES))
    monkeypatch.setattr(web, "json", lambda url: {"files": [GOOD]})
    assert list_record(RECORD, web)[NAMES[0]].expected.bytes == 5
    monkeypatch.setattr(web, "json", lambda url: {"files": [GOOD | change]})
    assert list_record(RECORD, web) == {}


def test_a_wanted_file_never_leaves_the_folder(project, upstream, monkeypatch):
    """The glob of a file may match a path."""
    path = "5x127x127_training/../../../../elsewhere.csv"
    monkeypatch.setattr(Web, "json", lambda web, url: {"files": [GOOD | {"key": path}]})
    with pytest.raises(InputError, match=r"expected one file .*, found none"):
        fetch(layout(), "galaxiesml")
    assert upstream.requests == []


@pytest.mark.parametrize("odd", [".DS_Store", "a b/c.csv"])
def test_odd_files_that_nobody_wants_do_not_matter(project, monkeypatch, odd):
    ask = Web.json

    def answer(web, url):
        content = ask(web, url)
        return content | {"files": [*content["files"], {"key": odd}]}

    monkeypatch.setattr(Web, "json", answer)
    fetch(layout(), "transferz")
    assert there() == {name: csv(name) for name in NAMES}


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["t.csv", "t_with_morphology.csv"], "t_with_morphology.csv"),
        (["t.csv", "other.csv"], "t.csv"),
        (["t_with_morphology.csv"], "t_with_morphology.csv"),
        (["t.csv", "t_2.csv"], None),
        (["t_with_morphology.csv", "t_2_with_morphology.csv"], None),
        ([], None),
    ],
)
def test_of_several_names_the_preferred_one_is_taken(names, chosen):
    file = UpstreamFile(name="t*.csv", prefer="*_with_morphology.csv")
    listing = dict.fromkeys(names, GOOD)
    if chosen:
        assert pick(listing, file, RECORD) == chosen
    else:
        with pytest.raises(InputError, match=r"expected one file t\*\.csv, found"):
            pick(listing, file, RECORD)


def test_without_any_network(project, monkeypatch):
    fetch(layout(), "transferz")
    before = counts().read_bytes()
    monkeypatch.setenv("TRANSFERZ_MIRROR", "http://127.0.0.1:9")  # nobody listens there
    fetch(layout(), "transferz")
    assert counts().read_bytes() == before
    (layout().raw / "transferz" / NAMES[0]).unlink()
    with pytest.raises(InputError, match=r"cannot read what https://zenodo\.org/records/16541823"):
        fetch(layout(), "transferz")


def test_names_that_are_not_known_exactly_are_found_in_the_record(project, upstream):
    folder, names, sound = upstream.record(GALAXIESML_RECORD), GALAXIESML_NAMES, table(GALAXIESML)
    others = ["5x64x64_training_with_morphology.hdf5", "5x127x127_training.csv", ".DS_Store"]
    for name in [*names, *others]:
        (folder / name).write_bytes(sound)
    fetch(layout(), "galaxiesml")
    assert sorted(there("galaxiesml")) == sorted(names)
    (folder / names[0]).unlink()
    (layout().raw / "galaxiesml" / names[0]).unlink()
    with pytest.raises(InputError, match=rf"no source offers it.* delete the entry '{names[0]}'"):
        fetch(layout(), "galaxiesml")
    put("5x127x127_training.csv", sound, "galaxiesml")
    with pytest.raises(InputError, match=rf"hash that is known is of {names[0]}.*delete the entry"):
        fetch(layout(), "galaxiesml")
    HASHES.unlink()  # as the errors said
    fetch(layout(), "galaxiesml")
    assert sorted(there("galaxiesml")) == sorted(["5x127x127_training.csv", *names[1:]])


def test_a_file_without_known_hash(project, upstream):
    data = PLAIN
    upstream.place(FITS_URL).write_bytes(data)
    fetch(layout("cosmos2020"), "cosmos2020")
    assert there("cosmos2020", "cosmos2020") == {FITS: data}
    noted = json.loads(Path("surveys/cosmos2020/hashes.json").read_text())
    assert noted["cosmos2020_classic"][FITS]["sha256"] == sha256(data)
    entry = json.loads(counts("cosmos2020", "cosmos2020").read_text())["files"]
    assert entry[f"cosmos2020/{FITS}"]["url"] == FITS_URL


def test_the_compressed_copy_serves_as_well(project, upstream):
    data = packed(PLAIN)
    upstream.place(f"{FITS_URL}.gz").write_bytes(data)
    fetch(layout("cosmos2020"), "cosmos2020")
    assert there("cosmos2020", "cosmos2020") == {f"{FITS}.gz": data}
    entry = json.loads(counts("cosmos2020", "cosmos2020").read_text())["files"]
    assert entry[f"cosmos2020/{FITS}.gz"]["url"] == f"{FITS_URL}.gz"


def test_a_compressed_copy_in_place_is_accepted(project, upstream):
    put(f"{FITS}.gz", packed(b"SIMPLE  ="), "cosmos2020", "cosmos2020")
    fetch(layout("cosmos2020"), "cosmos2020")
    assert upstream.requests == []
    put(FITS, b"SIMPLE  =", "cosmos2020", "cosmos2020")
    with pytest.raises(InputError, match=rf"expected one file, found {FITS}, {FITS}\.gz; keep one"):
        fetch(layout("cosmos2020"), "cosmos2020")


PLAIN = cosmos2020_fits()
COSMOS_HASHES = Path("surveys/cosmos2020/hashes.json")


@pytest.fixture
def recorded_plain(project, upstream):
    """COSMOS2020 has been fetched and its hash recorded; then the folder was emptied."""
    upstream.place(FITS_URL).write_bytes(PLAIN)
    upstream.place(f"{FITS_URL}.gz").write_bytes(packed(PLAIN))
    fetch(layout("cosmos2020"), "cosmos2020")
    (layout("cosmos2020").raw / "cosmos2020" / FITS).unlink()
    upstream.requests.clear()
    return COSMOS_HASHES.read_bytes()


@pytest.mark.parametrize("change", ["altered", "longer", "gone"])
def test_the_compressed_copy_does_not_get_round_the_recorded_hash(recorded_plain, upstream, change):
    served = upstream.place(FITS_URL)
    if change == "gone":
        served.unlink()
    else:
        served.write_bytes(PLAIN[:-1] + b"x" * (1 if change == "altered" else 2))
    with pytest.raises(InputError, match=rf"{FITS} could not .*delete the entry '{FITS}'"):
        fetch(layout("cosmos2020"), "cosmos2020")
    assert there("cosmos2020", "cosmos2020") == {}
    assert upstream.requests_of(".gz") == []
    assert COSMOS_HASHES.read_bytes() == recorded_plain
    COSMOS_HASHES.unlink()  # as the error said
    fetch(layout("cosmos2020"), "cosmos2020")
    name = f"{FITS}.gz" if change == "gone" else FITS
    assert list(there("cosmos2020", "cosmos2020")) == [name]


def test_nor_does_the_plain_copy(project, upstream):
    upstream.place(f"{FITS_URL}.gz").write_bytes(packed(PLAIN))
    fetch(layout("cosmos2020"), "cosmos2020")
    before = COSMOS_HASHES.read_bytes()
    (layout("cosmos2020").raw / "cosmos2020" / f"{FITS}.gz").unlink()
    upstream.place(f"{FITS_URL}.gz").unlink()
    upstream.place(FITS_URL).write_bytes(PLAIN)
    with pytest.raises(InputError, match=rf"delete the entry '{FITS}\.gz' under"):
        fetch(layout("cosmos2020"), "cosmos2020")
    mine = put(FITS, PLAIN, "cosmos2020", "cosmos2020")
    with pytest.raises(InputError, match=rf"known is of {FITS}\.gz, .*entry '{FITS}\.gz' under"):
        fetch(layout("cosmos2020"), "cosmos2020")
    assert mine.read_bytes() == PLAIN
    assert COSMOS_HASHES.read_bytes() == before


def test_a_compressed_copy_in_place_must_hold_the_recorded_file(recorded_plain, upstream):
    put(f"{FITS}.gz", packed(PLAIN, 1), "cosmos2020", "cosmos2020")
    fetch(layout("cosmos2020"), "cosmos2020")
    assert upstream.requests == []
    assert COSMOS_HASHES.read_bytes() == recorded_plain
    noted = json.loads(counts("cosmos2020", "cosmos2020").read_text())["files"]
    assert noted[f"cosmos2020/{FITS}.gz"]["sha256"] == sha256(packed(PLAIN, 1))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (packed(PLAIN[:-1] + b"x"), "unpacked, is not the file .* expected sha256"),
        (packed(PLAIN[:-1]), "unpacked, is not the file .* expected bytes"),
        (packed(PLAIN)[:-9], "cannot unpack"),
        (packed(PLAIN) + b"left over", "cannot unpack"),
        (packed(PLAIN)[:10] + b"\xff" * 50, "cannot unpack"),
    ],
    ids=["altered", "shorter", "cut short", "left over", "damaged"],
)
def test_a_compressed_copy_in_place_of_something_else(recorded_plain, upstream, data, said):
    mine = put(f"{FITS}.gz", data, "cosmos2020", "cosmos2020")
    with pytest.raises(InputError, match=said):
        fetch(layout("cosmos2020"), "cosmos2020")
    assert mine.read_bytes() == data
    assert COSMOS_HASHES.read_bytes() == recorded_plain


def test_a_file_that_may_be_cut_short_is_not_recorded(project, upstream, fault, capsys):
    """Not by a later run that finds it in place either; one that knows the size records it."""
    upstream.place(FITS_URL).write_bytes(PLAIN)
    upstream.faults[FITS_URL.removeprefix("https://")] = fault(no_length=True, drop_after=70_000)
    for _ in range(2):
        fetch(layout("cosmos2020"), "cosmos2020")
        assert there("cosmos2020", "cosmos2020") == {FITS: PLAIN[:70_000]}
        assert not COSMOS_HASHES.exists()
        assert f"{FITS}: its hash is not recorded" in capsys.readouterr().err
    upstream.faults.clear()
    (layout("cosmos2020").raw / "cosmos2020" / FITS).unlink()
    fetch(layout("cosmos2020"), "cosmos2020")
    assert there("cosmos2020", "cosmos2020") == {FITS: PLAIN}
    noted = json.loads(COSMOS_HASHES.read_text())["cosmos2020_classic"]
    assert noted == {FITS: recorded_of(PLAIN)}
    assert "not recorded" not in capsys.readouterr().err
    assert list(Path("data/cosmos2020/partial").iterdir()) == []


def test_a_person_may_replace_a_file_that_may_be_cut_short(project, upstream, fault):
    upstream.place(FITS_URL).write_bytes(PLAIN)
    upstream.faults[FITS_URL.removeprefix("https://")] = fault(no_length=True, drop_after=70_000)
    fetch(layout("cosmos2020"), "cosmos2020")
    put(FITS, PLAIN, "cosmos2020", "cosmos2020")
    fetch(layout("cosmos2020"), "cosmos2020")
    noted = json.loads(COSMOS_HASHES.read_text())["cosmos2020_classic"]
    assert noted[FITS]["sha256"] == sha256(PLAIN)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><html>log in</html>", "a web page"),
        (b"", "it is empty"),
        (packed(b"SIMPLE  ="), r"does not begin as \.fits files do"),
    ],
)
def test_what_is_no_data_is_refused_in_place(project, data, said):
    mine = put(FITS, data, "cosmos2020", "cosmos2020")
    with pytest.raises(InputError, match=rf"{FITS}: .*{said}.*left as it is"):
        fetch(layout("cosmos2020"), "cosmos2020")
    assert mine.read_bytes() == data
    assert not Path("surveys").exists()


def test_files_of_another_edition_are_not_read_beside(project, upstream):
    put("COSMOS2020_FARMER_R1_v2.2_p3.fits", b"SIMPLE  =", "cosmos2020", "cosmos2020")
    with pytest.raises(InputError, match=r"holds COSMOS2020_FARMER.*no file of COSMOS2020 CLASSIC"):
        fetch(layout("cosmos2020"), "cosmos2020")
    assert upstream.requests == []
    choose(cosmos2020="cosmos2020_farmer")
    fetch(layout("cosmos2020"), "cosmos2020")


def test_a_hats_collection_put_by_hand_is_known_by_its_leaves(project):
    edition = load_registry()["hsc_pdr2"]
    by_hand = edition.by_hand.model_copy(update={"formats": (".csv", ".hats")})
    leaf = put("x.hats/dataset/Norder=0/Dir=0/Npix=3.parquet", table(HSC, ".parquet"))
    put("x.hats/hats.properties", b"dataproduct_type=object\n")
    raw = layout("authors").raw / "transferz"
    ((label, path),) = editions.hand_files(raw, edition, by_hand).items()
    assert path == raw / "x.hats"
    recorded = Recorded("authors", "hsc_pdr2")
    digest = editions.check_by_hand(path, recorded, label)
    line = f"{sha256(leaf.read_bytes())}  dataset/Norder=0/Dir=0/Npix=3.parquet\n"
    assert digest.sha256 == sha256(line.encode())
    assert editions.check_by_hand(path, recorded, label) == digest
    leaf.write_bytes(leaf.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"x.hats is not the file that surveys/authors/hash"):
        editions.check_by_hand(path, recorded, label)


def test_a_missing_hsc_file_says_what_to_do(project, capsys):
    with pytest.raises(InputError) as error:
        fetch(layout("cosmos2020"), "hsc")
    query = load_registry()["hsc_pdr2"].by_hand.query_path
    assert query.is_file()
    for part in (
        str(query),
        "https://hsc-release.mtk.nao.ac.jp/",
        "account",
        "data/cosmos2020/raw/hsc",
    ):
        assert part in str(error.value)
    assert Path("data/cosmos2020/raw/hsc").is_dir()
    choose(hsc="hsc_pdr3")
    with pytest.raises(InputError, match=r"hsc_pdr3\.sql"):
        fetch(layout("cosmos2020"), "hsc")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("12345.csv", table(HSC)),
        ("result.csv.gz", table(HSC, ".csv.gz")),
        ("x.fits", table(HSC, ".fits")),
        ("x.fits.gz", packed(table(HSC, ".fits"))),
        ("x.parquet", table(HSC, ".parquet")),
    ],
    ids=["csv", "csv.gz", "fits", "fits.gz", "parquet"],
)
def test_the_hsc_file_may_have_any_name_and_format(project, name, data):
    put(name, data, "hsc", "cosmos2020")
    fetch(layout("cosmos2020"), "hsc")
    written = json.loads(counts("hsc", "cosmos2020").read_text())
    assert written["edition"] == "hsc_pdr2"
    assert written["files"][f"hsc/{name}"]["sha256"] == sha256(data)


def test_another_hsc_result_is_noticed_whatever_its_name(project):
    mine = put("1.csv", table(HSC), "hsc", "cosmos2020")
    fetch(layout("cosmos2020"), "hsc")
    mine.rename(mine.with_name("2.csv"))
    fetch(layout("cosmos2020"), "hsc")
    put("2.csv", table(HSC, first=2), "hsc", "cosmos2020")
    with pytest.raises(InputError, match=r"delete the entry 'result of hsc_pdr2\.sql'"):
        fetch(layout("cosmos2020"), "hsc")
    put("3.csv", table(HSC, first=2), "hsc", "cosmos2020")
    with pytest.raises(InputError, match=r"expected one file, found 2\.csv, 3\.csv"):
        fetch(layout("cosmos2020"), "hsc")


def test_the_mock_is_not_fetched(project):
    with pytest.raises(ParameterError, match="survey 'mock' is made, not fetched"):
        fetch(layout("mock"), "cosmos2020")
    assert not Path("data").exists()


def test_an_unknown_edition(project):
    choose(hsc="hsc_pdr9")
    with pytest.raises(
        ParameterError, match=r"'fetch\.hsc': found 'hsc_pdr9', expected one of hsc_"
    ):
        fetch(layout("cosmos2020"), "hsc")


@pytest.mark.parametrize("text", ["no json", "[]", '{"transferz": 5}', '{"transferz": {"%s": 1}}'])
def test_damaged_hashes(project, text):
    HASHES.parent.mkdir(parents=True)
    HASHES.write_text(text % NAMES[0] if "%s" in text else text)
    with pytest.raises(InputError, match=str(HASHES)):
        fetch(layout(), "transferz")


def test_two_catalogues_at_once_lose_no_hash(project):
    """Each has read the file of hashes before the other writes it."""
    found = [Recorded("cosmos2020", edition) for edition in ("hsc_pdr2", "galaxiesml")]
    for recorded in found:
        recorded.record("a.csv", Digest("0" * 64, "0" * 32, 1))
    again = Recorded("cosmos2020", "hsc_pdr2")
    assert again.expected("a.csv").hashed
    assert Recorded("cosmos2020", "galaxiesml").expected("a.csv").hashed


def test_hashes_that_cannot_be_written(project, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files_module.os, "fsync", refuse)
    put("1.csv", table(HSC), "hsc", "cosmos2020")
    with pytest.raises(InputError, match=r"cannot write surveys/cosmos2020/hashes\.json: No space"):
        fetch(layout("cosmos2020"), "hsc")
    assert not Path("surveys/cosmos2020/hashes.json").exists()
    assert not counts("hsc", "cosmos2020").exists()


def test_a_file_that_cannot_be_read(project, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(editions, "hash_stream", refuse)
    put("1.csv", table(HSC), "hsc", "cosmos2020")
    with pytest.raises(InputError, match=r"cannot read .*1\.csv: Permission denied"):
        fetch(layout("cosmos2020"), "hsc")


def test_the_default_parameters_are_sound():
    params = read_params("fetch", fetch_module.FetchParams, ROOT / "params.yaml")
    assert params.retries.attempts > 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["transferz", "--survey", "authors"], 0, "fetched transferz_TRAINING.csv"),
        (["hsc", "--survey", "cosmos2020"], 1, "error: data/cosmos2020/raw/hsc holds no file"),
        (["cosmos2020", "--survey", "mock"], 1, "error: survey 'mock' is made, not fetched"),
    ],
)
def test_as_a_command(project, monkeypatch, capsys, arguments, status, said):
    monkeypatch.setattr(sys, "argv", ["fetch", *arguments])
    with pytest.raises(SystemExit) as stop, pytest.warns(RuntimeWarning):
        runpy.run_module("transferz.dataset.fetch", run_name="__main__")
    assert stop.value.code == status
    assert said in capsys.readouterr().err


def test_killed_midway_and_run_again(project, upstream, fault):
    """Files that were complete stay; the one under way is continued."""
    big = table(TRANSFERZ, rows=40_000)
    (upstream.record(RECORD) / "transferz_VALIDATION.csv").write_bytes(big)
    held = fault(hold_after=600_000)
    upstream.faults[file_of("transferz_VALIDATION.csv")] = held
    command = [sys.executable, "-m", "transferz.dataset.fetch", "transferz", "--survey", "authors"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    part = Path("data/authors/partial/transferz_VALIDATION.csv.part")
    while not (part.exists() and part.stat().st_size > 200_000):  # the server waits for us
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held.release.set()
    kept = part.stat().st_size
    assert there() == {"transferz_TRAINING.csv": csv("transferz_TRAINING.csv")}
    assert not counts().exists()
    upstream.faults.clear()
    upstream.requests.clear()
    fetch(layout(), "transferz")
    assert there()["transferz_VALIDATION.csv"] == big
    assert upstream.requests_of("TRAINING.csv") == []
    begin, resumed = upstream.requests_of("VALIDATION.csv")
    assert begin.range == BEGIN
    assert (resumed.range, resumed.sent) == (f"bytes={kept}-", len(big) - kept)
