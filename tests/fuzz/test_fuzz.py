"""Corrupted upstream files are refused, or read as other people's readers read them."""

import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from fuzzing.campaign import (
    EQUAL,
    FAILED,
    LOST,
    REFUSED,
    SOUND,
    Case,
    Worker,
    make_case,
    report,
    run_campaign,
)
from fuzzing.fits_mutators import add_card, keyword, put
from fuzzing.independent import expected_rows
from fuzzing.rules import MustRefuse
from fuzzing.seeds import make_seeds

SEEDS = {seed.name: seed for seed in make_seeds()}


def test_a_few_hundred_corrupted_files():
    tallies = run_campaign(210, campaign=2024)
    text = report(tallies)
    assert not any(tally.failures for tally in tallies), text
    counts = sum((tally.counts for tally in tallies), start=type(tallies[0].counts)())
    assert counts.total() == sum(tally.hash_refused for tally in tallies) >= 210
    assert counts[REFUSED] > 100 and counts[EQUAL] > 20, text  # else it shows little
    assert f"with the hash known, {counts.total()} of {counts.total()} are refused" in text


def test_the_same_numbers_give_the_same_files():
    for place, seed in enumerate(SEEDS.values()):
        for number in range(5):
            first, again = (make_case(seed, 7, place, number) for _ in range(2))
            assert first.files == again.files != seed.files
            assert first.files != make_case(seed, 8, place, number).files


@pytest.mark.parametrize("verdict", [FAILED, REFUSED])
def test_failures_are_named_kept_and_give_status_1(verdict, tmp_path, monkeypatch, capsys):
    """A read that went wrong, and a damaged file that the recorded hash let through."""
    import run

    result = {"verdict": verdict, "reason": "of that", "hash_refused": verdict == FAILED}
    sound = {"verdict": EQUAL, "reason": "", "hash_refused": False}
    monkeypatch.setattr(
        Worker, "judge", lambda self, seed, *numbers: sound if numbers[-1] == SOUND else result
    )
    monkeypatch.setattr(
        sys, "argv", ["run.py", "--only", "readers", "--files", "28", "--keep", str(tmp_path)]
    )
    assert run.main() == 1
    printed = capsys.readouterr().out
    assert "FAILED HSC CSV #1 (" in printed and "of that" in printed
    assert len(list(tmp_path.glob("*/0"))) == len(list(tmp_path.glob("*/1"))) == 14
    assert list((tmp_path / "HSC_CSV" / "0").iterdir())


