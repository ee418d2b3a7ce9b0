"""The folder for Zenodo: whole, checkable, described by the DataCite schema. All rows are mock."""

import copy
import hashlib
import json
import shutil
import subprocess
import zipfile

import pytest
from datacite import schema45
from jsonschema import ValidationError
from releases import read_manifest, remake

from transferz.cli import main
from transferz.dataset.page.citation import datacite, read_citation
from transferz.dataset.publish.deposit import deposit
from transferz.dataset.verify.verifying import verify
from transferz.schemas import InputError, ReleaseError
from transferz.schemas.survey.files import CITATION_FILE, RELEASE_NAME

NAMES = {
    "CITATION.cff",
    "MANIFEST.json",
    "MD5SUMS",
    "README.md",
    "SHA256SUMS",
    "datacite.json",
}


@pytest.fixture(scope="module")
def mock(small_release):
    return small_release


@pytest.fixture(scope="module")
def real(mock, tmp_path_factory):
    """Mock rows under a real release's name."""
    return remake(mock, tmp_path_factory.mktemp("remade") / "transferz")


@pytest.fixture(scope="module")
def folder(real, tmp_path_factory):
    out = tmp_path_factory.mktemp("deposit") / "out"
    deposit(real, out)
    return out


@pytest.fixture
def metadata(folder):
    return json.loads((folder / "datacite.json").read_text(encoding="utf-8"))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_archive_unpacks_to_a_release_that_verifies(folder, real, tmp_path):
    assert {path.name for path in folder.iterdir()} == NAMES | {"transferz-1.0.0.zip"}
    with zipfile.ZipFile(folder / "transferz-1.0.0.zip") as archive:
        archive.extractall(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [RELEASE_NAME]
    assert verify(tmp_path / RELEASE_NAME) == []
    for name in ("README.md", "MANIFEST.json", "CITATION.cff"):
        assert (folder / name).read_bytes() == (real / name).read_bytes()


@pytest.mark.parametrize(("sums", "program"), [("SHA256SUMS", "sha256sum"), ("MD5SUMS", "md5sum")])
def test_the_checksums_cover_every_file_and_find_a_changed_one(folder, tmp_path, sums, program):
    listed = [line.split("  ")[1] for line in (folder / sums).read_text().splitlines()]
    assert set(listed) == {path.name for path in folder.iterdir()} - {"SHA256SUMS", "MD5SUMS"}
    digest = hashlib.new(program.removesuffix("sum"), (folder / "README.md").read_bytes())
    assert f"{digest.hexdigest()}  README.md\n" in (folder / sums).read_text()
    copied = shutil.copytree(folder, tmp_path / "copy")
    check = [program, "--check", "--quiet", sums]
    if shutil.which(program):
        assert subprocess.run(check, cwd=copied).returncode == 0
        (copied / "README.md").write_bytes((copied / "README.md").read_bytes() + b" ")
        assert subprocess.run(check, cwd=copied, capture_output=True).returncode != 0


def test_the_same_release_gives_the_same_bytes(folder, real, tmp_path):
    elsewhere = shutil.copytree(real, tmp_path / "elsewhere" / RELEASE_NAME)
    for path in elsewhere.rglob("*"):
        path.chmod(0o700)
        path.touch()
    deposit(elsewhere, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)


def test_the_metadata_pass_the_datacite_schema_and_name_paper_and_catalogues(metadata):
    schema45.validator.validate(metadata)
    assert metadata["titles"][0] == {"title": "TransferZ 1.0.0"}
    assert metadata["version"] == "1.0.0"
    assert metadata["publicationYear"] == "2026"
    assert metadata["rightsList"][0]["rightsIdentifier"] == "CC-BY-4.0"
    related = {
        one["relatedIdentifier"]: one["relationType"] for one in metadata["relatedIdentifiers"]
    }
    assert related["arXiv:2411.18054"] == "IsDescribedBy"
    assert related["10.5281/zenodo.11117528"] == "IsDerivedFrom"
    assert related["arXiv:2110.13923"] == "IsDerivedFrom"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.pop("creators"),
        lambda content: content.update(publicationYear=2026),
        lambda content: content["types"].update(resourceTypeGeneral="Data"),
        lambda content: content["relatedIdentifiers"][0].update(relationType="Explains"),
        lambda content: content["titles"].clear(),
        lambda content: content.update(licence="CC-BY-4.0"),
    ],
)
def test_spoilt_metadata_do_not_pass(metadata, spoil):
    spoil(metadata)
    with pytest.raises(ValidationError):
        schema45.validator.validate(metadata)


def test_a_mocks_deposit_says_so(mock, tmp_path):
    deposit(mock, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "datacite.json").read_text(encoding="utf-8"))
    schema45.validator.validate(content)
    assert "MOCK" in content["titles"][0]["title"]
    assert {"subject": "mock"} in content["subjects"]
    assert "no value is a measurement" in content["descriptions"][1]["description"]
    assert "IsDerivedFrom" not in json.dumps(content["relatedIdentifiers"])
    assert (tmp_path / "out" / "transferz-2.0.0-mock.zip").is_file()


