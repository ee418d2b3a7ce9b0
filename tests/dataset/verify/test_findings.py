"""What went wrong in a check is the release's fault, or the machine's."""

import errno
import os

import pyarrow as pa
import pytest

from transferz.dataset.verify.findings import Broken, Unable, unreadable

NO_TEMPORARY_FOLDER = "No usable temporary directory found in ['/tmp', '/var/tmp']"


def of(number):
    return OSError(number, os.strerror(number), "a.parquet")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (of(errno.EACCES), Unable),
        (of(errno.ENOSPC), Unable),
        (of(errno.EFBIG), Unable),
        (of(errno.ENAMETOOLONG), Unable),
        (FileNotFoundError(errno.ENOENT, NO_TEMPORARY_FOLDER), Unable),
        (MemoryError(), Unable),
        (of(errno.ENOENT), Broken),
        (of(errno.EISDIR), Broken),
        (pa.ArrowInvalid("no parquet"), Broken),
        (OSError("a library's"), Broken),
    ],
)
def test_what_the_machine_can_not_do_breaks_nothing(error, kind):
    assert isinstance(unreadable("a.parquet", "rows", error), kind)
