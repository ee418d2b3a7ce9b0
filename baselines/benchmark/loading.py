"""A method: found by ``package.module:Name`` or by the name it is installed under, and checked.

What is called so is a class, a function that returns a method, or one of scikit-learn's regressors.
"""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from transferz.baselines.benchmark.calling import MethodError, Surroundings
from transferz.baselines.benchmark.regressors import (
    SEEDED,
    Regressor,
    as_method,
    clones,
    is_estimator,
)
from transferz.schemas.benchmark.entries import LINK, EntryMethod, method_key
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.errors import ParameterError, did_you_mean

GROUP = "transferz.methods"
"""Entry points of installed methods."""

RAIL = "rail:"
"""How the name of an estimator of RAIL begins."""

DEFAULT_TRAIN = ""
"""Training set of a method that does not name one: all that a release has (our choice)."""

CALLS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "fit": ("fit(train, validation, *, seed)", ("train", "validation"), ("seed",)),
    "fit_seeds": ("fit_seeds(train, validation, *, seeds)", ("train", "validation"), ("seeds",)),
    "predict": ("predict(table)", ("table",), ()),
    "calibrate": ("calibrate(calibration)", ("calibration",), ()),
    "keep": ("keep(fitted, *, bands, source)", ("fitted",), ("bands", "source")),
}
"""A method's calls: how they are written, their arguments by position and by name."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was trained, as it is kept.

    `networks` says how, as `transferz.schemas.benchmark.entries.EntryNetworks` has it; `model` is
    the content of the model's `file`: all seeds' weights, as `transferz predict` reads them, or
    nothing where they can't be written.
    """

    networks: dict[str, Any]
    file: str
    model: bytes

    def write(self, folder: Path) -> None:
        """Write the model's file into a folder, where there is one."""
        if self.model:
            (folder / self.file).write_bytes(self.model)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a method says of itself, in attributes that its class has or its constructor sets.

    Attributes
    ----------
    name, version, description, citation, code : str
        For the record; `code` is a link.
    train : str
        The training set that it asks for: a config's name, or its role; empty for all that there
        is, the union of both kinds of redshift where there are two.
    deterministic : bool
        That no seed changes it: one training then stands for all.
    missing_magnitudes : bool
        That it takes galaxies of which some magnitudes are missing (NaN).
    trial : bool
        Whether it can learn from a few hundred galaxies, to be tried out on.
    packages : dict of str to str
        Versions of what it computes with in a process of its own, for the record.
    """

    name: str = ""
    version: str = ""
    description: str = ""
    citation: str = ""
    code: str = ""
    train: str = DEFAULT_TRAIN
    deterministic: bool = False
    missing_magnitudes: bool = False
    trial: bool = True
    packages: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, made: Any, spec: str) -> "Stated":
        """Read an instance's attributes; a MethodError says which are of another kind.

        An empty text, None, or a method of such a name says nothing.
        """
        said: dict[str, Any] = {}
        wrong = []
        for one in fields(cls):
            value = getattr(made, one.name, None)
            if value is None or value == "" or callable(value):
                continue
            usual = {} if one.name == "packages" else one.default
            if isinstance(value, type(usual)):
                said[one.name] = value
            else:
                kinds = {str: "text", bool: "True or False", dict: "versions by name"}
                kind = kinds[type(usual)]
                wrong.append(f"{one.name}: expected {kind}, found {type(value).__name__} {value!r}")
        if wrong:
            raise MethodError(
                f"{spec}: {'; '.join(wrong)}; write a version as '2.0', two training sets as "
                "'transferz+galaxiesml'"
            )
        return cls(**said)


@dataclass(frozen=True, slots=True)
class Method:
    """A method that can be run: what makes it, a class or a function, and what that is called with.

    `spec` is what it was called by: ``package.module:Name`` or the name of an entry point. The
    `settings` are for the record too, and plain. What it states of itself is read once, from an
    instance; its code runs in its own `surroundings`. `kind` is the class of what is made, `kinds`
    are all whose code is called: also what intervals are put around, and a regressor's parts.
    """

    maker: Callable[..., Any]
    spec: str
    options: dict[str, Any] = field(default_factory=dict)
    surroundings: Surroundings = field(default_factory=Surroundings)
    settings: dict[str, Any] = field(default_factory=dict)
    kind: type[Any] = field(init=False)
    kinds: tuple[type[Any], ...] = field(init=False)
    stated: Stated = field(init=False)

    def __post_init__(self) -> None:
        made = self.make()
        object.__setattr__(self, "kind", type(made))
        _check(self, made)
        around = getattr(self.kind, "around", None)
        parts = made.kinds if isinstance(made, Regressor) else [around]
        kinds = (self.kind, *(one for one in parts if isinstance(one, type)))
        object.__setattr__(self, "kinds", kinds)
        with self.surroundings.calling(f"{self.spec}: reading its attributes"):
            object.__setattr__(self, "stated", Stated.of(made, self.spec))

    @property
    def name(self) -> str:
        """What tables call it: its `name`, or else that of its class or function."""
        return self.stated.name or self.maker.__qualname__.rpartition(".")[2]

    @property
    def key(self) -> str:
        """What files are called by: an entry point's name, or else made of `name`."""
        return method_key(self.name if ":" in self.spec else self.spec)

    @property
    def train(self) -> str:
        """The training set that it asks for; empty for all that there is."""
        return self.stated.train

    @property
    def calibrates(self) -> bool:
        """Whether it wants to be calibrated."""
        return callable(getattr(self.kind, "calibrate", None))

    @property
    def all_seeds(self) -> bool:
        """Whether it trains all seeds at once."""
        return callable(getattr(self.kind, "fit_seeds", None))

    def describe(self, key: str | None = None, task: Any = None) -> EntryMethod:
        """Describe it for the record; a MethodError or InputError says what can't stand there.

        A class whose name or description hangs on the data says so, of a task, in a class method
        ``describe_for(task)``, which returns what is other.
        """
        stated = self.stated
        if stated.code and not re.match(LINK, stated.code):
            found = "" if "@" in stated.code else f", found '{stated.code}'"
            raise MethodError(
                f"{self.spec}: code: expected a link that begins with https://, without a name and "
                f"password{found}"
            )
        said = {name: getattr(stated, name) for name in ("version", "description", "citation")}
        facts = {
            "key": key or self.key,
            "name": self.name,
            "class": f"{self.maker.__module__}:{self.maker.__qualname__}",
            **{name: text or None for name, text in said.items()},
            "code": stated.code or None,
            **({"deterministic": True} if stated.deterministic else {}),
            **({"settings": self.settings} if self.settings else {}),
        }
        if task is not None and callable(hook := getattr(self.kind, "describe_for", None)):
            with self.surroundings.calling(f"{self.name}: describe_for"):
                facts |= hook(task)
        text = json.dumps(facts)
        return parse_record(text, EntryMethod, self.spec, "mend its class's attributes")

    def make(self) -> Any:
        """Make an instance; a MethodError where its constructor or function fails."""
        with self.surroundings.calling(f"{self.spec}: {self.maker.__qualname__}()"):
            return as_method(self.maker(**self.options, **self.settings))

    def keep(
        self, fitted: Sequence[Any], bands: Sequence[str], source: Mapping[str, Any]
    ) -> Kept | None:
        """Return what was trained with all seeds; None where the method can't be kept.

        `fitted` has a trained method per seed, `bands` is what the data call the bands, `source`
        says what was learned from.
        """
        if not callable(getattr(self.kind, "keep", None)):
            return None
        with self.surroundings.calling(f"{self.name}: keep"):
            kept = self.kind.keep(fitted, bands=bands, source=source)
        if not isinstance(kept, Kept | None):
            raise MethodError(f"{self.name}: keep returned {type(kept).__name__}, expected a Kept")
        return kept


