"""The wheel, installed where nothing else is: it imports, loads a release, runs its command."""

import email
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from transferz.schemas.survey.survey import surveys

pytest.importorskip("setuptools", "77", reason="building a wheel offline needs setuptools")
pytest.importorskip("pip", reason="building a wheel needs pip")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir")


def run(command, **kwargs):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy, so that neither stale files come in nor new ones stay in the checkout."""
    source = tmp_path_factory.mktemp("parent") / "transferz"
    rooms = {path.split("/")[0] for path in PROJECT["tool"]["setuptools"]["package-dir"].values()}
    for room in rooms:
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, source / room, ignore=skipped)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    return source


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", out, source])
    (built,) = out.glob("transferz-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, bare_site, tmp_path_factory):
    """A target directory with the wheel, and an environment with its dependencies alone."""
    target = tmp_path_factory.mktemp("target")
    run([*PIP, "install", "--no-deps", "--no-index", "--target", target, wheel])
    site = bare_site(*PROJECT["project"]["dependencies"])
    home = tmp_path_factory.mktemp("home")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": f"{target}{os.pathsep}{site}",
        "HF_HUB_OFFLINE": "1",
    }
    return target, {"env": environment, "cwd": home}


def test_it_holds_every_package_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    modules = [name for name in packages_named() if name != "transferz.surveys"]
    packages = {f"{package.replace('.', '/')}/__init__.py" for package in modules}
    assert packages <= set(names)
    assert {"transferz/py.typed", "transferz/dataset/page/card.md.jinja"} <= set(names)
    assert {"dataset/spectra/catalogues.yaml", "dataset/surveys/skeleton.yaml"} <= {
        name.removeprefix("transferz/") for name in names
    }
    assert {f"transferz/surveys/{name}/survey.yaml" for name in surveys()} <= set(names)
    top = {name.split("/")[0] for name in names}
    assert top == {"transferz", f"transferz-{PROJECT['project']['version']}.dist-info"}
    assert not [name for name in names if "test" in name.lower() or name.endswith(".pyc")]


def test_an_editable_install_is_found_beside_a_clone_called_transferz(source, bare_site, tmp_path):
    build = f"import setuptools.build_meta as made; made.build_editable({str(tmp_path)!r})"
    run([sys.executable, "-c", build], cwd=source)
    (built,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(built).extractall(tmp_path / "site")
    code = (
        f"import site; site.addsitedir({str(tmp_path / 'site')!r})\n"
        "from transferz import load_dataset, schemas\n"
        "print(load_dataset.__code__.co_filename, schemas.__file__)\n"
    )
    needed = str(bare_site(*PROJECT["project"]["dependencies"]))
    command = [sys.executable, "-S", "-c", code]
    out = run(command, cwd=source.parent, env={"PYTHONPATH": needed})
    assert out.split() == [
        str(source / place) for place in ("loaders/loading.py", "schemas/__init__.py")
    ]
    other = tmp_path / "other" / "transferz"  # a package with code, which PYTHONPATH asks for
    shutil.copytree(source / "schemas", other / "schemas")
    (other / "__init__.py").write_text("def load_dataset(): ...")
    path = os.pathsep.join([str(other.parent), needed])
    out = run(command, cwd=source.parent, env={"PYTHONPATH": path})
    assert out.split() == [str(other / place) for place in ("__init__.py", "schemas/__init__.py")]


def test_the_package_index_gets_a_page_whose_links_lead_somewhere(wheel):
    (name,) = (one for one in zipfile.ZipFile(wheel).namelist() if one.endswith("/METADATA"))
    page = email.message_from_bytes(zipfile.ZipFile(wheel).read(name))
    assert page["Description-Content-Type"] == "text/markdown"
    assert "```python\n# mymethod.py\n" in page.get_payload()
    targets = re.findall(r"\]\(([^)]*)\)", page.get_payload())
    assert targets and [one for one in targets if not one.startswith("https://")] == []


def test_the_readmes_links_are_absolute_once_the_project_has_an_address():
    page = runpy.run_path(str(ROOT / "setup.py"))["index_page"]
    text = "![a b](docs/a.png)\n\n*A\ncaption.*\n\n[c](d.md#e), [f](https://g.h) and [i](#j)."
    assert page(text, "https://k/l") == (
        "![a b](https://k/l/raw/HEAD/docs/a.png)\n\n*A\ncaption.*\n\n"
        "[c](https://k/l/blob/HEAD/d.md#e), [f](https://g.h) and [i](#j)."
    )
    assert page(text, None) == "c, [f](https://g.h) and [i](#j)."


def packages_named():
    return PROJECT["tool"]["setuptools"]["packages"]


def test_it_holds_every_module(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    places = PROJECT["tool"]["setuptools"]["package-dir"]
    for package in packages_named():
        parent = max((name for name in places if f"{package}.".startswith(f"{name}.")), key=len)
        folder = ROOT / places[parent] / package[len(parent) :].strip(".").replace(".", "/")
        modules = {f"{package.replace('.', '/')}/{path.name}" for path in folder.glob("*.py")}
        assert modules <= inside


def test_it_imports_and_loads_a_release_with_its_dependencies_alone(installed, tiny_release):
    target, where = installed
    code = (
        "import sys, transferz\n"
        f"assert transferz.__file__.startswith({str(target)!r}), transferz.__file__\n"
        f"data = transferz.load_dataset('transferz', 'combo', path={str(tiny_release)!r})\n"
        "print({split: rows.num_rows for split, rows in data.items()}, transferz.__version__)\n"
        "for name in ('torch', 'astropy', 'pandera', 'dvc', 'pydantic', 'scipy'):\n"
        "    try: __import__(name)\n"
        "    except ModuleNotFoundError: continue\n"
        "    raise SystemExit(f'{name} is there: the environment is not bare')\n"
    )
    out = run([sys.executable, "-S", "-c", code], **where)
    counts = "{'train': 300, 'validation': 60, 'calibration': 50, 'test': 70}"
    assert out.strip() == f"{counts} {PROJECT['project']['version']}"


def test_its_command_runs(installed, tiny_release):
    target, where = installed
    command = [sys.executable, "-S", target / "bin" / "transferz"]
    assert "usage: transferz COMMAND" in run([*command, "--help"], **where)
    assert "1.0.0+mock" in run([*command, "info", "--release", tiny_release], **where)


def test_a_command_that_needs_more_says_what_to_install(installed, tiny_release):
    target, where = installed
    command = [sys.executable, "-S", target / "bin" / "transferz", "train"]
    done = subprocess.run(
        [*command, "--release", tiny_release], capture_output=True, text=True, **where
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("pip install 'transferz[bench]'")


def test_a_conversion_that_needs_more_says_what_to_install(installed, tiny_release):
    _, where = installed
    extras = {"torch": "bench", "astropy": "astropy", "lsdb": "lsdb"}
    code = (
        "import transferz\n"
        f"for name in {list(extras)}:\n"
        f"    try: getattr(transferz, f'to_{{name}}')({str(tiny_release)!r}, split='test')\n"
        "    except transferz.schemas.TransferZError as error: print(error)\n"
    )
    said = run([sys.executable, "-S", "-c", code], **where).splitlines()
    assert [line.rpartition("the package ")[2] for line in said] == [
        f"'{name}': pip install 'transferz[{extra}]'" for name, extra in extras.items()
    ]
