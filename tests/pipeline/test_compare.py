"""`transferz compare` on two builds of which one has a looser cut."""

import json

import pandas as pd
import pytest

from transferz import cli

CUT = "narrow_interval"


@pytest.fixture(scope="module")
def looser(built, tmp_path_factory):
    """The built mock, built again from its selection on without the cut on the label's interval."""
    space = built.copy(tmp_path_factory.mktemp("looser") / "project")
    space.change(f"select.cosmos2020.cuts.{CUT}.keep", "redshift > -1")
    for stage in ("select cosmos2020", "match", "split", "release", "card"):
        assert space.stage(*stage.split()) == (0, "")
    return space


@pytest.fixture(scope="module")
def compared(built, looser, tmp_path_factory):
    """The report, and the differing rows of config transferz."""
    place = tmp_path_factory.mktemp("compared")
    report, rows = place / "report.json", place / "rows.parquet"
    command = ["compare", str(built.release), str(looser.release)]
    assert cli.main([*command, "--json", str(report), "--rows", str(rows)]) == 0
    listed = pd.read_parquet(rows).query("config == 'transferz'")
    return json.loads(report.read_text())["configs"], listed


def released(space, config="transferz"):
    index = pd.read_parquet(space.release / f"_index/{config}.index")
    return index.set_index("object_id")["split"]


def test_every_new_row_was_removed_by_the_cut_that_changed(compared, built, looser):
    configs, listed = compared
    new = set(released(looser).index) - set(released(built).index)
    assert len(new) > 100
    assert configs["transferz"]["removed_by"]["only_b"] == [
        {"stage": "select@cosmos2020", "cut": CUT, "rows": len(new)}
    ]
    found = listed.query("where == 'only_b'")
    assert set(found["object_id"]) == new
    cosmos = pd.read_parquet(built.interim / "ingest/cosmos2020/table.parquet")
    pairs = pd.read_parquet(built.interim / "match/pairs.parquet")
    traced = found.merge(pairs, on="object_id").merge(cosmos, on="cosmos_id")
    assert len(traced) == len(new)
    half = 0.05 * (1 + traced["lp_zPDF"])
    above, below = (
        traced["lp_zPDF_u68"] - traced["lp_zPDF"],
        traced["lp_zPDF"] - traced["lp_zPDF_l68"],
    )
    assert (~((above < half) & (below < half))).all()


def test_every_lost_row_gave_way_to_a_new_neighbour(compared, built, looser):
    """The looser build removes none but by conflicts between splits."""
    configs, listed = compared
    lost = set(released(built).index) - set(released(looser).index)
    steps = configs["transferz"]["removed_by"]["only_a"]
    assert {(one["stage"], one["cut"]) for one in steps} <= {("split", "split_conflict")}
    assert set(listed.query("where == 'only_a'")["object_id"]) == lost


def test_what_both_hold_is_the_same(compared, built, looser):
    configs, _ = compared
    both = released(built).to_frame("a").join(released(looser).to_frame("b"), how="inner")
    assert (both["a"] == both["b"]).all()
    found = configs["transferz"]
    assert found["rows"]["both"] == found["labels"]["equal"] == len(both)
    assert found["rows"]["changed"] == 0


def test_no_missing_row_is_left_unexplained(compared):
    configs, _ = compared
    assert set(configs) == {"transferz", "galaxiesml", "combo", "truth"}
    for config in configs.values():
        for side in ("only_a", "only_b"):
            steps = config["removed_by"][side]
            assert sum(one["rows"] for one in steps) == config["rows"][side]
            assert all(one["cut"] != "unexplained" for one in steps)
