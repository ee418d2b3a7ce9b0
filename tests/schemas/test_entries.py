"""Entries of the leaderboard: read as they are written, and every bad one refused in one line."""

import copy
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.baselines.methods import METHODS
from transferz.baselines.scores.flags import RISKS
from transferz.baselines.scores.metrics import METRICS
from transferz.schemas import CONFIGS, SPLITS, InputError
from transferz.schemas.benchmark.entries import (
    MAX_BYTES,
    OF_A_RUN,
    ORDER,
    Entry,
    Split,
    entry_text,
    method_key,
    parse_entry,
    read_entry,
    rounded,
    write_entry,
)
from transferz.schemas.benchmark.records import LINE
from transferz.schemas.benchmark.scores import (
    LARGEST,
    METRIC_TITLES,
    PERCENT,
    SETS,
    TESTED,
    TITLES,
    Metric,
    ProbabilityMetric,
    RiskMetric,
    number_text,
)

SHA = "0123456789abcdef" * 4


def summary(mean):
    return {"mean": mean, "spread": mean / 7, "error": mean / 30}


def scores(n, completeness):
    metrics = {name: summary(0.0123) for name in ("bias", "scatter", "outlier_rate", "crps")}
    verdict = {"value": 0.0123, "limit": 0.003, "met": False, "error": 0.0021, "sure": True}
    part = {"n": n, "metrics": metrics, "requirements": {"bias": verdict}}
    lone = {"from": 0.3, "to": 0.6, "middle": 0.45, "n": 80, "metrics": {"bias": summary(0.02)}}
    lesser = {"bias": {"mean": 0.001, "error": None}}
    few = {"from": 0.6, "to": None, "n": 3, "metrics": None}
    verdict = {"value": -0.01, "limit": 0.001, "met": False, "error": 0.02, "sure": False}
    tomographic = {"from": None, "to": 0.4, "n": n, "metrics": {"bias_points": summary(-0.01)}}
    return {
        "n": n,
        "completeness": completeness,
        "ranges": {"all": part, "cosmological": {**part, "n": n - 20}},
        "pit": {"all": [0.05] * 20},
        "bins": {"true_redshift": [lone, few], "g-i": [few]},
        "truth": {"all": {"n": n, "metrics": {"bias": summary(0.01)}, "difference": lesser}},
        "tomography": {
            "lsst": [
                {**tomographic, "requirement": {"points": verdict}},
                few | {"requirement": None},
            ]
        },
        "discreteness": {"points": {"distinct": summary(99.0), "most_common": summary(0.1)}},
        "risk": {
            "flag": "method",
            "dropped": [0, 50],
            "metrics": {"rmse": [summary(0.2), summary(0.1)]},
            "area": {"rmse": summary(0.15)},
        },
    }


def split(rows):
    return {"rows": rows, "hash": f"sha256:{SHA}"}


