"""The same parameters give the same bytes, on any processor and with any number of threads."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from transferz.dataset.mock.build import write_mock

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import conftest
conftest.write_mock(conftest.make_tiny_params(), Path(sys.argv[1]))
"""
PLAIN = {  # a processor without AVX2 or AVX-512, one thread
    "OPENBLAS_CORETYPE": "Haswell",
    "OMP_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
}


def digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_another_processor_writes_the_same_bytes(tiny, tmp_path):
    script = SCRIPT.format(tests=str(Path(__file__).parent))
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)],
        env=os.environ | PLAIN,
        check=True,
    )
    assert digests(tmp_path) == digests(tiny)
    assert len(digests(tmp_path)) == 7


def test_global_random_state_is_left_alone_and_another_seed_gives_other_galaxies(
    tiny, tiny_params, tmp_path
):
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    write_mock(tiny_params.model_copy(update={"seed": tiny_params.seed + 1}), tmp_path)
    assert np.array_equal(np.random.random(3), expected)  # noqa: NPY002
    first, second = digests(tiny), digests(tmp_path)
    assert all(first[name] != second[name] for name in first)
