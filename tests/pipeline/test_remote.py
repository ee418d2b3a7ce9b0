"""`dvc push` and `dvc pull`, with the remote that the project configures: docs/rebuilding.md."""

import configparser
import json
import shutil
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ".dvc/config"
CARD_INPUTS = """\
data/mock/release/transferz/{transferz,galaxiesml,combo,truth,_index}
data/mock/interim/{ingest,select}/{cosmos2020,hsc,galaxiesml}/counts.json
data/mock/interim/{match,split,release}/counts.json data/mock/raw/counts.json"""


def ran(output):
    """The stages that `dvc repro` ran."""
    marker = "Running stage '"
    return [line.split("'")[1] for line in output.splitlines() if line.startswith(marker)]


def files(folder):
    """Relative paths of the files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def configure(space):
    """Give a workspace the project's own DVC configuration."""
    shutil.copy(CONFIG, space.root / ".dvc/config")
    space.run("dvc", "config", "core.no_scm", "true")


@pytest.fixture(scope="module")
def pushed(built, tmp_path_factory):
    """A folder with the checkout `a`, built and pushed; the remote lies beside it."""
    folder = tmp_path_factory.mktemp("remote")
    space = built.copy(folder / "a")
    configure(space)
    space.run("dvc", "push")
    return space


@pytest.fixture
def clone(pushed, tmp_path):
    """A clone of `a` by somebody else: code, parameters and locks, but no data."""
    space = fresh_clone(pushed, pushed.root.parent / tmp_path.name)
    yield space
    shutil.rmtree(space.root)


def fresh_clone(pushed, root):
    kept_out = shutil.ignore_patterns("data", "cache", "tmp", "__pycache__")
    shutil.copytree(pushed.root, root, ignore=kept_out, symlinks=True)
    space = type(pushed)(root)
    assert not (root / "data").exists()
    assert not (root / ".dvc/cache").exists()
    return space


def same_rows(space, other):
    """All tables and indices of two releases are the same bytes."""
    names = {name for name in files(other.release) if name.endswith((".parquet", ".index"))}
    assert len(names) == 20
    for name in names:
        assert (space.release / name).read_bytes() == (other.release / name).read_bytes()


def test_the_configured_remote_is_a_folder_beside_the_checkout():
    config = configparser.ConfigParser()
    config.read_string("\n".join(line.strip() for line in CONFIG.read_text().splitlines()))
    remote = config["core"]["remote"]
    url = config[f"'remote \"{remote}\"'"]["url"]
    assert (CONFIG.parent / url).resolve().parent == ROOT.parent
    assert not {"password", "token", "secret_access_key", "user"} & {
        key for section in config.values() for key in section
    }


def test_a_new_date_needs_the_configs_and_the_counts_alone(clone, pushed):
    """No upstream file and no table between the stages is fetched; only the card is made."""
    clone.release_as("2.0.0", "2027-01-01")
    clone.run("bash", "-c", f"dvc pull {' '.join(CARD_INPUTS.split())}")
    pulled = files(clone.root / "data")
    assert {name for name in pulled if name.endswith((".parquet", ".index"))} == {
        f"mock/release/transferz/{name}"
        for name in files(pushed.release)
        if name.endswith((".parquet", ".index"))
    }
    done = clone.run("dvc", "repro", "--single-item", "card")
    assert ran(done.stdout) == ["card"]
    same_rows(clone, pushed)
    manifest = json.loads((clone.release / "MANIFEST.json").read_text())
    assert manifest["date"] == "2027-01-01"


def test_what_the_document_pulls_is_what_the_card_depends_on(pushed):
    text = (ROOT / "docs/rebuilding.md").read_text(encoding="utf-8")
    assert " ".join(CARD_INPUTS.split()) in " ".join(text.replace("\\\n", " ").split())
    listed = pushed.run("bash", "-c", f"printf '%s\\n' {' '.join(CARD_INPUTS.split())}")
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["card"]["deps"]
    folders = yaml.safe_load((ROOT / "dvc.yaml").read_text())["vars"][1]["path"]
    for name, folder in folders.items():
        stage = [one.replace(f"${{path.{name}}}", folder) for one in stage]
    assert {one for one in stage if one.startswith("data/")} == set(listed.stdout.split())


def test_changed_code_reruns_its_stage_on_pulled_inputs(clone, pushed):
    with (clone.root / "dataset/release.py").open("a") as file:
        file.write("# a remark\n")
    done = clone.run("dvc", "repro", "--pull", "--allow-missing", "release")
    assert ran(done.stdout) == ["release"]
    same_rows(clone, pushed)
    inputs = {"raw/truth.parquet", "interim/match/table.parquet", "interim/split/table.parquet"}
    fetched = files(clone.root / "data/mock")
    assert inputs < fetched
    assert not [name for name in fetched if name.startswith(("raw/cosmos2020", "raw/hsc"))]


def test_the_raw_inputs_can_be_pulled_and_built_on_without_a_remote(clone, pushed):
    clone.run("dvc", "pull", "survey")
    assert files(clone.raw) == files(pushed.raw)
    for name in files(pushed.raw):
        assert (clone.raw / name).read_bytes() == (pushed.raw / name).read_bytes()
    clone.run("dvc", "remote", "modify", "--local", "store", "url", "../../empty")
    lock = (clone.root / "dvc.lock").read_bytes()
    done = clone.run("dvc", "repro", "ingest@galaxiesml")
    assert ran(done.stdout) == ["ingest@galaxiesml"]
    assert (clone.root / "dvc.lock").read_bytes() == lock


def test_a_damaged_object_of_the_remote_is_not_pulled(clone, pushed, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(pushed.root.parent / "transferz-store", store)
    clone.run("dvc", "remote", "modify", "--local", "store", "url", str(store))
    whole = files(clone.root)
    objects = [path for path in store.rglob("*") if path.is_file() and path.suffix != ".dir"]
    for path in objects:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b" ")
    done = clone.run("dvc", "pull", "release", "card", check=False)
    assert done.returncode
    assert not any(name.endswith((".parquet", ".index")) for name in files(clone.root) - whole)


def test_a_whole_release_can_be_pulled(clone, pushed):
    clone.run("dvc", "pull", "release", "card")
    assert files(clone.release) == files(pushed.release)
    assert not (clone.root / "data/mock/raw").exists()


def test_an_empty_remote_is_an_error_that_leaves_nothing(clone):
    """DVC's message; what helps is to build: `dvc repro` needs no remote."""
    clone.run("dvc", "remote", "modify", "--local", "store", "url", "../../empty")
    done = clone.run("dvc", "pull", "release", check=False)
    assert done.returncode != 0
    assert "neither locally nor on remote" in done.stderr
    assert not files(clone.root / "data")
    clone.release_as("2.0.0", "2027-01-01")
    done = clone.run("dvc", "repro", "--pull", "--allow-missing", "card", check=False)
    assert done.returncode != 0
    assert "failed to reproduce 'card'" in done.stderr
    assert not files(clone.root / "data")


def test_what_has_not_changed_is_neither_built_nor_looked_for(clone):
    clone.run("dvc", "remote", "modify", "--local", "store", "url", "../../empty")
    done = clone.run("dvc", "repro", "--allow-missing", "dvc.yaml")
    assert ran(done.stdout) == []
    assert not files(clone.root / "data")
