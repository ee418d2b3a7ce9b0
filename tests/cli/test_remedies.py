"""What a message advises is spelled as its reader called, by keyword or by option, and works."""

import ast
import re
from pathlib import Path

import pytest

import transferz
from transferz import releases
from transferz.baselines.benchmark.own_tables import OwnTable, from_own_tables
from transferz.baselines.networks.environment import find_device
from transferz.cli import main
from transferz.exporting import export
from transferz.schemas import InputError, ParameterError, ReleaseError
from transferz.tables.reading import open_table

ROOT = Path(__file__).parents[2]

MEASURING = ("benchmark", "forecasts", "leaks", "methods", "networks")

COMMAND = re.compile(r"`transferz [^`]*(`|$)")
"""A whole command, which a message may name to whoever reads it."""


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch, tmp_path):
    for name in (releases.RELEASE_VARIABLE, "TRANSFERZ_REPO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def refused(capsys, *command):
    assert main([*map(str, command)]) == 2
    return capsys.readouterr().err


def works(capsys, *command):
    assert main([*map(str, command)]) == 0
    capsys.readouterr()


def test_where_no_release_is_found(tiny_release, capsys):
    said = refused(capsys, "info")
    assert "point --release or TRANSFERZ_RELEASE at" in said and "path" not in said
    works(capsys, "info", "--release", tiny_release)
    with pytest.raises(ReleaseError, match="point path= or TRANSFERZ_RELEASE at"):
        transferz.load_dataset("transferz")
    assert transferz.load_dataset("transferz", path=tiny_release, split="test").num_rows


def test_where_a_release_is_of_another_version(tiny_release, monkeypatch, capsys):
    monkeypatch.setenv(releases.RELEASE_VARIABLE, str(tiny_release))
    asked = ["export", "rows.fits"]
    assert "; drop --version to load that" in refused(capsys, *asked, "--version", "9.0.0")
    works(capsys, *asked)
    with pytest.raises(ReleaseError, match="; drop version= to load that"):
        transferz.find_release(tiny_release, version="9.0.0")
    assert transferz.find_release(tiny_release).path == tiny_release


@pytest.mark.parametrize("where", [["rows.fits"], ["--hats", "rows"]])
def test_where_a_file_is_there(where, tiny_release, capsys):
    asked = ["export", "--release", tiny_release, "--config", "combo", *where]
    works(capsys, *asked)
    assert "allow it with --replace\n" in refused(capsys, *asked)
    works(capsys, *asked, "--replace")
    write = transferz.hats.export_hats if "--hats" in where else export
    release, place = transferz.find_release(tiny_release), Path(where[-1])
    with pytest.raises(InputError, match=r"allow it with overwrite=True$"):
        write(release, place, "combo")
    write(release, place, "combo", overwrite=True)


def test_where_a_table_has_too_few_names(tmp_path, capsys):
    table = tmp_path / "table.dat"
    table.write_text("f_g ferr_g\n1 3.2 0.1\n")
    asked = ["magnitudes", table, "--unit", "ujy"]
    assert "name all the columns with --columns\n" in refused(capsys, *asked)
    works(capsys, *asked, "--columns", "id,f_g,ferr_g")
    with pytest.raises(InputError, match=r"name all the columns with names=$"):
        open_table(table)
    assert open_table(table, ["id", "f_g", "ferr_g"]).names == ("id", "f_g", "ferr_g")


def test_where_a_table_lacks_values(tmp_path, capsys):
    table = tmp_path / "table.csv"
    rows = [f"{20 + k / 100},{21 + k / 90},{0.1 + k / 500}" for k in range(300)]
    table.write_text("\n".join(["g,r,z", "99,21.5,0.4", *rows]))
    asked = ["benchmark", "median", "--table", table, "--bands", "g,r", "--redshift", "z"]
    assert "drop them with --drop-missing\n" in refused(capsys, *asked)
    works(capsys, *asked, "--drop-missing")
    own = OwnTable(table, ("g", "r"), "z")
    with pytest.raises(InputError, match=r"drop them with drop_missing=True$"):
        from_own_tables(own)
    assert from_own_tables(own, drop_missing=True).data.table.dropped == 1


def test_where_a_template_fit_knows_no_filters(tmp_path, capsys):
    """The remedy's list is in quotes, as a shell takes brackets for a pattern."""
    table = tmp_path / "table.csv"
    rows = (f"{20 + k / 100},{21 + k / 90},0.05,0.05,{0.1 + k / 500}" for k in range(300))
    table.write_text("\n".join(["g,r,eg,er,z", *rows]))
    asked = ["benchmark", "template_fit", "--table", table, "--bands", "g,r", "--redshift", "z"]
    asked += ["--errors", "eg,er", "--trial"]
    said = refused(capsys, *asked, "--set", "filters=[des-g]")
    assert "name one for each with --set 'filters=[...]', of" in said
    works(capsys, *asked, "--set", "filters=[des-g, des-r]")


def test_where_there_is_no_such_device(capsys, tiny_release):
    asked = ["train", "--release", tiny_release, "--epochs", "1", "--seeds", "1", "--device"]
    assert "; try --device cpu\n" in refused(capsys, *asked, "abacus")
    works(capsys, *asked, "cpu")
    with pytest.raises(ParameterError, match=r"; try device=cpu$"):
        find_device("abacus")
    assert find_device("cpu").type == "cpu"


def test_what_python_calls_names_no_option():
    found = []
    rooms = ("loaders", "tables", *(f"baselines/{room}" for room in MEASURING))
    modules = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    for path in modules:
        if path.name == "hub_client.py":  # of `transferz publish`
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                texts = [one for arg in node.exc.args for one in ast.walk(arg)]
                found += [
                    f"{path.name}:{node.lineno}"
                    for one in texts
                    if isinstance(one, ast.Constant) and "--" in COMMAND.sub("", str(one.value))
                ]
    assert found == []