def good_record():
    """All that an entry of a release may hold; the numbers are made up."""
    coverages = {name: summary(0.7) for name in ("coverage_68", "coverage_90", "width_90")}
    return {
        "schema": "transferz leaderboard entry 1",
        "method": {
            "key": "k_nn",
            "name": "k-NN",
            "class": "neighbours:KNN",
            "version": "1.0",
            "description": "The mean of the nearest",
            "citation": "Somebody & Others 2020: 'Near', #1",
            "code": "https://example.org/knn?a=1&b=2",
        },
        "training": {
            "set": "combo",
            "rows": {
                "train": {"combo": 700},
                "validation": {"combo": 100},
                "calibration": {"galaxiesml": 90, "transferz": 80},
            },
            "table": None,
        },
        "bands": ["g_cmodel_mag", "r_cmodel_mag"],
        "seeds": 5,
        "data": {
            "name": "transferz",
            "version": "1.0.0+mock",
            "survey": "mock",
            "mock": True,
            "content": {
                "combo": {"train": split(700), "validation": split(100)},
                "galaxiesml": {"test": split(120)},
                "transferz": {"test": split(110)},
            },
        },
        "scores": {"galaxiesml": scores(120, 1.0), "transferz": scores(100, 0.909091)},
        "transfer": [{"calibrated_on": "transferz", "tested_on": "galaxiesml", **coverages}],
        "by_magnitude": {
            "galaxiesml": [{"from": 18.0, "to": 22.0, "n": 60, "metrics": {"bias": summary(0.1)}}]
        },
        "networks": {
            "schedule": {"learning_rate": 0.0005, "max_epochs": 1000, "frozen": [1, 2]},
            "start": {
                "method": "nn_base",
                "schedule": {"max_epochs": 9},
                "learned": {"transferz/train": f"sha256:{SHA}"},
            },
            "tf32": False,
            "epochs": {"mean": 31.0, "min": 30.0, "max": 32.0},
            "best_epoch": {"mean": 21.0, "min": 20.0, "max": 22.0},
            "validation_loss": {"mean": 0.1, "min": 0.1, "max": 0.1},
        },
        "hardware": {"cpu": "A processor", "system": "Linux"},
        "device": "cpu",
        "threads": 2,
        "time": {"fit_s": 12.5, "calibrate_s": None, "predict_s": 0.00015},
        "memory": {"peak_mb": 321.0, "gpu_peak_mb": None},
        "command": "transferz benchmark neighbours:KNN",
        "packages": {"numpy": "2.1.0"},
        "transferz": "0.1.0",
        "date": "2026-11-26",
        "forecasts": {"file": "forecasts.parquet", "bytes": 1234, "sha256": SHA, "url": None},
        "model": {"file": "model.safetensors", "bytes": 99, "sha256": SHA},
    }


def own_record():
    """An entry on a table of one's own."""
    table = {"file": "mine.csv", "sha256": SHA, "bands": ["g"], "redshift": "z", "rows": 900}
    table |= {"tested": 120, "fractions": {"train": 0.8, "test": 0.2}, "salt": "transferz-1"}
    rows = {"train": {"table": 700}, "validation": {"table": 80}, "calibration": None}
    return good_record() | {
        "training": {"set": "table", "rows": rows, "table": None},
        "data": {"table": table, "test_table": None},
        "scores": {"table": scores(120, 1.0)},
        "transfer": None,
        "by_magnitude": None,
    }


def parsed(record):
    return parse_entry(dumped(record))


def dumped(record):
    return yaml.safe_dump(json.loads(json.dumps(record)))  # no part is there twice


# --- good ones


@pytest.mark.parametrize("make", [good_record, own_record])
def test_an_entry_is_read_as_it_is_written(make, tmp_path):
    record = make()
    entry = parsed(record)
    text = entry_text(entry)
    assert yaml.safe_load(text) == record
    assert parse_entry(text) == entry and entry_text(parse_entry(text)) == text
    assert parse_entry(json.dumps(record)) == entry  # JSON is YAML too
    write_entry(tmp_path / "entry.yaml", entry)
    assert (tmp_path / "entry.yaml").read_bytes() == text.encode()
    assert read_entry(tmp_path / "entry.yaml") == entry


def test_what_an_entry_says_of_itself():
    entry, own = parsed(good_record()), parsed(own_record())
    assert (entry.survey, entry.mock) == ("mock", True)
    full = good_record()
    full["data"]["survey"] = "mock_full"
    assert parsed(full).mock
    assert (own.survey, own.mock, own.tested_rows("table")) == (None, False, 120)
    assert [entry.tested_rows(name) for name in ("galaxiesml", "combo", "table")] == [
        120,
        None,
        None,
    ]
    with pytest.raises(ValueError, match="frozen"):
        entry.seeds = 4


