"""Finding a method: what is good, and what is said where it is not."""

import sys
from pathlib import Path

import pytest

from transferz.baselines.benchmark.loading import GROUP, MethodError, installed_methods, load_method
from transferz.schemas.errors import ParameterError, TransferZError

GOOD = """
class Mine:
    def fit(self, train, validation, *, seed): pass
    def predict(self, table): pass
"""
CODE = {
    "no predict": (
        "class Mine:\n    def fit(self, train, validation, *, seed): pass",
        "has no predict",
    ),
    "no fit": ("class Mine:\n    def predict(self, table): pass", "has no fit"),
    "seed forgotten": (
        GOOD.replace(", *, seed", ""),
        "expected fit(train, validation, *, seed), found fit(train, validation)",
    ),
    "calibrate takes nothing": (GOOD + "    def calibrate(self): pass", "expected calibrate("),
    "constructor wants more": (
        GOOD + "    def __init__(self, k): pass",
        "Mine: Mine() raised TypeError",
    ),
    "constructor fails": (
        GOOD + "    def __init__(self): raise OSError('no weights')",
        "raised OSError: no weights",
    ),
}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module to the working directory, under a name that no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    name = f"methods_of_{tmp_path.name.replace('-', '_')}"

    names = []

    def write(code, suffix=""):
        names.append(f"{name}{suffix}")
        (tmp_path / f"{names[-1]}.py").write_text(code, encoding="utf-8")
        return names[-1]

    yield write
    for one in names:
        sys.modules.pop(one, None)


def test_a_class_in_the_working_directory_is_found(module):
    name = module(GOOD + "    name = 'My k-NN'\n    train = 'transferz'\n    version = '2'")
    found = load_method(f"{name}:Mine")
    assert (found.name, found.key, found.train) == ("My k-NN", "my_k_nn", "transferz")
    assert found.stated.version == "2" and found.describe().code is None
    assert not found.calibrates and not found.all_seeds
    assert load_method(found.kind).kind is found.kind


def test_a_class_needs_to_say_nothing_of_itself(module):
    found = load_method(f"{module(GOOD + '    def train(self): pass')}:Mine")
    assert (found.name, found.key, found.train) == ("Mine", "mine", "")


def test_what_a_constructor_sets_is_said_too(module):
    code = GOOD + (
        "    def __init__(self): self.name, self.train, self.version = 'Net 3', 'galaxiesml', '3'\n"
        "    @property\n    def code(self): return 'https://example.org/net'"
    )
    found = load_method(f"{module(code)}:Mine")
    assert (found.name, found.key, found.train) == ("Net 3", "net_3", "galaxiesml")
    described = found.describe()
    assert (described.version, described.code) == ("3", "https://example.org/net")


STATED = {
    "version = 2.0": "version: expected text, found float 2.0",
    "train = ['transferz', 'galaxiesml']": "train: expected text, found list ['transferz', 'galax",
    "deterministic = 'yes'": "deterministic: expected True or False, found str 'yes'",
    "code = 'github.com/me/photoz'": "code: expected a link that begins with https://",
    "name = 'Net' + chr(27) + '[2J'": "entry 'name'",
    "description = 'x' * 5000": "entry 'description'",
    "name = property(lambda self: 1 / 0)": "reading its attributes raised ZeroDivisionError",
}


@pytest.mark.parametrize("line", STATED)
def test_what_a_method_says_of_itself_is_checked_at_once(line, module):
    with pytest.raises(TransferZError) as error:
        load_method(f"{module(f'{GOOD}    {line}')}:Mine")
    assert STATED[line] in str(error.value) and ":Mine" in str(error.value)


def test_a_password_in_a_link_is_not_repeated(module):
    name = module(GOOD + "    code = 'https://me:secret@x.org'")
    with pytest.raises(MethodError, match="without a name and password") as error:
        load_method(f"{name}:Mine")
    assert "secret" not in str(error.value)


def test_an_import_changes_no_folder_and_does_not_end_the_process(module, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    name = module(f"import os\nos.chdir('elsewhere')\n{GOOD}")
    assert load_method(f"{name}:Mine").name == "Mine" and Path.cwd() == tmp_path
    with pytest.raises(MethodError, match=r"raised SystemExit: os\._exit\(0\)"):
        load_method(f"{module('import os; os._exit(0)', 'ends')}:Mine")


def test_fit_seeds_stands_in_for_fit(module):
    code = (
        "class Mine:\n    def fit_seeds(self, train, validation, *, seeds): pass\n"
        "    def predict(self, table): pass"
    )
    assert load_method(f"{module(code)}:Mine").all_seeds


@pytest.mark.parametrize("name", CODE)
def test_what_cannot_be_called_is_refused(name, module):
    code, said = CODE[name]
    with pytest.raises(MethodError) as error:
        load_method(f"{module(code)}:Mine")
    assert said in str(error.value)


def test_a_module_or_class_that_is_not_there(module):
    with pytest.raises(ParameterError, match="no module 'nowhere_at_all'"):
        load_method("nowhere_at_all:Mine")
    name = module(GOOD)
    with pytest.raises(ParameterError, match=f"'{name}' has no class 'Yours'; its classes: Mine"):
        load_method(f"{name}:Yours")


def test_a_module_that_fails_keeps_its_own_traceback(module):
    name = module("import a_package_that_is_not_installed")
    with pytest.raises(MethodError, match="raised ModuleNotFoundError") as error:
        load_method(f"{name}:Mine")
    assert f'{name}.py", line 1' in str(error.value)
    assert isinstance(error.value.__cause__, ModuleNotFoundError)


def test_a_module_that_ends_the_process_does_not(module):
    with pytest.raises(MethodError, match="raised SystemExit"):
        load_method(f"{module('raise SystemExit(0)')}:Mine")


def test_installed_methods_are_entry_points(module, monkeypatch):
    from importlib import metadata

    point = metadata.EntryPoint("mine", f"{module(GOOD)}:Mine", GROUP)
    monkeypatch.setattr(
        "transferz.baselines.benchmark.loading.entry_points",
        lambda group: [point] if group == GROUP else [],
    )
    assert list(installed_methods()) == ["mine"] and load_method("mine").key == "mine"
    with pytest.raises(
        ParameterError, match="no installed method is called 'yours'; there are: mine"
    ):
        load_method("yours")