def load_method(
    method: Any, settings: Mapping[str, Any] | None = None, *, python: str | None = None
) -> Method:
    """Find a method and check that it can be called as it will be.

    Parameters
    ----------
    method : str, type, function or estimator
        The name of an installed method; ``package.module:Name``, where the module may be in the
        working directory; or what is called so: a class, a function without arguments that returns
        a method, or a regressor of scikit-learn's (its class, an object such as a pipeline, or a
        function that returns one). Or ``rail:NAME``, an estimator of RAIL.
    settings : mapping, optional
        Arguments of the class or function, or parameters of the object, by name: numbers, texts,
        True, False, None, or lists of these. They are recorded.
    python : str, optional
        The Python that has RAIL; by default that of ``TRANSFERZ_RAIL_PYTHON``, or this one.

    Raises
    ------
    ParameterError
        Where there is no such module, class, name or setting.
    MethodError
        Where importing it fails, or it lacks a call, takes other arguments, or says of itself what
        can't stand in a record.

    Examples
    --------
    >>> load_method("sklearn.neighbors:KNeighborsRegressor", {"n_neighbors": 9}).name
    'KNeighborsRegressor'
    """
    surroundings = Surroundings()
    if isinstance(method, str) and method.startswith(RAIL):
        return _of_rail(method, dict(settings or {}), python)
    if isinstance(method, str):
        spec = method
        module, _, name = (method if ":" in method else _installed(method)).partition(":")
        found = _member(module, name, surroundings)
    else:
        found, named = method, type(method) if is_estimator(method) else method
        module, name = named.__module__, named.__qualname__
        spec = f"{module}:{name}"
    maker = clones(found, module, name) if is_estimator(found) else found
    if not (isinstance(maker, type) or inspect.isroutine(maker)):
        raise ParameterError(
            f"{spec} is a {type(found).__name__} object; name a class, a function that returns a "
            "method, or a regressor of scikit-learn's"
        )
    given = dict(settings or {})
    _refuse_unknown(found, spec, given)
    loaded = Method(maker, spec, surroundings=surroundings, settings=given)
    seeded = [name for name in given if name.rpartition("__")[2] == SEEDED]
    if seeded and loaded.kind is Regressor:
        raise ParameterError(f"{spec}: {seeded[0]} is each run's seed; leave it out")
    loaded.describe()
    return loaded