def test_the_file_is_compact():
    text = entry_text(parsed(good_record()))
    lines = text.splitlines()
    assert "          bias: {mean: 0.0123, spread: " in text  # a line per metric
    assert "bands: [g_cmodel_mag, r_cmodel_mag]" in lines
    assert len(lines) < len(json.dumps(good_record(), indent=1).splitlines()) / 3
    assert max(map(len, lines)) <= LINE + 40  # a hash is not cut
    assert "!!" not in text and "&id" not in text and text.startswith("schema: transferz")


@settings(max_examples=50, deadline=None)
@given(
    text=st.one_of(
        st.text(st.characters(codec="utf-8"), min_size=1),
        st.sampled_from(["1e5", "-2E-7", "1.5", "0x1f", "12:30:45", "no", "~", "null", "<<", "="]),
    ),
    number=st.floats(-LARGEST, LARGEST),
    rows=st.integers(0, 10**15),
)
def test_every_text_and_number_comes_back_exactly(text, number, rows):
    record = good_record()
    record["method"]["description"] = record["command"] = text
    record["hardware"] = {"cpu": text}
    record["transfer"][0]["coverage_68"]["mean"] = number
    record["forecasts"]["bytes"] = rows
    entry = parse_entry(json.dumps(record))
    again = parse_entry(entry_text(entry))
    assert again == entry and again.command == text and again.forecasts.bytes == rows
    assert again.transfer[0].coverage_68.mean == number
    assert entry_text(again) == entry_text(entry)


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(10**6, 10**9), part=st.floats(0, 1))
def test_a_rounded_completeness_is_that_of_large_tables_too(rows, part):
    n = round(rows * part)
    record = own_record()
    record["data"]["table"] |= {"rows": rows, "tested": rows}
    record["scores"]["table"] |= rounded({"n": n, "completeness": n / rows, "ranges": {}})
    record["scores"]["table"] |= {"ranges": {"all": {"n": 0, "metrics": {}, "requirements": {}}}}
    assert parsed(record).scores["table"].n == n


def test_a_date_may_stand_without_quotes():
    text = entry_text(parsed(good_record()))
    assert parse_entry(text.replace("'2026-11-26'", "2026-11-26")).date == "2026-11-26"


def test_numbers_may_stand_as_other_writers_of_yaml_have_them():
    text = entry_text(parsed(good_record()))
    assert parse_entry(text.replace("12.5", "1e-05")).time.fit_s == 1e-05
    assert parse_entry(text.replace("12.5", "2E+3")).time.fit_s == 2000
    assert parse_entry(text.replace("'2.1.0'", "'1e5'").replace("2.1.0", "'1e5'")).packages == {
        "numpy": "1e5"
    }


def test_numbers_are_rounded_and_names_made_keys():
    assert rounded({"a": [1.23456789, 3, None, True], "b": 1.23456789e-12}) == {
        "a": [1.23457, 3, None, True],
        "b": 1.23457e-12,
    }
    names = ["k-NN (5)", "NN-Base", "3 trees", "!!", "Ünder"]
    assert [method_key(name) for name in names] == ["k_nn_5", "nn_base", "m_3_trees", "m", "nder"]


# --- bad ones


def put(path, value):
    def change(record):
        *parents, name = path.split(".")
        for one in parents:
            record = record[int(one) if isinstance(record, list) else one]
        record[name] = value

    return change


def drop(path):
    def change(record):
        *parents, name = path.split(".")
        for one in parents:
            record = record[one]
        del record[name]

    return change


