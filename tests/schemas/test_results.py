"""Records of results: what is a good one, and that every bad one is refused in one sentence."""

import copy
import json

import pytest
from mock_run import write_run

from transferz.baselines.methods.paper import METHODS
from transferz.baselines.paper.results_record import record_text
from transferz.baselines.scores.metrics import METRICS
from transferz.releases import find_release
from transferz.schemas import CONFIGS, SPLITS, InputError
from transferz.schemas.benchmark.entries import (
    ORDER,
    Result,
    Span,
    Split,
    rank,
    read_result,
    read_results,
)
from transferz.schemas.benchmark.records import parse_record, read_record
from transferz.schemas.benchmark.scores import PERCENT, TITLES, Config, Metric, Scores, number_text


@pytest.fixture(scope="module")
def run(small_release, tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"), small_release)


@pytest.fixture(scope="module")
def good(run, small_release):
    """A record that is fine."""
    return json.loads(record_text(run, "nn_tl", find_release(small_release)))


def at(record, path):
    for name in path.split(".")[:-1]:
        record = record[int(name) if isinstance(record, list) else name]
    return record, path.split(".")[-1]


def put(path, value):
    def change(record):
        parent, name = at(record, path)
        parent[name] = value

    return change


def drop(path):
    def change(record):
        parent, name = at(record, path)
        del parent[name]

    return change


BIAS = "scores.galaxiesml.ranges.cosmological.metrics.bias"
BAD = {
    "not a number": (put(f"{BIAS}.mean", float("nan")), f"{BIAS}.mean"),
    "infinite": (put(f"{BIAS}.error", float("inf")), f"{BIAS}.error"),
    "text for a number": (put("duration_s", "12.3"), "duration_s"),
    "unknown metric": (
        put("scores.galaxiesml.ranges.cosmological.metrics.beauty", {}),
        "metrics.beauty",
    ),
    "unknown range": (put("scores.galaxiesml.ranges.all_of_them", {}), "all_of_them"),
    "no cosmological range": (
        drop("scores.galaxiesml.ranges.cosmological"),
        "range 'cosmological' is missing",
    ),
    "range too large": (put("scores.galaxiesml.ranges.all.n", 10**6), "range 'all' has 1000000"),
    "no seeds": (put("seeds", 0), "'seeds': Input should be greater"),
    "half a seed": (put("seeds", 2.5), "'seeds'"),
    "other seeds": (put("seeds", 7), "has scores of 3 seeds, expected 7"),
    "unknown set": (put("scores.sdss", {"n": 1}), "scores.sdss"),
    "no set": (put("scores", {}), "'scores'"),
    "unknown config": (put("config", "images"), "'config'"),
    "not what it learned from": (put("config", "combo"), "lacks combo/train"),
    "untested set": (drop("data.content.galaxiesml.test"), "data.content none to test"),
    "other rows": (put("data.content.galaxiesml.test.rows", 1), "data.content 1 to test"),
    "no hash": (put("data.content.galaxiesml.train.hash", "sha256:abc"), "galaxiesml.train.hash"),
    "mock of no name": (put("data.version", "1.0.0"), "contradict"),
    "mock of no flag": (put("data.mock", False), "contradict"),
    "mock of a real survey": (put("data.survey", "authors"), "contradict"),
    "no version": (put("data.version", "v1"), "'v1' is no version"),
    "other data set": (put("data.name", "sdss"), "data.name"),
    "unknown entry": (put("colour", "blue"), "unknown entry 'colour'"),
    "missing entry": (drop("command"), "entry 'command' is missing"),
    "empty command": (put("command", ""), "'command'"),
    "no bands": (put("bands", []), "'bands'"),
    "no hardware": (put("hardware", {}), "'hardware'"),
    "hardware in numbers": (put("hardware.cores", 2), "hardware.cores"),
    "negative time": (put("duration_s", -1.0), "duration_s"),
    "a path for a method": (put("method", "../nn_tl"), "'method'"),
}
"""What is changed in a record, and what the error says."""


def test_a_good_record_is_read_as_it_is_written(good):
    result = parse_record(json.dumps(good), Result, "here", "do")
    assert (result.method, result.title, result.seeds, result.start) == (
        "nn_tl",
        "NN-TL",
        3,
        "nn_base",
    )
    assert json.loads(result.model_dump_json(by_alias=True, exclude_unset=True)) == good
    with pytest.raises(ValueError, match="frozen"):
        result.seeds = 4


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_refused_in_one_sentence(good, name, tmp_path):
    change, said = BAD[name]
    record = copy.deepcopy(good)
    change(record)
    path = tmp_path / "nn_tl.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_result(path)
    text = str(error.value)
    assert said in text and text.startswith(f"{path}: ") and "\n" not in text
    assert text.endswith("write it again with `python -m transferz.baselines.paper.results`")


def test_a_file_that_is_missing_or_no_json_or_of_another_method_is_refused(good, tmp_path):
    path = tmp_path / "nn_base.json"
    with pytest.raises(InputError, match=r"can't be read: No such file"):
        read_result(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"Invalid JSON"):
        read_result(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"can't be read"):
        read_result(path)
    path.write_text(json.dumps(good), encoding="utf-8")
    with pytest.raises(InputError, match=r"result of 'nn_tl'; call it nn_tl\.json"):
        read_result(path)


def test_results_come_in_the_order_of_tables(good, tmp_path):
    assert read_results(tmp_path / "none") == []
    for method in ("nn_spec", "nn_base", "nn_tl", "a_new_one"):
        text = json.dumps(good | {"method": method})
        (tmp_path / f"{method}.json").write_text(text, encoding="utf-8")
    found = [one.method for one in read_results(tmp_path)]
    assert found == ["nn_base", "nn_tl", "nn_spec", "a_new_one"]
    assert rank("nn_combo") == (2, "nn_combo")


def test_scores_of_other_seeds_than_stated_are_refused(run, tmp_path):
    source = run / "evaluate" / "nn_base" / "scores.json"
    scores = json.loads(source.read_text(encoding="utf-8"))
    assert read_record(source, Scores, "do").sets["galaxiesml"].cosmological.n > 0
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(scores | {"seeds": 4}), encoding="utf-8")
    with pytest.raises(InputError, match=r"scores of 3 seeds, expected 4; evaluate again"):
        read_record(path, Scores, "evaluate again")


def test_the_words_are_those_of_the_other_rooms():
    assert Metric.__args__ == METRICS
    assert Config.__args__ == CONFIGS and Split.__args__ == SPLITS
    assert tuple(METHODS) == ORDER
    assert set(TITLES) <= set(METRICS) and set(METRICS) >= PERCENT


def test_numbers_are_written_as_the_field_writes_them():
    assert number_text("bias", -0.00123, 0.00045) == "−0.0012 ± 0.0004"
    assert number_text("bias", 0.0012, None) == "+0.0012"
    assert number_text("scatter", 0.0236, 0.001) == "0.0236 ± 0.0010"
    assert number_text("outlier_rate", 0.0524, 0.0012) == "5.24 ± 0.12"
    assert number_text("rmse", None, None) == "–"


def test_a_span_sums_up():
    assert Span.of([3, 1, 2]) == Span(mean=2.0, min=1.0, max=3.0)
