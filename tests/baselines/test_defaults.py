"""Defaults that an installed package needs without params.yaml say the same as it does."""

from pathlib import Path

import yaml

from transferz.baselines.benchmark.own_tables import FRACTIONS, SALT
from transferz.baselines.methods import METHODS
from transferz.baselines.networks.training import PAPER
from transferz.cli.train import parse_arguments
from transferz.schemas import SPLITS

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))


def test_a_users_table_is_split_as_the_releases_are():
    assert PARAMS["split"]["salt"] == SALT
    assert dict(zip(SPLITS, FRACTIONS, strict=True)) == PARAMS["split"]["fractions"]


def test_the_pipelines_schedule_is_the_papers():
    schedule = PARAMS["baselines"]["schedule"]
    assert schedule == {name: getattr(PAPER, name) for name in schedule}
    assert len(schedule) == 4
    assert PARAMS["baselines"]["paper_seeds"] == 100


def test_nn_tl_is_fine_tuned_as_the_study_found():
    method, chosen = METHODS["nn_tl"], PARAMS["baselines"]["transfer"]
    frozen = parse_arguments(["nn_tl", "--frozen", str(chosen["frozen"])]).frozen
    assert (method.learning_rate, method.frozen) == (chosen["learning_rate"], frozen)
