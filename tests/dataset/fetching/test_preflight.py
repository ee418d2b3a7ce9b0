"""Pre-flight: each fault upstream is named by a sentence, and what the sentence says mends it."""

import gzip
import hashlib
import io
import json
import shutil
import socket
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits
from upstream_files import (
    AUTHORS,
    AUTHORS_RECORD,
    GALAXIESML_NAMES,
    GALAXIESML_RECORD,
    authors_csv,
    columns_of,
    cosmos2020_fits,
    file_of,
    packed,
    place_authors,
)

from transferz.cli import main
from transferz.dataset.fetch import check, fetch
from transferz.dataset.fetching import remote as remote_module
from transferz.dataset.pipeline.stage import Layout
from transferz.dataset.sources import registry
from transferz.schemas import COSMOS2020, GALAXIESML, HSC, TRANSFERZ, InputError
from transferz.schemas.survey import survey as configured

ROOT = Path(__file__).parents[3]
API = f"zenodo.org/api/records/{AUTHORS_RECORD}"
FITS = "COSMOS2020_CLASSIC_R1_v2.2_p3.fits"
FITS_URL = f"https://irsa.ipac.caltech.edu/data/COSMOS/tables/cosmos2020/{FITS}"
BLOCK, BEGIN = remote_module.BLOCK, remote_module.BEGIN
RETRIES = {
    "attempts": 2,
    "backoff_seconds": 0.0,
    "backoff_max_seconds": 0.0,
    "connect_timeout_seconds": 60.0,
    "read_timeout_seconds": 60.0,
    "slowest_bytes_per_second": 0.0,
    "longest_answer_bytes": 100_000,
    "largest_file_bytes": 100_000_000,
}


def key_of(name, record=AUTHORS_RECORD):
    return f"zenodo.org/records/{record}/files/{name}"


def set_fetch(**values):
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["fetch"] |= {"retries": RETRIES} | values
    Path("params.yaml").write_text(yaml.safe_dump(params))


