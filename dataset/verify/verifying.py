"""Whether a release is whole and keeps its promises.

First its files against its manifest. If these agree, everything that the data promise, whatever
the hashes say: a manifest that was sealed anew after an edit proves nothing.
"""

from pathlib import Path

from transferz.dataset.verify.files import check_files, read_manifest
from transferz.dataset.verify.inspection import FILES, Inspection
from transferz.dataset.verify.report import PROMISES, SHOWN, Broken, Report
from transferz.schemas import ReleaseError

__all__ = ["PROMISES", "Broken", "Report", "inspect", "require_sound", "verify"]


def verify(release: Path) -> list[Broken]:
    """Check every promise of a release.

    Parameters
    ----------
    release : Path
        The release directory.

    Returns
    -------
    list of Broken
        What is broken; empty if all is well. Damaged files hide what is in them: if any is
        damaged, nothing else is looked for.

    Raises
    ------
    ReleaseError
        If there is no such directory.
    """
    return list(inspect(release).broken)


def require_sound(release: Path) -> None:
    """Refuse a release that breaks a promise.

    Raises
    ------
    ReleaseError
        It names the first few files and promises.
    """
    broken = verify(release)
    if broken:
        more = len(broken) - SHOWN
        rest = f"; and {more} more: `transferz verify {release}` lists them" if more > 0 else ""
        shown = "; ".join(map(str, broken[:SHOWN]))
        raise ReleaseError(f"the release in {release} breaks its promises: {shown}{rest}")


def inspect(release: Path) -> Report:
    """Check every promise of a release and say what was checked.

    Parameters
    ----------
    release : Path
        The release directory.

    Raises
    ------
    ReleaseError
        If there is no such directory.
    """
    if not release.is_dir():
        raise ReleaseError(f"{release} is no directory; expected a transferz release")
    manifest, broken = read_manifest(release)
    if not manifest:
        return Report(str(release), "", tuple(broken), FILES[:1], tuple(PROMISES)[1:])
    listed = manifest["files"]
    inspection = Inspection(release, manifest)
    inspection.broken = list(check_files(release, listed))
    if not inspection.broken:
        inspection.run()
    due = (one for one in PROMISES if one not in inspection.checked)
    sizes = (size["rows"] for splits in inspection.sizes.values() for size in splits.values())
    return Report(
        str(release),
        manifest["version"],
        tuple(inspection.broken),
        tuple(inspection.checked),
        tuple(one for one in due if inspection.applies(one)),
        files=len(listed) + 1,
        rows=sum(sizes),
    )
