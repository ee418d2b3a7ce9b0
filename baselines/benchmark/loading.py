"""A method: found by ``package.module:Class`` or by the name it is installed under, and checked."""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from transferz.baselines.benchmark.calling import MethodError, Surroundings
from transferz.schemas.benchmark.entries import LINK, EntryMethod, method_key
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.errors import ParameterError

GROUP = "transferz.methods"
"""Entry points of installed methods."""

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
            if isinstance(value, type(one.default)):
                said[one.name] = value
            else:
                kind = "text" if isinstance(one.default, str) else "True or False"
                wrong.append(f"{one.name}: expected {kind}, found {type(value).__name__} {value!r}")
        if wrong:
            raise MethodError(
                f"{spec}: {'; '.join(wrong)}; write a version as '2.0', two training sets as "
                "'transferz+galaxiesml'"
            )
        return cls(**said)


@dataclass(frozen=True, slots=True)
class Method:
    """A method that can be run: its class, and what its constructor is called with.

    `spec` is what it was called by: ``package.module:Class`` or the name of an entry point. What it
    states of itself is read once, from an instance; its code runs in its own `surroundings`.
    """

    kind: type[Any]
    spec: str
    options: dict[str, Any] = field(default_factory=dict)
    surroundings: Surroundings = field(default_factory=Surroundings)
    stated: Stated = field(init=False)

    def __post_init__(self) -> None:
        made = self.make()
        _check(self, made)
        with self.surroundings.calling(f"{self.spec}: reading its attributes"):
            object.__setattr__(self, "stated", Stated.of(made, self.spec))

    @property
    def name(self) -> str:
        """What tables call it: its `name`, or else its class's."""
        return self.stated.name or self.kind.__name__

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
            "class": f"{self.kind.__module__}:{self.kind.__qualname__}",
            **{name: text or None for name, text in said.items()},
            "code": stated.code or None,
            **({"deterministic": True} if stated.deterministic else {}),
        }
        if task is not None and callable(hook := getattr(self.kind, "describe_for", None)):
            with self.surroundings.calling(f"{self.name}: describe_for"):
                facts |= hook(task)
        text = json.dumps(facts)
        return parse_record(text, EntryMethod, self.spec, "mend its class's attributes")

    def make(self) -> Any:
        """Make an instance; a MethodError where its constructor fails."""
        with self.surroundings.calling(f"{self.spec}: {self.kind.__name__}()"):
            return self.kind(**self.options)

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


def load_method(method: str | type[Any]) -> Method:
    """Find a method and check that it can be called as it will be.

    `method` is a class, the name of an installed method, or ``package.module:Class``, where the
    module may be in the working directory. A ParameterError says that there is no such module,
    class or name, a MethodError that importing it fails, or that it lacks a call, takes other
    arguments, or says of itself what can't stand in a record.
    """
    surroundings = Surroundings()
    if isinstance(method, type):
        kind, spec = method, f"{method.__module__}:{method.__qualname__}"
    else:
        module, _, name = (method if ":" in method else _installed(method)).partition(":")
        kind, spec = _class_of(module, name, surroundings), method
    loaded = Method(kind, spec, surroundings=surroundings)
    loaded.describe()
    return loaded


def installed_methods() -> dict[str, EntryPoint]:
    """List the methods that installed packages offer, by name."""
    return {point.name: point for point in sorted(entry_points(group=GROUP))}


def _class_of(module: str, name: str, surroundings: Surroundings) -> type[Any]:
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
    if isinstance(member, type):
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
            raise MethodError(
                f"{method.spec} is no method: it has no {CALLS[call][0]}; it needs fit and predict"
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