BAD = {
    "unknown entry": (put("beauty", 1), "unknown entry 'beauty'"),
    "unknown entry inside": (put("method.beauty", 1), "unknown entry 'method.beauty'"),
    "missing entry": (drop("command"), "entry 'command' is missing"),
    "other schema": (put("schema", "transferz leaderboard entry 2"), "'schema'"),
    "text for a number": (put("seeds", "5"), "'seeds'"),
    "a number for text": (put("transferz", 0.1), "'transferz'"),
    "yes for a number": (put("threads", True), "'threads'"),
    "half a seed": (put("seeds", 2.5), "'seeds'"),
    "no schedule": (put("networks.schedule", {}), "'networks.schedule'"),
    "no epochs": (drop("networks.epochs"), "entry 'networks.epochs' is missing"),
    "a folder for a model": (put("model.file", "../model"), "'model.file'"),
    "truth of an unknown range": (put("scores.galaxiesml.truth.some", {}), "truth.some"),
    "no seed": (put("seeds", 0), "'seeds'"),
    "not a number": (put("time.fit_s", float("nan")), "'time.fit_s'"),
    "infinite": (put("memory.peak_mb", float("inf")), "'memory.peak_mb'"),
    "beyond drawing": (put("transfer.0.coverage_68.mean", 1e300), "coverage_68.mean"),
    "a count beyond counting": (put("scores.galaxiesml.n", 10**4000), "'scores.galaxiesml.n'"),
    "too many seeds": (put("seeds", 10**4000), "'seeds'"),
    "negative time": (put("time.fit_s", -1.0), "'time.fit_s'"),
    "unknown metric": (put("scores.galaxiesml.ranges.all.metrics.beauty", {}), "beauty"),
    "unknown range": (put("scores.galaxiesml.ranges.some", {}), "some"),
    "unknown set": (put("scores.sdss", scores(1, 1.0)), "sdss"),
    "no range": (put("scores.galaxiesml.ranges", {}), "ranges"),
    "no set": (put("scores", {}), "'scores'"),
    "a list for a mapping": (put("method", ["k_nn"]), "'method'"),
    "a path for a key": (put("method.key", "../k_nn"), "'method.key'"),
    "javascript": (put("method.code", "javascript:alert(1)"), "'method.code'"),
    "data link": (put("method.code", "data:text/html,x"), "'method.code'"),
    "a link out of its quotes": (put("method.code", "https://a.b/'><script>"), "'method.code'"),
    "a link with a password": (put("method.code", "https://me:pass@a.b/c"), "'method.code'"),
    "forecasts behind a password": (
        put("forecasts.url", "https://me:p/s@a.b/c"),
        "'forecasts.url'",
    ),
    "a link of two lines": (put("method.code", "https://a.b\njavascript:x"), "'method.code'"),
    "a link with a line's end": (put("method.code", "https://a.b\n"), "'method.code'"),
    "forecasts by script": (put("forecasts.url", "javascript:alert(1)"), "'forecasts.url'"),
    "forecasts in the clear": (put("forecasts.url", "http://a.b/f"), "'forecasts.url'"),
    "forecasts elsewhere": (put("forecasts.file", "../forecasts.parquet"), "'forecasts.file'"),
    "a folder for forecasts": (put("forecasts.file", ".."), "'forecasts.file'"),
    "no checksum": (put("forecasts.sha256", "abc"), "'forecasts.sha256'"),
    "no date": (put("date", "yesterday"), "'date'"),
    "no such day": (put("date", "2026-02-30"), "day is out of range"),
    "a mock of no name": (put("data.version", "1.0.0"), "contradict"),
    "range too large": (put("scores.galaxiesml.ranges.all.n", 999), "'all' has 999 of 120"),
    "more than all": (put("scores.galaxiesml.completeness", 1.5), "completeness"),
    "another completeness": (put("scores.transferz.completeness", 1.0), "no completeness of 1.0"),
    "scores of nothing tested": (
        drop("data.content.galaxiesml.test"),
        "scores of 'galaxiesml', which data does not hold",
    ),
    "a curve of another length": (
        put("scores.galaxiesml.risk.dropped", [0, 10, 50]),
        "2 values of 'rmse' at 3 points",
    ),
    "all dropped": (put("scores.galaxiesml.risk.dropped", [0, 100]), "risk.dropped.1"),
    "nobody's flag": (put("scores.galaxiesml.risk.flag", "mine"), "risk.flag"),
    "no survey": (put("scores.galaxiesml.tomography", {"des": []}), "'scores.galaxiesml.tomog"),
    "PIT of no range": (put("scores.galaxiesml.pit", {"lsst": [0.05] * 20}), "'lsst'"),
    "coverage of no scores": (
        put("transfer.0.tested_on", "combo"),
        "coverages on 'combo', which has no scores",
    ),
    "bins of no scores": (put("by_magnitude", {"combo": []}), "coverages on 'combo'"),
    "another training set": (
        put("training.rows.train", {"transferz": 5}),
        "the training set is 'combo', and 'rows' has some of 'transferz'",
    ),
    "a file without name": (put("training.set", "file"), "a 'table' is named where"),
    "a table on a release": (
        put(
            "training",
            {
                "set": "table",
                "rows": {"train": {"table": 5}, "validation": None, "calibration": None},
            },
        ),
        "the training set is 'table', and 'data' another's",
    ),
}
"""What is changed in an entry, and what the error says."""


