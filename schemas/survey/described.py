"""What a release says of itself in its manifest: its bands, and which config plays which part.

Whatever uses a release takes its bands and configs from here, and none from this package's own
constants: a release may be of any survey.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from transferz.schemas.errors import ReleaseError
from transferz.schemas.survey.columns import BANDS, error_name, magnitude_name
from transferz.schemas.survey.release import CONFIGS

LABEL, SPECTROSCOPIC, UNION, TRUTH = ROLES = ("label", "spectroscopic", "union", "truth")
"""Parts that a config can play: redshifts measured with many bands, with spectra, both together
with the spectroscopic row kept, and a mock's true ones."""

ROLE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        LABEL: "redshifts measured with many bands",
        SPECTROSCOPIC: "spectroscopic redshifts",
        UNION: "both kinds of redshift together",
        TRUTH: "true redshifts",
    }
)
"""What a config that plays a role holds, in messages."""

_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_CURVE = re.compile(r"(\w+:[\w.-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Band:
    """A band of a release.

    Attributes
    ----------
    name : str
        What it is called, such as ``g``.
    magnitude, error : str
        The columns of its AB magnitude and of that one's 1-sigma error.
    curve : str
        Library and name of its filter curve, such as ``speclite:hsc2017-g``; empty where none is
        known.
    """

    name: str
    magnitude: str
    error: str
    curve: str


_HSC_CURVES = ("hsc2017-g", "hsc2017-r2", "hsc2017-i2", "hsc2017-z", "hsc2017-y")

HSC_BANDS = tuple(
    Band(name, magnitude_name(name), error_name(name), f"speclite:{curve}")
    for name, curve in zip(BANDS, _HSC_CURVES, strict=True)
)
"""Of a release whose manifest names no bands: those of up to 2.0.0 are HSC's."""


def bands_of(manifest: Mapping[str, Any]) -> tuple[Band, ...]:
    """Return the bands of a release, blue to red, as its manifest says; HSC's where it says none.

    A ReleaseError says that the entry ``bands`` is not what it should be.

    Examples
    --------
    >>> [band.name for band in bands_of({})]
    ['g', 'r', 'i', 'z', 'y']
    """
    if not _describes_itself(manifest):
        return HSC_BANDS
    stated, names = manifest["bands"], [field.name for field in fields(Band)]
    if not (isinstance(stated, list) and stated):
        raise broken("bands", "a list of one band or more", stated)
    for one in stated:
        if not (isinstance(one, dict) and one.keys() == set(names)):
            raise broken("bands", f"a band's {', '.join(names)}", one)
        for name, value in one.items():
            pattern = _CURVE if name == "curve" else _NAME
            if not (isinstance(value, str) and pattern.fullmatch(value)):
                raise broken("bands", f"a {name}", value)
    bands = tuple(Band(**one) for one in stated)
    columns = [name for band in bands for name in (band.magnitude, band.error)]
    units = ["mag(AB)", "mag"] * len(bands)
    for each in ([band.name for band in bands], columns):
        if twice := [name for name in each if each.count(name) > 1]:
            raise broken("bands", "every band and column once", twice[0])
    if absent := [name for name in columns if name not in manifest.get("columns", columns)]:
        raise broken("bands", "columns that are among its 'columns'", absent[0])
    facts = manifest.get("columns", {})
    for name, unit in zip(columns, units, strict=True):
        if name in facts and facts[name]["unit"] != unit:
            found = facts[name]["unit"]
            raise broken("bands", f"'{name}' in {unit}, as its 'columns' state the unit", found)
    return bands


def configs_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return which config of a release plays which of the `ROLES`, in their order.

    Roles that it lacks are not there. Where a manifest says nothing of it, the configs are those
    of the releases up to 2.0.0, as far as it has them. A ReleaseError says that the entry
    ``configs`` is not what it should be.

    Examples
    --------
    >>> configs_of({"content": {"galaxiesml": {}, "combo": {}}})
    {'spectroscopic': 'galaxiesml', 'union': 'combo'}
    """
    content = manifest.get("content")
    if not _describes_itself(manifest):
        first = dict(zip(ROLES, CONFIGS, strict=True))
        return {role: name for role, name in first.items() if content is None or name in content}
    stated = manifest["configs"]
    if not (isinstance(stated, dict) and stated):
        raise broken("configs", "a config for one role or more", stated)
    if unknown := [role for role in stated if role not in ROLES]:
        raise broken("configs", f"roles among {', '.join(ROLES)}", unknown[0])
    names = list(stated.values())
    for name in names:
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise broken("configs", "a config's name", name)
        if names.count(name) > 1:
            raise broken("configs", "another config for every role", name)
        if content is not None and name not in content:
            raise broken("configs", "configs that are in its 'content'", name)
    return {role: stated[role] for role in ROLES if role in stated}


def default_config(manifest: Mapping[str, Any]) -> str:
    """Return the config that is meant where none is named: the label's, else the first there."""
    return next(iter(configs_of(manifest).values()), CONFIGS[0])


def _describes_itself(manifest: Mapping[str, Any]) -> bool:
    """Say whether a manifest names bands and configs; one of both alone is a ReleaseError."""
    there = [name for name in ("bands", "configs") if name in manifest]
    if len(there) == 1:
        absent = "configs" if there == ["bands"] else "bands"
        raise broken(absent, f"an entry '{absent}' beside '{there[0]}'", None)
    return bool(there)


def broken(entry: str, expected: str, found: object) -> ReleaseError:
    """Return the error for an entry of a manifest that is not what it should be."""
    return ReleaseError(
        f"MANIFEST.json of the release, entry '{entry}': expected {expected}, found {found!r:.80}; "
        "fetch or build the release again"
    )