def test_terms_of_the_authors_table_and_people_are_told_in_full(real):
    manifest = read_manifest(real) | {
        "survey": "authors",
        "sources": {"transferz": "transferz", "galaxiesml": "galaxiesml"},
    }
    person = {
        "family-names": "Carberry",
        "given-names": "Josiah",
        "orcid": "https://orcid.org/0000-0002-1825-0097",
        "affiliation": "Brown University",
    }
    citation = read_citation(real / CITATION_FILE) | {"authors": [person]}
    content = datacite(manifest, citation, "transferz-1.0.0.zip")
    schema45.validator.validate(content)
    rights = [one["rights"] for one in content["rightsList"]]
    assert "as far as the terms of its sources allow" in rights[0]
    assert any("not known to us" in one for one in rights)
    assert any("GalaxiesML" in one and "CC-BY" in one for one in rights)
    assert not any("rightsIdentifier" in one for one in content["rightsList"])
    assert content["creators"][0]["name"] == "Carberry, Josiah"
    identifiers = [one["relatedIdentifier"] for one in content["relatedIdentifiers"]]
    assert len(identifiers) == len(set(identifiers))


def test_an_older_deposit_is_replaced_as_a_whole(folder, mock, tmp_path):
    out = shutil.copytree(folder, tmp_path / "out")
    deposit(mock, out)
    assert {path.name for path in out.iterdir()} == NAMES | {"transferz-2.0.0-mock.zip"}


@pytest.mark.parametrize("other", ["a file", "a folder", "a deposit with a file more"])
def test_what_is_no_deposit_is_not_replaced(folder, real, tmp_path, other):
    out = tmp_path / "out"
    if other == "a file":
        out.write_text("mine")
    else:
        shutil.copytree(folder if "deposit" in other else folder.parent, out)
        (out / "notes.txt").write_text("mine")
    before = copy.copy(sorted(tmp_path.rglob("*")))
    with pytest.raises(InputError, match="no deposit of transferz"):
        deposit(real, out)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("changed", ["datacite.json", "README.md"])
def test_a_deposit_that_was_edited_by_hand_is_not_replaced(folder, real, tmp_path, changed):
    out = shutil.copytree(folder, tmp_path / "out")
    (out / changed).write_text("mine")
    before = contents(out)
    with pytest.raises(InputError, match=rf"{changed} in .*out was changed"):
        deposit(real, out)
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_checksums_that_are_no_text_are_no_deposits(real, tmp_path):
    (tmp_path / "SHA256SUMS").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="no deposit of transferz"):
        deposit(real, tmp_path)


def test_a_link_to_a_folder_is_followed(folder, real, tmp_path):
    out, real_folder = tmp_path / "out", tmp_path / "disk"
    real_folder.mkdir()
    out.symlink_to(real_folder)
    deposit(real, out)
    assert out.is_symlink()
    assert contents(real_folder) == contents(folder)
    assert sorted(tmp_path.iterdir()) == [real_folder, out]


def test_a_place_that_cannot_be_a_folder_is_refused_with_its_cause(
    real, tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for out, said in (("../file/x", "is a file, not a folder"), (".", "that this runs in")):
        assert main(["deposit", "--release", str(real), out]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert "space" not in told
    assert list((tmp_path / "here").iterdir()) == []


def test_a_deposit_inside_the_release_is_refused(real, tmp_path):
    release = shutil.copytree(real, tmp_path / RELEASE_NAME)
    for out in (release, release / "deposit"):
        with pytest.raises(InputError, match="in the release itself"):
            deposit(release, out)
    assert {p.name for p in release.iterdir()} == {p.name for p in real.iterdir()}


def test_what_is_not_the_releases_is_named_and_left_out(folder, real, tmp_path, capsys):
    """Of a clone that a Finder has looked at, as the Hub's client keeps it: links, by a commit."""
    clone = tmp_path / "0123abc"
    shutil.copytree(real, clone)
    (clone / "README.md").rename(tmp_path / "blob")
    (clone / "README.md").symlink_to(tmp_path / "blob")
    (clone / ".git").mkdir()
    for name in (".git/HEAD", "combo/.DS_Store"):
        (clone / name).write_text("x")
    assert main(["deposit", str(tmp_path / "out"), "--release", str(clone)]) == 0
    assert "left out, being of no release: .git/, combo/.DS_Store\n" in capsys.readouterr().out
    assert contents(tmp_path / "out") == contents(folder)


def test_a_broken_release_is_not_deposited_and_nothing_is_left(real, tmp_path, capsys):
    release = shutil.copytree(real, tmp_path / RELEASE_NAME)
    card = release / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "one line more\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"README\.md"):
        deposit(release, tmp_path / "out")
    assert main(["deposit", "--release", str(release), str(tmp_path / "out")]) == 2
    assert "README.md" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [RELEASE_NAME]


def test_the_command_lists_the_files(real, tmp_path, capsys):
    assert main(["deposit", "--release", str(real), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in NAMES | {"transferz-1.0.0.zip"})