@pytest.mark.parametrize("name", BAD)
def test_a_bad_entry_is_refused_in_one_sentence(name, tmp_path):
    change, said = BAD[name]
    record = copy.deepcopy(good_record())
    change(record)
    path = tmp_path / "entry.yaml"
    path.write_text(dumped(record), encoding="utf-8")
    require_refused(path, said)


def require_refused(path, said):
    with pytest.raises(InputError) as error:
        read_entry(path)
    text = str(error.value)
    assert said in text and str(path) in text
    assert "\n" not in text and len(text) < 1500
    assert text.endswith("write it again with `transferz benchmark`")


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("method.code", "https://me:hunter2@example.org/x"),
        ("method.code", "http://hunter2@example.org/x"),
        ("forecasts.url", "https://me:hunter2@example.org/f"),
        ("command", "transferz benchmark x:Y --release https://me:hunter2@example.org/r"),
        ("method.citation", "see https://me:hunter2@example.org"),
        ("method.code", "https://me:/hunter2@a.b"),
    ],
)
def test_a_password_is_refused_and_not_repeated(place, text, tmp_path):
    record = copy.deepcopy(good_record())
    put(place, text)(record)
    path = tmp_path / "entry.yaml"
    path.write_text(dumped(record), encoding="utf-8")
    with pytest.raises(InputError, match=f"'{place}': (no address|String should)") as error:
        read_entry(path)
    assert "hunter2" not in str(error.value)


def test_an_at_sign_elsewhere_is_no_password():
    record = copy.deepcopy(good_record())
    record["method"]["code"] = "https://example.org/@me/x@2.0?by=a@b.c"
    record["method"]["citation"] = "Somebody (me@example.org)"
    assert parsed(record).method.code == record["method"]["code"]


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
NO_YAML = {
    "nothing": ("", "should be an object"),
    "a word": ("entry", "should be an object"),
    "a list": ("- 1\n- 2\n", "should be an object"),
    "open bracket": ("schema: [1, 2", "is no YAML that can be used"),
    "tabs": ("a:\n\t- b", "is no YAML that can be used"),
    "two documents": ("a: 1\n---\nb: 2\n", "expected a single document"),
    "an escape": ("a: \x1b[2J", "is no YAML that can be used"),
    "half a character": ('schema: "\\ud800"', "Invalid JSON"),
    "an alias": ("a: &x 1\nb: *x\n", "aliases are not used"),
    "a bomb of aliases": (BOMB, "aliases are not used"),
    "itself inside": ("a: &x [*x]\n", "aliases are not used"),
    "a name twice": ("seeds: 5\nseeds: 6\n", "'seeds' stands there twice"),
    "a name twice inside": ("method: {key: a, key: b}\n", "'key' stands there twice"),
    "a list for a name": ("? [a, b]\n: 1\n", "printable characters"),
    "an escape in a name": ('"\\e[2J": 1\n', "printable characters"),
    "a set": ("a: !!set {b, c}\n", "not JSON serializable"),
    "bytes": ("a: !!binary aGVsbG8=\n", "not JSON serializable"),
    "deep": ("[" * 100_000, "entries within entries"),
    "deep mappings": ("{a: " * 40_000, "entries within entries"),
    "long number": ("seeds: " + "9" * 10_000, "is missing"),
    "object": ("a: !!python/object:os.system x\n", "could not determine a constructor"),
    "function": ("a: !!python/name:os.system\n", "could not determine a constructor"),
    "tag of its own": ("a: !mine x\n", "could not determine a constructor"),
}