def put(catalogue, name, data, survey="authors"):
    path = Layout(survey).raw / catalogue / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def project(tmp_path, monkeypatch, upstream):
    """A working directory, and upstream all that `authors` and `cosmos2020` fetch; HSC in place."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    set_fetch()
    place_authors(upstream)
    upstream.place(FITS_URL).write_bytes(cosmos2020_fits())
    put("hsc", "result.csv", file_of(HSC), "cosmos2020")
    monkeypatch.setattr(configured, "surveys", lambda: ("authors", "cosmos2020", "mock"))


@pytest.fixture
def edit_registry(tmp_path, monkeypatch):
    """Change an edition as a person would who edits the registry."""
    folder = tmp_path / "sources"
    shutil.copytree(resources.files(registry.HERE), folder)
    content = yaml.safe_load((folder / "registry.yaml").read_text(encoding="utf-8"))
    real, here = resources.files, {registry.HERE: folder}

    def edit(key, **changes):
        content[key] |= changes
        (folder / "registry.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        monkeypatch.setattr(resources, "files", lambda name: here.get(name) or real(name))
        registry.load_registry.cache_clear()

    yield edit
    registry.load_registry.cache_clear()


def faults(survey="authors"):
    return [finding for finding in check(Layout(survey)) if finding.is_fault]


def the_fault(survey="authors"):
    (finding,) = faults(survey)
    return finding


def finding_of(name, survey="authors"):
    (finding,) = [one for one in check(Layout(survey)) if one.file == name]
    return finding


# --- all is well


def test_all_is_well(project, upstream):
    before = sorted(Path().rglob("*"))
    for survey in ("authors", "cosmos2020"):
        assert faults(survey) == []
    assert sorted(Path().rglob("*")) == before
    asked = [r for r in upstream.requests if "/api/" not in r.path]
    assert {r.range for r in asked} == {f"bytes=0-{BLOCK - 1}"}
    assert max(r.sent for r in asked) == BLOCK
    named = finding_of(AUTHORS[0])
    size = len(authors_csv(AUTHORS[0]))
    assert (named.state, named.bytes, named.hash) == ("there", size, "md5 stated")
    assert named.columns == f"all {len(columns_of(TRANSFERZ))}"
    assert named.where.startswith("https://zenodo.org/")
    big = finding_of(FITS, "cosmos2020")
    assert (big.state, big.bytes, big.hash) == ("there", len(cosmos2020_fits()), "none known")
    mine = finding_of("result.csv", "cosmos2020")
    assert (mine.state, mine.columns) == ("in place", f"all {len(columns_of(HSC))}")


def test_what_is_in_place_is_read_there(project, upstream):
    for catalogue in ("transferz", "galaxiesml"):
        fetch(Layout("authors"), catalogue)
    hashes = Path("surveys/authors/hashes.json").read_bytes()
    upstream.requests.clear()
    found = check(Layout("authors"))
    assert {one.state for one in found} == {"in place"}
    assert {one.hash for one in found} == {"agrees"}
    assert all("/api/" in request.path for request in upstream.requests)
    put("transferz", AUTHORS[0], authors_csv(AUTHORS[0])[:-9])
    assert the_fault().said.startswith(f"data/authors/raw/transferz/{AUTHORS[0]} is not the file")
    (Layout("authors").raw / "transferz" / AUTHORS[0]).unlink()  # "move it away and run again"
    assert faults() == []
    assert finding_of(AUTHORS[0]).hash == "md5 as recorded"
    assert Path("surveys/authors/hashes.json").read_bytes() == hashes


KINDS = [".csv", ".csv.gz", ".fits", ".fits.gz", ".parquet", ".hdf5"]


@pytest.fixture
def serve(project, upstream, edit_registry):
    """Let the authors' tables be one file of some kind."""

    def place(kind, data):
        edit_registry("transferz", files=[{"name": f"t{kind}"}])
        (upstream.record(AUTHORS_RECORD) / f"t{kind}").write_bytes(data)
        return f"t{kind}"

    return place


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [50, 20_000])
def test_the_columns_of_every_format(serve, kind, rows, upstream):
    name = serve(kind, file_of(TRANSFERZ, kind, rows))
    assert finding_of(name).columns == f"all {len(columns_of(TRANSFERZ))}"
    most = {".parquet": 3, ".hdf5": 15}.get(kind, 1)  # in HDF5 each column has its own header
    assert sum(request.sent for request in upstream.requests_of(name)) <= most * BLOCK


NEW = {"hsc_id": "id_of_hsc", "z": "photo_z"}


