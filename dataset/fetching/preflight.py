"""Pre-flight: ask for each file of a catalogue before any is downloaded, and say what to do.

Of a file upstream its first bytes are asked for, and where these do not name its columns, the parts
that do (`remote`). So a file that is gone, has changed, or lacks a column is known in seconds. What
can't be told in this way, of a server that gives no parts of a parquet file, say, holds nothing up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, cast

from transferz.dataset.fetching.download import Digest, Expected, wrong_type
from transferz.dataset.fetching.editions import (
    Copy,
    Missing,
    Recorded,
    Wanted,
    check_by_hand,
    check_present,
    hand_files,
    is_by_hand,
    wanted_files,
)
from transferz.dataset.fetching.remote import OutOfReach, Remote, column_names
from transferz.dataset.fetching.web import NoAnswer, PermanentFailure, Web, shown
from transferz.dataset.pipeline.stage import Layout
from transferz.dataset.sources.fields import REMEDY, find_fields, open_side_by_side, share_found
from transferz.dataset.sources.registry import ByHand, Edition, find_edition, load_registry
from transferz.schemas import InputError, Table

FACTS = ("bytes", "md5", "sha256")  # of a file's content

State = Literal["there", "in place", "missing", "wrong", "no answer"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a file of a catalogue (``file`` is empty: of all of them) before a fetch.

    ``state`` is whether it can be fetched (`there`), lies in its folder already, is missing there
    and only a person can get it, is wrong in a way that stops the stage `fetch`, or could not be
    asked for, since no server answered. ``bytes`` is its size where it is known, ``hash`` and
    ``columns`` say in words what is known of them. ``said`` is what is wrong and what to do, or
    what else there is to know.
    """

    catalogue: str
    edition: str
    file: str
    state: State
    where: str
    said: str = ""
    bytes: int | None = None
    hash: str = ""
    columns: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether something is to be done about it before it can be used."""
        return self.state not in ("there", "in place")


class _Unchanging(Recorded):
    """Recorded hashes, to which a check adds nothing."""

    def record(self, name: str, digest: Digest) -> None:
        """Do nothing."""


def check_catalogue(
    layout: Layout, catalogue: str, key: str, web: Web, *, downloads_only: bool = False
) -> list[Finding]:
    """Check all files of the edition `key` that serves as a survey's catalogue.

    Those in place are read whole; `downloads_only` leaves them, and those that only a person can
    put there, to the stage that uses them. Nothing is written.
    """
    edition, raw = find_edition(key, catalogue), layout.raw / catalogue
    recorded = _Unchanging(layout.survey, key)
    try:
        if not is_by_hand(raw, edition):
            return [
                _check_present(wanted, edition, key, layout, recorded)
                if wanted.present
                else _check_upstream(wanted, edition, key, raw, recorded, web)
                for wanted in wanted_files(raw, edition, recorded, web)
                if not (wanted.present and downloads_only)
            ]
        if downloads_only:
            return []
        hand = cast(ByHand, edition.by_hand)
        files = hand_files(raw, edition, hand)
        digests = {label: check_by_hand(path, recorded, label) for label, path in files.items()}
        columns = require_columns(list(files.values()), edition, key)
        return [
            _in_place(
                *(path, digests[label], columns, edition, key),
                known=recorded.expected(label).hashed,
            )
            for label, path in files.items()
        ]
    except Missing as error:
        return [Finding(catalogue, key, "", "missing", str(raw), str(error))]
    except InputError as error:  # of the folder, or of a record as a whole
        return [Finding(catalogue, key, "", _state(error), str(raw), str(error))]


def _state(*failures: BaseException) -> State:
    """Return whether one of these failures is that nobody answered."""
    for failure in failures:
        cause: BaseException | None = failure
        while cause is not None:
            if isinstance(cause, NoAnswer):
                return "no answer"
            cause = cause.__cause__
    return "wrong"


# --- a file that is in place


def _check_present(
    wanted: Wanted, edition: Edition, key: str, layout: Layout, recorded: Recorded
) -> Finding:
    raw = layout.raw / edition.catalogue
    try:
        folder = layout.data / layout.survey / "partial"
        digest = check_present(raw, wanted, recorded, folder)
        columns = require_columns([raw / wanted.present], edition, key)
        return _in_place(
            raw / wanted.present, digest, columns, edition, key, known=bool(wanted.pinned)
        )
    except InputError as error:
        where = str(raw / wanted.present)
        return Finding(edition.catalogue, key, wanted.present, "wrong", where, str(error))


def _in_place(
    path: Path, digest: Digest, columns: str, edition: Edition, key: str, *, known: bool
) -> Finding:
    return Finding(
        *(edition.catalogue, key, path.name, "in place", str(path)),
        bytes=digest.bytes,
        hash="agrees" if known else "none known",
        columns=columns,
    )


def require_columns(paths: Sequence[Path], edition: Edition, key: str) -> str:
    """Say that files in place have the columns that are read of them; raise InputError if not.

    They lie over several files or over several tables of one where the edition has parts.
    """
    parts = len(edition.by_hand.parts) if edition.by_hand else 0
    spread = [*paths] if len(paths) > 1 else [paths[0]] * max(parts, 1)
    try:
        tables = open_side_by_side(spread, edition.columns)
        return f"all {sum(len(fields) for _, fields in tables)}"
    except InputError as error:
        said = str(error).removesuffix(REMEDY)
        remedy = _columns_remedy(edition, key, edition.columns) if said != str(error) else ""
        raise InputError(f"{said}{remedy}") from error


def _count(tables: Iterable[Sequence[str]], path: Path, edition: Edition, key: str) -> str:
    """Say that one of a file's tables, given by their columns' names, has those that are read."""
    wanted, best = edition.columns, tuple[str, ...]()
    for names in tables:
        best = max(best, tuple(names), key=partial(share_found, table=wanted))
        if share_found(best, wanted) == 1:
            break
    try:
        return f"all {len(find_fields(best, wanted, path))}"
    except InputError as error:
        said = str(error).removesuffix(REMEDY)
        raise InputError(f"{said}{_columns_remedy(edition, key, wanted)}") from error


def _columns_remedy(edition: Edition, key: str, table: Table) -> str:
    if (hand := edition.by_hand) and not edition.files:
        return f"at {hand.site} {hand.how}, and put the result there in place of this one"
    registry = load_registry()
    others = [
        other
        for other in registry
        if registry[other].catalogue == edition.catalogue and other != key
    ]
    choice = f", or choose another edition ({', '.join(others)}) in params.yaml" if others else ""
    return (
        "if they have other names there, add these to the upstream names of table "
        f"'{table.name}' in surveys/*/survey.yaml{choice}"
    )


# --- a file that is upstream


def _check_upstream(
    wanted: Wanted, edition: Edition, key: str, raw: Path, recorded: Recorded, web: Web
) -> Finding:
    """Ask a file's addresses, until one gives what is expected, as the stage `fetch` does."""
    failures, notes = list[Exception](), list[str]()
    for name, copy in wanted.offers.items():
        known = recorded.expected(name)
        remedy = f" ({recorded.remedy(name)})" if known.hashed else ""
        for url in copy.urls:
            address = shown(url)
            finding = partial(Finding, edition.catalogue, key, name, where=address)
            try:
                if changed := _changed(known, copy.stated):
                    raise PermanentFailure(f"it has changed upstream: {changed}")
                remote = Remote(url, name, web)
                columns, more = _upstream_columns(remote, name, copy, edition, key)
            except PermanentFailure as failure:
                failures.append(failure)
                notes.append(f"{address}: {failure}{remedy}")
                continue
            except InputError as error:  # of its columns: the stage would take it
                return finding(state="wrong", said=f"{address}: {error}", bytes=remote.size)
            return finding(
                state="there",
                said="; ".join([*notes, *filter(None, [more])]),
                bytes=copy.expected.bytes if remote.size is None else remote.size,
                hash=_hash_known(known, copy.stated),
                columns=columns,
            )
    if not failures:
        remedy = recorded.remedy(wanted.pinned[0])
        notes = [f"no source offers it, and {recorded.path} records its hash ({remedy})"]
    name = ", ".join(wanted.pinned) or next(iter(wanted.copies))
    said = f"{name} could not be fetched: {'; '.join(notes)}. {instead(raw, edition)}"
    return Finding(edition.catalogue, key, name, _state(*failures), "", said)