@pytest.mark.parametrize("name", NO_YAML)
def test_what_is_no_plain_yaml_is_refused_in_one_sentence(name, tmp_path):
    text, said = NO_YAML[name]
    path = tmp_path / "entry.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    require_refused(path, said)


@pytest.mark.parametrize("code", ["object/apply:os.system", "object/new:os.system"])
def test_nothing_in_an_entry_is_run(code, tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / "entry.yaml"
    path.write_text(f"schema: !!python/{code} ['touch {mark}']\n")
    require_refused(path, "could not determine a constructor")
    assert not mark.exists()


def test_what_can_not_be_an_entry_is_not_read(tmp_path):
    huge = tmp_path / "huge.yaml"
    huge.write_text("# " + "x" * MAX_BYTES)
    require_refused(huge, f"it has more than {MAX_BYTES:,} bytes")
    require_refused(tmp_path / "none.yaml", "No such file")
    require_refused(tmp_path, "Is a directory")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: \xe4\n")
    require_refused(latin, "can't decode")


def test_the_schema_says_what_an_entry_holds():
    assert set(Entry.model_json_schema(by_alias=True)["required"]) == set(good_record()) - {
        "transfer",
        "by_magnitude",
        "networks",
        "date",
        "model",
        *OF_A_RUN,  # published forecasts have none of it: tests/baselines/leaderboard
    }


def test_the_words_are_those_of_the_other_rooms():
    assert Metric.__args__ == METRICS and RiskMetric.__args__ == RISKS
    assert Split.__args__ == SPLITS
    assert set(SETS) | {"truth"} == set(CONFIGS) and set(TESTED) < set(SETS)
    assert tuple(METHODS) == ORDER
    every = {*METRICS, *ProbabilityMetric.__args__}
    assert set(TITLES) <= set(METRICS) and every == set(METRIC_TITLES) and every >= PERCENT


def test_numbers_are_written_as_the_field_writes_them():
    assert number_text("bias", -0.00123, 0.00045) == "−0.0012 ± 0.0004"
    assert number_text("bias", 0.0012, None) == "+0.0012"
    assert number_text("bias", -0.00004, None) == number_text("bias", 0.0, None) == "0.0000"
    assert number_text("scatter", -0.00004, None) == "0.0000"
    assert number_text("scatter", 0.0236, 0.001) == "0.0236 ± 0.0010"
    assert number_text("outlier_rate", 0.0524, 0.0012) == "5.24 ± 0.12"
    assert number_text("rmse", None, None) == "–"


def test_an_entry_may_be_of_any_releases_configs(tmp_path):
    record = good_record()
    names = {"transferz": "labels", "galaxiesml": "spectroscopic"}
    text = json.dumps(record)
    for old, new in names.items():
        text = text.replace(f'"{old}"', f'"{new}"').replace(f"+{old}", f"+{new}")
    renamed = json.loads(text) | {"transferz": record["transferz"]}
    del renamed["labels"]  # the package's name, where its version stands
    renamed["data"]["name"] = "transferz"
    path = tmp_path / "entry.yaml"
    path.write_text(json.dumps(renamed), encoding="utf-8")
    assert set(read_entry(path).scores) <= {*names.values(), "combo"}


def test_what_was_learned_from_is_among_the_data(tmp_path):
    record = good_record()
    record["training"] |= {"set": "elsewhere"}
    record["training"]["rows"]["train"] = {"elsewhere": 10}
    path = tmp_path / "entry.yaml"
    path.write_text(json.dumps(record), encoding="utf-8")
    require_refused(path, "the training set is 'elsewhere', which 'data' does not hold")