def add_names(monkeypatch, name, **more):
    """Add upstream names to columns of a table, as its declaration has them."""
    old = registry.TABLES[name]
    columns = [
        replace(column, upstream=(*column.upstream, more[column.name]))
        if column.name in more
        else column
        for column in old
    ]
    monkeypatch.setitem(registry.TABLES, name, replace(old, columns=tuple(columns)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [50, 20_000])
def test_a_renamed_column_in_every_format(serve, monkeypatch, kind, rows):
    name = serve(kind, file_of(TRANSFERZ, kind, rows, renamed=NEW))
    fault = the_fault()
    assert (fault.state, fault.file) == ("wrong", name)
    assert "of table 'transferz', missing hsc_id or object_id, z or redshift; if" in fault.said
    assert "add these to the upstream names of table 'transferz'" in fault.said
    add_names(monkeypatch, "transferz", object_id="id_of_hsc", redshift="photo_z")
    assert faults() == []
    assert finding_of(name).columns == f"all {len(columns_of(TRANSFERZ))}"


def test_the_table_that_is_meant_may_be_a_later_one(project, upstream):
    file = io.BytesIO()
    first, second = (
        fits.open(io.BytesIO(data)) for data in (file_of(HSC, ".fits", 9000), cosmos2020_fits())
    )
    fits.HDUList([fits.PrimaryHDU(np.zeros((300, 300))), first[1], second[1]]).writeto(file)
    upstream.place(FITS_URL).write_bytes(file.getvalue())
    assert faults("cosmos2020") == []
    assert finding_of(FITS, "cosmos2020").columns.startswith("all ")
    assert sum(request.sent for request in upstream.requests_of(FITS)) < 10 * BLOCK


def test_a_table_deep_in_a_packed_file_is_found_within_bounds(serve, upstream, monkeypatch):
    file, table = io.BytesIO(), fits.open(io.BytesIO(file_of(TRANSFERZ, ".fits")))[1]
    noise = np.random.default_rng(1).integers(0, 256, 3 * BEGIN, np.uint8)  # does not get smaller
    fits.HDUList([fits.PrimaryHDU(noise), table]).writeto(file)
    name = serve(".fits.gz", gzip.compress(file.getvalue(), 1))
    assert finding_of(name).columns == f"all {len(columns_of(TRANSFERZ))}"
    asked = upstream.requests_of(name)
    assert len(asked) < 6 and sum(one.sent for one in asked) < 5 * BEGIN
    upstream.requests.clear()
    monkeypatch.setattr(remote_module, "MOST", 2 * BEGIN)
    finding = finding_of(name)
    assert (finding.state, finding.columns) == ("there", "not checked")
    assert "they are not in the 2,097,152 bytes that were looked at" in finding.said
    assert sum(one.sent for one in upstream.requests_of(name)) < 3 * BEGIN


def test_names_below_long_comments_are_found_by_a_second_look(serve):
    data = b"# what the table is\n" * 5000 + file_of(TRANSFERZ)
    assert finding_of(serve(".csv", data)).columns.startswith("all ")


# --- something is wrong upstream; what is said is done, and all is well


def test_a_file_that_is_gone_may_be_put_in_place(project, upstream):
    upstream.place(FITS_URL).unlink()
    fault = the_fault("cosmos2020")
    assert fault.state == "wrong"
    assert f"{FITS} could not be fetched: {FITS_URL}: the server answered 404" in fault.said
    assert (
        "put the file in data/cosmos2020/raw/cosmos2020 yourself (its name as here)" in fault.said
    )
    put("cosmos2020", FITS, cosmos2020_fits(), "cosmos2020")
    assert faults("cosmos2020") == []


def test_a_file_that_has_moved_is_named_in_the_registry(project, upstream, edit_registry):
    upstream.place(FITS_URL).unlink()
    moved = FITS_URL.replace("cosmos2020/", "cosmos2020/v2/")
    upstream.place(moved).write_bytes(cosmos2020_fits())
    assert "if it has moved, correct dataset/sources/registry.yaml" in the_fault("cosmos2020").said
    edit_registry("cosmos2020_classic", files=[{"name": FITS, "urls": [moved]}])
    assert faults("cosmos2020") == []


def test_another_address_will_do(project, upstream):
    upstream.place(FITS_URL).unlink()
    upstream.place(f"{FITS_URL}.gz").write_bytes(packed(cosmos2020_fits()))
    assert faults("cosmos2020") == []
    finding = finding_of(f"{FITS}.gz", "cosmos2020")
    assert (finding.state, finding.columns[:4]) == ("there", "all ")
    assert finding.said == f"{FITS_URL}: the server answered 404 Not Found"


def test_a_file_that_its_record_lists_and_does_not_give(project, upstream, fault):
    upstream.faults[key_of(AUTHORS[1])] = fault(status=404)
    said = the_fault().said
    assert f"{AUTHORS[1]} could not be fetched" in said
    assert "Run again later, or put the file in data/authors/raw/transferz yourself" in said
    put("transferz", AUTHORS[1], authors_csv(AUTHORS[1]))
    assert faults() == []


def test_a_file_renamed_in_its_record(project, upstream, edit_registry):
    folder = upstream.record(AUTHORS_RECORD)
    (folder / AUTHORS[1]).rename(folder / "transferz_test_v2.csv")
    fault = the_fault()
    assert fault.state == "wrong"
    assert f"expected one file {AUTHORS[1]}, found none among" in fault.said
    assert "transferz_test_v2.csv; correct the name in dataset/sources/registry.yaml" in fault.said
    names = [AUTHORS[0], "transferz_test_v2.csv", *AUTHORS[2:]]
    edit_registry("transferz", files=[{"name": name} for name in names])
    assert faults() == []


def test_a_record_that_is_gone(project, upstream):
    shutil.rmtree(upstream.record(GALAXIESML_RECORD).parent)
    fault = the_fault()
    assert (fault.state, fault.file) == ("wrong", "")
    assert (
        f"what https://zenodo.org/records/{GALAXIESML_RECORD} holds: the server answered 404"
        in fault.said
    )
    assert "choose another edition in params.yaml (fetch.galaxiesml)" in fault.said
    set_fetch(galaxiesml="galaxiesml_hsc_v6")
    (upstream.record(5528827) / "HSC_v6.csv").write_bytes(file_of(GALAXIESML))
    assert faults() == []


def test_another_size_than_recorded(project, upstream):
    fetch(Layout("cosmos2020"), "cosmos2020")
    (Layout("cosmos2020").raw / "cosmos2020" / FITS).unlink()
    upstream.place(FITS_URL).write_bytes(cosmos2020_fits(rows=1500))
    fault = the_fault("cosmos2020")
    sizes = [f"{len(cosmos2020_fits(rows)):,}" for rows in (1000, 1500)]
    assert f"expected a file of {sizes[0]} bytes, the server's has {sizes[1]}" in fault.said
    follow_hashes(fault, "cosmos2020", "cosmos2020_classic", FITS)


def test_another_size_than_the_registry_states(project, upstream, edit_registry):
    entry = {"name": FITS, "urls": [FITS_URL], "bytes": 5}
    edit_registry("cosmos2020_classic", files=[entry])
    size = len(cosmos2020_fits())
    assert f"expected a file of 5 bytes, the server's has {size:,}" in the_fault("cosmos2020").said
    edit_registry("cosmos2020_classic", files=[entry | {"bytes": size}])
    assert faults("cosmos2020") == []


@pytest.mark.parametrize("more", [b"", b"9" * 40])
def test_another_checksum_than_recorded(project, upstream, more):
    """Of a file of the same size, or of another."""
    fetch(Layout("authors"), "transferz")
    (Layout("authors").raw / "transferz" / AUTHORS[2]).unlink()
    changed = authors_csv(AUTHORS[2])[:-2] + b"9" + more + b"\n"
    (upstream.record(AUTHORS_RECORD) / AUTHORS[2]).write_bytes(changed)
    fault = the_fault()
    old, new = (hashlib.md5(data).hexdigest() for data in (authors_csv(AUTHORS[2]), changed))
    assert "it has changed upstream: recorded" in fault.said
    assert f"recorded md5 {old}, its source states {new}" in fault.said
    follow_hashes(fault, "authors", "transferz", AUTHORS[2])


def follow_hashes(fault, survey, edition, name):
    path = Path(f"surveys/{survey}/hashes.json")
    assert fault.state == "wrong"
    assert f"delete the entry '{name}' under '{edition}' in {path}" in fault.said
    content = json.loads(path.read_text())
    del content[edition][name]
    path.write_text(json.dumps(content))
    assert faults(survey) == []


def test_a_column_is_missing_and_another_edition_has_it(project, upstream):
    upstream.place(FITS_URL).write_bytes(file_of(COSMOS2020, ".fits", renamed={"lp_type": "type"}))
    fault = the_fault("cosmos2020")
    assert (
        f"{FITS_URL}: {FITS}: expected the columns of table 'cosmos2020', missing lp_type"
        in fault.said
    )
    assert "or choose another edition (cosmos2020_farmer, " in fault.said
    set_fetch(cosmos2020="cosmos2020_farmer")
    upstream.place(FITS_URL.replace("CLASSIC", "FARMER")).write_bytes(cosmos2020_fits())
    assert faults("cosmos2020") == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"html": True}, "it is a web page (of a login or an error, say), not data"),
        (
            {"redirect": "http://me:secret@example.org/a?t=secret"},
            "that is not https: http://example.org/a",
        ),
        ({"encoding": "br"}, "the server sent it compressed (br)"),
    ],
)
def test_what_is_no_data_is_put_in_place_by_hand(project, upstream, fault, what, said):
    upstream.faults[key_of(GALAXIESML_NAMES[0], GALAXIESML_RECORD)] = fault(**what)
    found = the_fault()
    assert (found.state, said in found.said, "secret" in found.said) == ("wrong", True, False)
    assert "put the file in data/authors/raw/galaxiesml yourself" in found.said
    put("galaxiesml", GALAXIESML_NAMES[0], file_of(GALAXIESML, rows=10))
    assert faults() == []