def instead(raw: Path, edition: Edition) -> str:
    """Return what to do where a file can't be fetched."""
    moved = (
        ""
        if edition.zenodo
        else "; if it has moved, correct dataset/sources/registry.yaml or the survey's survey.yaml"
    )
    return (
        f"Run again later, or put the file in {raw} yourself (its name as here): it is accepted "
        f"after the same checks{moved}"
    )


def _changed(known: Expected, stated: Expected) -> str:
    """Return what a source now says of a file that is not what is recorded."""
    pairs = {name: (getattr(known, name), getattr(stated, name)) for name in FACTS}
    return "; ".join(
        f"recorded {name} {old}, its source states {new}"
        for name, (old, new) in pairs.items()
        if None not in (old, new) and old != new
    )


def _hash_known(known: Expected, stated: Expected) -> str:
    if stated.md5 and stated.md5 == known.md5:
        return "md5 as recorded"
    return "md5 stated" if stated.md5 else "recorded" if known.hashed else "none known"


def _upstream_columns(
    remote: Remote, name: str, copy: Copy, edition: Edition, key: str
) -> tuple[str, str]:
    """Say that a file has the columns that are read of it, or why that is not known.

    Raises `PermanentFailure` if it is not the file, or not of the kind, that is expected, and
    InputError if it lacks columns.
    """
    if wrong := wrong_type(remote.head, name):
        raise PermanentFailure(wrong)
    if None not in (copy.expected.bytes, remote.size) and copy.expected.bytes != remote.size:
        raise PermanentFailure(
            f"expected a file of {copy.expected.bytes:,} bytes, the server's has {remote.size:,}"
        )
    try:
        return _count(column_names(remote, name, edition.columns), Path(name), edition, key), ""
    except Exception as error:  # each library has its own kinds, and hides ours in them
        failure = remote.failure or error
        if isinstance(failure, OutOfReach):
            return "not checked", f"{name}: its columns were not checked: {failure}"
        if isinstance(failure, InputError | PermanentFailure):
            raise failure from failure.__cause__
        said = " ".join(str(error).split())[:300]
        raise PermanentFailure(f"its columns can't be read, it seems damaged ({said})") from error