def _of_rail(spec: str, settings: dict[str, Any], python: str | None) -> Method:
    """Find an estimator of RAIL, in the Python that has it."""
    from transferz.baselines.rail.method import RailMethod
    from transferz.baselines.rail.stages import find_python, find_stages

    stages = find_stages(spec.removeprefix(RAIL), find_python(python))
    stages.checked(settings)
    loaded = Method(RailMethod, spec, {"stages": stages}, settings=settings)
    loaded.describe()
    return loaded


def _refuse_unknown(found: Any, spec: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that what is `found` does not take, as far as that can be known."""
    if is_estimator(found):
        known = list(found.get_params(deep=True))
    else:
        try:
            parameters = inspect.signature(found).parameters
        except ValueError:  # written in C: nobody can tell
            return
        if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
            return
        known = list(parameters)
    for name in settings:
        if name not in known:
            there = f"it takes {', '.join(known) or 'none'}"
            raise ParameterError(
                f"{spec} has no setting '{name}'; {did_you_mean(name, known, there)}"
            )


def installed_methods() -> dict[str, EntryPoint]:
    """List the methods that installed packages offer, by name."""
    return {point.name: point for point in sorted(entry_points(group=GROUP))}


def _member(module: str, name: str, surroundings: Surroundings) -> Any:
    """Import a module, which may be in the working directory, and return what it calls `name`."""
    if module.startswith(".") or "/" in module or module.endswith(".py") or not module:
        better = f"{Path(module).stem or 'module'}:{name}"
        raise ParameterError(
            f"'{module}' is a path; a method is named as package.module:Class, such as {better}"
        )
    if str(Path.cwd()) not in sys.path:  # stays: the method may import more when it is called
        sys.path.insert(0, str(Path.cwd()))
    try:
        with surroundings.calling(f"importing {module}"):
            imported: Any = importlib.import_module(module)
    except MethodError as error:
        cause = error.__cause__
        absent = cause.name if isinstance(cause, ModuleNotFoundError) else None
        if absent and f"{module}.".startswith(f"{absent}."):
            raise ParameterError(
                f"no module '{module}' to find the method {name} in; run this in the folder that "
                "holds it, or install the package"
            ) from None
        raise
    member = imported
    for part in name.split("."):
        member = getattr(member, part, None)
    if member is not None:
        return member
    classes = (one for one in vars(imported).values() if isinstance(one, type))
    own = sorted(one.__name__ for one in classes if one.__module__ == imported.__name__)
    raise ParameterError(
        f"module '{imported.__name__}' has no class '{name}'; its classes: "
        f"{', '.join(own) or 'none'}"
    )


def _installed(name: str) -> str:
    points = installed_methods()
    if name not in points:
        raise ParameterError(
            f"no installed method is called '{name}'; there are: {', '.join(points) or 'none'}; "
            "a class of your own is named as package.module:Class"
        )
    return f"{points[name].module}:{points[name].attr}"


def _check(method: Method, made: Any) -> None:
    """Refuse what can't be called as it will be, before any data is read."""
    required = "fit_seeds" if method.all_seeds else "fit"
    for call in (required, "predict"):
        if not callable(getattr(method.kind, call, None)):
            made_of = "" if method.kind is method.maker else f" (a {method.kind.__name__})"
            raise MethodError(
                f"{method.spec}{made_of} is no method: it has no {CALLS[call][0]}; it needs fit "
                "and predict"
            )
    for call, (written, positional, named) in CALLS.items():
        if callable(getattr(method.kind, call, None)) and not _takes(
            getattr(made, call), positional, named
        ):
            shown = inspect.signature(getattr(made, call))
            raise MethodError(
                f"{method.spec}: expected {written}, found {call}{shown}: it can't be called so"
            )


def _takes(call: Any, positional: tuple[str, ...], named: tuple[str, ...]) -> bool:
    try:
        inspect.signature(call).bind(*positional, **dict.fromkeys(named))
    except TypeError:
        return False
    except ValueError:  # written in C: nobody can tell
        return True
    return True