def test_a_redirect_is_followed(project, upstream, fault):
    elsewhere = "https://store.example.org/table.csv"
    upstream.place(elsewhere).write_bytes(authors_csv(AUTHORS[0]))
    upstream.faults[key_of(AUTHORS[0])] = fault(redirect=elsewhere)
    assert faults() == []
    assert upstream.requests_of("table.csv")


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("key", [API, key_of(AUTHORS[0])])
def test_a_server_in_trouble_is_asked_again_later(project, upstream, fault, key, status):
    upstream.faults[key] = fault(statuses=[status])
    found = the_fault()
    assert found.state == "wrong"
    assert f"the server answered {status}" in found.said
    assert "un again" in found.said
    assert faults() == []


@pytest.mark.parametrize("key", [API, key_of(AUTHORS[0])])
@pytest.mark.parametrize("what", [{"hang_up": True}, {"slow_headers": True}])
def test_a_server_that_gives_no_answer(project, upstream, fault, key, what):
    """On a busy machine others may be late as well: only this one is looked at."""
    upstream.faults[key] = fault(**what)
    if "slow_headers" in what:
        set_fetch(retries=RETRIES | {"connect_timeout_seconds": 0.2, "read_timeout_seconds": 0.3})
    found = next(one for one in faults() if one.catalogue == "transferz")
    assert found.state == "no answer"
    assert "no answer" in found.said
    assert "un again" in found.said
    del upstream.faults[key]
    set_fetch()
    assert faults() == []


