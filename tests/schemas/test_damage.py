"""A file that is not the manifest's is called what it is, where that can be told."""

import hashlib

import pytest

from transferz.schemas.survey.files import added_files, file_fault

TEXT = b"# TransferZ\n\nrows\n"
STATED = {"bytes": len(TEXT), "sha256": hashlib.sha256(TEXT).hexdigest()}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (TEXT, ""),
        (None, "is missing"),
        (POINTER, "is a pointer of git-lfs in place of the file: `git lfs pull`"),
        (POINTER[: len(TEXT)], "is damaged or was edited"),
        (TEXT.replace(b"\n", b"\r\n"), "line ends (CRLF)"),
        (TEXT.replace(b"\n", b"\r\n") + b"more", "is damaged or was edited"),
        (TEXT[:-1] + b"x", "is damaged or was edited"),
        (b"", "is damaged or was edited"),
    ],
)
def test_a_fault_is_named(tmp_path, content, says):
    path = tmp_path / "README.md"
    if content is not None:
        path.write_bytes(content)
    fault = file_fault(path, STATED)
    assert says in fault and bool(says) == bool(fault)


def test_a_link_is_followed_and_one_to_nothing_is_missing(tmp_path):
    (tmp_path / "blob").write_bytes(TEXT)
    (tmp_path / "link").symlink_to(tmp_path / "blob")
    assert file_fault(tmp_path / "link", STATED) == ""
    (tmp_path / "blob").unlink()
    assert file_fault(tmp_path / "link", STATED) == "is missing"


def test_only_what_could_be_read_for_the_release_is_added():
    listed = ["README.md", "combo/train-00000-of-00001.parquet", "figures/flow.png"]
    harmless = ["LICENSE", ".git/HEAD", "combo/.DS_Store", "figures/more.png", "other/a.parquet"]
    harmful = [".huggingface.yaml", "combo/a.csv", "dataset_infos.json", "transferz.py"]
    assert added_files([*listed, *harmless, *harmful], listed) == harmful
