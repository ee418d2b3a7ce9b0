"""A method: found by ``package.module:Class`` or by the name it is installed under, and checked."""

import importlib
import inspect
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from transferz.schemas.benchmark.entries import method_key
from transferz.schemas.errors import ParameterError, TransferZError

GROUP = "transferz.methods"
"""Entry points of installed methods."""

DEFAULT_TRAIN = "combo"
"""Training set of a method that does not name one (our choice: it has both kinds of label)."""

CALLS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "fit": ("fit(train, validation, *, seed)", ("train", "validation"), ("seed",)),
    "fit_seeds": ("fit_seeds(train, validation, *, seeds)", ("train", "validation"), ("seeds",)),
    "predict": ("predict(table)", ("table",), ()),
    "calibrate": ("calibrate(calibration)", ("calibration",), ()),
    "keep": ("keep(fitted, *, bands, source)", ("fitted",), ("bands", "source")),
}
"""A method's calls: how they are written, their arguments by position and by name."""


class MethodError(TransferZError):
    """A method that can't be run: its code failed, or what it returned is no forecast.

    Its cause is what the method's code raised, where it raised something.
    """


def failure(what: str, error: BaseException) -> MethodError:
    """Say which call failed, such as ``k-NN: fit, seed 3``, with the traceback of the method.

    An error of ours has a text for the user, and needs no traceback.
    """
    if isinstance(error, TransferZError):
        return MethodError(f"{what}: {error}")
    inner = error.__traceback__.tb_next if error.__traceback__ else None
    lines = "".join(traceback.format_exception(type(error), error, inner)).rstrip()
    reason = " ".join(str(error).split()) or "no reason given"
    return MethodError(f"{what} raised {type(error).__name__}: {reason}\n{lines}")


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
class Method:
    """A method that can be run: its class, and what its constructor is called with.

    `spec` is what it was called by: ``package.module:Class`` or the name of an entry point.
    """

    kind: type[Any]
    spec: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tables call it: its `name`, or else its class's."""
        return self.said("name") or self.kind.__name__

    @property
    def key(self) -> str:
        """What files are called by: an entry point's name, or else made of `name`."""
        return method_key(self.name if ":" in self.spec else self.spec)

    @property
    def train(self) -> str:
        """The training set that it asks for."""
        return self.said("train") or DEFAULT_TRAIN

    @property
    def calibrates(self) -> bool:
        """Whether it wants to be calibrated."""
        return callable(getattr(self.kind, "calibrate", None))

    @property
    def all_seeds(self) -> bool:
        """Whether it trains all seeds at once."""
        return callable(getattr(self.kind, "fit_seeds", None))

    def said(self, attribute: str) -> str | None:
        """A text that the class states about itself; None for none."""
        value = getattr(self.kind, attribute, None)
        return value if isinstance(value, str) and value else None

    def make(self) -> Any:
        """Make an instance; a MethodError where its constructor fails."""
        try:
            return self.kind(**self.options)
        except (Exception, SystemExit) as error:
            raise failure(f"{self.name}: {self.kind.__name__}()", error) from error

    def keep(
        self, fitted: Sequence[Any], bands: Sequence[str], source: Mapping[str, Any]
    ) -> Kept | None:
        """Return what was trained with all seeds; None where the method can't be kept.

        `fitted` has a trained method per seed, `bands` is what the data call the bands, `source`
        says what was learned from.
        """
        if not callable(getattr(self.kind, "keep", None)):
            return None
        try:
            kept = self.kind.keep(fitted, bands=bands, source=source)
        except (Exception, SystemExit) as error:
            raise failure(f"{self.name}: keep", error) from error
        if not isinstance(kept, Kept | None):
            raise MethodError(f"{self.name}: keep returned {type(kept).__name__}, expected a Kept")
        return kept


def load_method(method: str | type[Any]) -> Method:
    """Find a method and check that it can be called as it will be.

    `method` is a class, the name of an installed method, or ``package.module:Class``, where the
    module may be in the working directory. A ParameterError says that there is no such module,
    class or name, a MethodError that importing it fails, or that it lacks a call or takes other
    arguments.
    """
    if isinstance(method, type):
        loaded = Method(method, f"{method.__module__}:{method.__qualname__}")
    else:
        find = _class_of if ":" in method else _installed
        loaded = Method(find(*method.split(":", 1)), method)
    _check(loaded)
    return loaded


def installed_methods() -> dict[str, EntryPoint]:
    """List the methods that installed packages offer, by name."""
    return {point.name: point for point in sorted(entry_points(group=GROUP))}


def _class_of(module: str, name: str) -> type[Any]:
    if module.startswith(".") or "/" in module or module.endswith(".py") or not module:
        better = f"{Path(module).stem or 'module'}:{name}"
        raise ParameterError(
            f"'{module}' is a path; a method is named as package.module:Class, such as {better}"
        )
    if str(Path.cwd()) not in sys.path:  # stays: the method may import more when it is called
        sys.path.insert(0, str(Path.cwd()))
    try:
        imported: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if module != error.name and not module.startswith(f"{error.name}."):
            raise failure(f"importing {module}", error) from error
        raise ParameterError(
            f"no module '{module}' to find the method {name} in; run this in the folder that "
            "holds it, or install the package"
        ) from None
    except (Exception, SystemExit) as error:
        raise failure(f"importing {module}", error) from error
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


def _installed(name: str) -> type[Any]:
    points = installed_methods()
    if name not in points:
        raise ParameterError(
            f"no installed method is called '{name}'; there are: {', '.join(points) or 'none'}; "
            "a class of your own is named as package.module:Class"
        )
    return _class_of(points[name].module, points[name].attr)


def _check(method: Method) -> None:
    """Refuse what can't be called as it will be, before any data is read."""
    required = "fit_seeds" if method.all_seeds else "fit"
    for call in (required, "predict"):
        if not callable(getattr(method.kind, call, None)):
            raise MethodError(
                f"{method.spec} is no method: it has no {CALLS[call][0]}; it needs fit and predict"
            )
    made = method.make()
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