def test_without_a_network(project, monkeypatch, capsys, upstream):
    """Nothing listens where everything is asked."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("TRANSFERZ_MIRROR", f"http://127.0.0.1:{held.getsockname()[1]}")
        assert main(["sources", "check"]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("Connection refused") == 5  # two records; two addresses and a record
    assert "no answer: the server is down, or there is no network here" in said
    monkeypatch.setenv("TRANSFERZ_MIRROR", upstream.url)
    assert main(["sources", "check"]) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_without_ranges(serve, upstream, fault, kind):
    name = serve(kind, file_of(TRANSFERZ, kind, rows=20_000))
    upstream.faults[key_of(name)] = fault(no_range=True)
    assert faults() == []
    finding = finding_of(name)
    if kind in (".parquet", ".hdf5"):
        assert finding.columns == "not checked"
        assert (
            finding.said
            == f"{name}: its columns were not checked: the server gives no parts of files"
        )
    else:
        assert finding.columns.startswith("all ")


def test_a_server_that_sends_other_parts(serve, upstream, fault):
    name = serve(".hdf5", file_of(TRANSFERZ, ".hdf5", 20_000))
    upstream.faults[key_of(name)] = fault(wrong_start=True)
    assert faults() == []
    assert finding_of(name).said.endswith("sent another part of the file than was asked for")


def test_what_is_taken_of_a_file_has_a_bound(serve, upstream, fault, monkeypatch):
    name = serve(".hdf5", file_of(TRANSFERZ, ".hdf5", 20_000))
    monkeypatch.setattr(remote_module, "MOST", 3 * BLOCK)
    finding = finding_of(name)
    assert finding.state == "there"
    assert finding.said.endswith("they are not in the 196,608 bytes that were looked at")
    assert sum(request.sent for request in upstream.requests_of(name)) <= 4 * BLOCK
    monkeypatch.undo()


def test_a_damaged_header(project, upstream):
    upstream.place(FITS_URL).write_bytes(cosmos2020_fits().replace(b"TFORM3 ", b"TFROM3 "))
    found = the_fault("cosmos2020")
    assert "its columns can't be read, it seems damaged" in found.said
    put("cosmos2020", FITS, cosmos2020_fits(), "cosmos2020")
    assert faults("cosmos2020") == []


# --- files that a person puts in place


def test_a_file_that_only_a_person_can_get(project):
    folder = Layout("cosmos2020").raw / "hsc"
    (folder / "result.csv").unlink()
    fault = the_fault("cosmos2020")
    assert fault.state == "missing"
    assert "which only you can get: at https://hsc-release.mtk.nao.ac.jp" in fault.said
    assert "put the result, under any name that ends in .csv, .csv.gz" in fault.said
    query = Path(fault.said.partition("The query is ")[2].partition(". Then")[0])
    assert query.read_text().startswith("--")
    put("hsc", "12345.csv.gz", file_of(HSC, ".csv.gz"), "cosmos2020")
    assert faults("cosmos2020") == []


@pytest.mark.parametrize(
    ("data", "said", "remedy"),
    [
        (b"<!DOCTYPE html><p>log in", "it is a web page", "remove it or get it again"),
        (
            file_of(HSC, renamed={"ra": "right_ascension"}),
            "expected the columns of table 'hsc', missing ra; ",
            "paste the query, run it, download the result, and put the result there in place of",
        ),
    ],
)
def test_a_wrong_file_of_a_person(project, data, said, remedy):
    put("hsc", "result.csv", data, "cosmos2020")
    fault = the_fault("cosmos2020")
    assert fault.state == "wrong"
    assert f"data/cosmos2020/raw/hsc/result.csv: {said}" in fault.said
    assert remedy in fault.said
    with pytest.raises(InputError, match=r"result\.csv"):
        fetch(Layout("cosmos2020"), "hsc")
    assert not Path("surveys").exists()  # no hash is recorded that the right file would not have
    put("hsc", "result.csv", file_of(HSC), "cosmos2020")
    assert faults("cosmos2020") == []
    fetch(Layout("cosmos2020"), "hsc")


# --- who asks


def test_fetch_asks_for_all_of_the_survey_before_its_first_download(project, upstream):
    """A fault of the last catalogue is known before the first one is downloaded."""
    path = upstream.record(GALAXIESML_RECORD) / GALAXIESML_NAMES[2]
    path.write_bytes(file_of(GALAXIESML, renamed={"specz_redshift": "zspec"}))
    with pytest.raises(InputError, match="table 'galaxiesml', missing specz_redshift"):
        fetch(Layout("authors"), "transferz")
    asked = [request for request in upstream.requests if "/api/" not in request.path]
    assert "" not in {request.range for request in asked}
    assert not Path("data/authors").exists()
    path.write_bytes(file_of(GALAXIESML))
    fetch(Layout("authors"), "transferz")
    assert len(list((Layout("authors").raw / "transferz").iterdir())) == len(AUTHORS)


def test_fetch_is_as_patient_as_a_download(project, upstream, fault):
    upstream.faults[key_of(AUTHORS[0])] = fault(statuses=[503])
    upstream.faults[key_of(GALAXIESML_NAMES[0], GALAXIESML_RECORD)] = fault(statuses=[429])
    fetch(Layout("authors"), "transferz")


@pytest.mark.parametrize("place", ["..", "sub"])
@pytest.mark.parametrize(
    ("survey", "catalogue", "name"),
    [
        ("cosmos2020", "hsc", "result.csv"),
        ("cosmos2020", "cosmos2020", FITS),
        ("des", "des", "a.fits"),
    ],
)
def test_a_file_in_a_folder_beside_its_own_is_found_there(project, survey, catalogue, name, place):
    layout = Layout(survey)
    raw = layout.raw / catalogue
    (raw / name).unlink(missing_ok=True)
    put(catalogue, f"{place}/.hidden.csv", b"", survey)
    path = put(catalogue, f"{place}/{name}", b"any", survey).resolve()
    (finding,) = [one for one in check(layout) if one.catalogue == catalogue]
    assert finding.state == "wrong"
    said = finding.said.replace(f"{catalogue}/../", "")
    assert f" {path.relative_to(Path.cwd())} is in another folder; if it is that file, " in said
    assert f"move it into {raw}, else elsewhere" in said
    with pytest.raises(InputError, match="is in another folder"):
        fetch(layout, catalogue)
    path.unlink()
    assert "another folder" not in "".join(one.said for one in check(layout))


def test_fetch_does_not_wait_for_what_only_a_person_can_get(project):
    (Layout("cosmos2020").raw / "hsc/result.csv").unlink()
    fetch(Layout("cosmos2020"), "cosmos2020")
    with pytest.raises(InputError, match="which only you can get"):
        fetch(Layout("cosmos2020"), "hsc")


def test_the_command(project, upstream, capsys, fault):
    assert main(["sources", "check"]) == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if not line.startswith(" ") and line] == [
        "authors",
        "cosmos2020",
    ]
    assert "all is well: `make repro SURVEY=cosmos2020` can begin" in said
    upstream.faults[key_of(AUTHORS[0])] = fault(status=404)
    assert main(["sources", "check", "cosmos2020"]) == 0
    capsys.readouterr()
    assert main(["sources", "check", "authors"]) == 1
    said = capsys.readouterr().out
    (row,) = [line for line in said.splitlines() if line.split()[:2] == ["transferz", AUTHORS[0]]]
    assert row.split()[2] == "wrong"
    assert "1 of 7 to be put right; then run this again" in said
    assert main(["sources", "check", "authors", "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    states = {one["file"]: one["state"] for one in content["authors"]}
    assert states == dict.fromkeys([*AUTHORS, *GALAXIESML_NAMES], "there") | {AUTHORS[0]: "wrong"}


def test_the_command_checks_the_files_of_one_edition(project, upstream, capsys):
    assert main(["sources", "check", "galaxiesml", "hsc_pdr2"]) == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if not line.startswith(" ") and line] == [
        "authors",
        "cosmos2020",
    ]
    assert said.count("all is well with these") == 2 and "make repro" not in said
    assert main(["sources", "check", "--json", "cosmos2020_farmer"]) == 1  # not served here
    (finding,) = json.loads(capsys.readouterr().out)["cosmos2020"]
    assert (finding["edition"], finding["state"]) == ("cosmos2020_farmer", "wrong")
    assert main(["sources", "check", "--json", "authors", "hsc_pdr2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["catalogue"] for one in found["authors"]} == {"transferz", "galaxiesml"}
    assert {one["catalogue"] for one in found["cosmos2020"]} == {"hsc"}


@pytest.mark.parametrize("survey", ["mock", "nonesuch"])
def test_the_command_knows_the_surveys_that_are_fetched(project, capsys, survey):
    with pytest.raises(SystemExit) as stop:
        main(["sources", "check", survey])
    assert stop.value.code == 2
    assert "authors" in capsys.readouterr().err