def test_a_worker_that_dies_is_a_failure_but_for_hdf5(monkeypatch, tmp_path):
    dying = tmp_path / "dying.py"
    dying.write_text("print('ready', flush=True); input(); import os; os.abort()")
    monkeypatch.setattr("fuzzing.campaign.RUN", dying)
    with Worker() as worker:
        for name, expected in (("HSC CSV", FAILED), ("GalaxiesML HDF5", LOST)):
            result = worker.judge(SEEDS[name], 1, 1, 1)
            assert result["verdict"] == expected and "died" in result["reason"]
            assert not result["hash_refused"]


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Judge files of a format in which one was replaced."""
    from fuzzing.judge import judge

    monkeypatch.chdir(tmp_path)

    def verdict(name, content):
        seed = SEEDS[name]
        damaged = next(iter(seed.files))
        case = Case(seed, 0, damaged, (), seed.files | {damaged: content})
        return judge(case, tmp_path)

    return verdict


def content_of(name):
    return next(iter(SEEDS[name].files.values()))


@pytest.mark.parametrize("name", SEEDS)
def test_undamaged_files_give_their_rows(name, judged):
    result = judged(name, content_of(name))
    assert (result["verdict"], result["hash_refused"]) == (EQUAL, False), result


def swallow_lines(text):
    """Two stray quotes, lines apart, in a column that nobody reads."""
    lines = text.splitlines(keepends=True)
    for number in (3, 6):
        lines[number] = lines[number].replace(b"note", b'"note')
    return b"".join(lines)


def with_header(edit):
    return lambda data: edit(data, keyword(data, b"PCOUNT")[-1])


FOUND = {
    "a quote that is never closed": (
        "COSMOS2020 CSV",
        lambda text: b'"note'.join(text.rsplit(b"note", 1)),
        "with 1 quotation marks",
    ),
    "quotes that swallow lines": ("TransferZ CSVs", swallow_lines, "make 12 rows"),
    "a column's name that is no UTF-8": (
        "COSMOS2020 parquet",
        lambda data: data.replace(b"unread_text", b"\x91nread_text"),
        "no sound parquet file",
    ),
    "a row fewer than announced": (
        "COSMOS2020 parquet",
        lambda data: data.replace(b"\x16\x50\x19", b"\x16\x52\x19"),  # num_rows: 40 to 41
        "40 rows where 41 are announced",
    ),
    "dashes that are no rule under all names": (
        "GalaxiesML HSC_v6.csv",
        lambda text: text.replace(b"\n", b"\n-- \n", 2).replace(b"\n-- \n", b"\n", 1),
        "a row has 1 values",
    ),
    "no PCOUNT": ("COSMOS2020 FITS", with_header(lambda data, at: put(data, at, b"")), "PCOUNT"),
    "a keyword twice": (
        "HSC FITS",
        lambda data: add_card(data, b"TTYPE1  = 'other'"),
        "2 cards TTYPE1",
    ),
    "identifiers that are shifted": (
        "COSMOS2020 FITS",
        lambda data: add_card(data, b"TZERO1  =                32768"),
        "64-bit integers with TSCAL 1 and TZERO 32768",
    ),
    "a compressed table": (
        "COSMOS2020 FITS",
        lambda data: add_card(data, b"ZTABLE  =                    T"),
        "missing ID",
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_fuzzing_found_is_refused(case, judged):
    name, damage, message = FOUND[case]
    result = judged(name, damage(content_of(name)))
    assert result["verdict"] == REFUSED and message in result["reason"], result


def test_changed_data_under_intact_checksums_are_refused(judged):
    name = "COSMOS2020 FITS, checksums"
    data = content_of(name)
    for at in np.random.default_rng(5).integers(len(data) - 4000, len(data) - 3000, 5):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert judged(name, changed)["verdict"] == REFUSED


def test_the_judge_sees_wrong_rows_stray_files_and_other_exceptions(judged, monkeypatch):
    """What it is there for: each broken pipeline fails on an undamaged file."""
    import fuzzing.judge as judge_module

    name = "COSMOS2020 CSV"
    sound = judge_module.ingest

    def other_rows(layout, catalogue):
        sound(layout, catalogue)
        path = layout.interim("ingest", catalogue) / "table.parquet"
        pq.write_table(pq.read_table(path).slice(1), path)

    def other_error(layout, catalogue):
        raise KeyError("ID")

    def leaves_a_file(layout, catalogue):
        (layout.interim("ingest") / ".transferz-0").touch()
        raise judge_module.InputError("refused")

    for broken, reason in (
        (other_rows, "39 rows, not 40"),
        (other_error, "KeyError"),
        (leaves_a_file, "left"),
    ):
        monkeypatch.setattr(judge_module, "ingest", broken)
        result = judged(name, content_of(name))
        assert result["verdict"] == FAILED and reason in result["reason"]


def test_the_other_readers_refuse_too():
    """Else 'equal rows' would be the only verdict of theirs."""
    refused = 0
    for place, seed in enumerate(SEEDS.values()):
        for number in range(10):
            try:
                expected_rows(seed, make_case(seed, 3, place, number).files)
            except MustRefuse:
                refused += 1
    assert refused > 5 * len(SEEDS)
    assert make_case(seed, 3, place, SOUND).files == seed.files
