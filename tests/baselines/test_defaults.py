"""Defaults that an installed package needs without params.yaml say the same as it does."""

from pathlib import Path

import yaml

from transferz.baselines.experiment import FRACTIONS, SALT
from transferz.schemas import SPLITS

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))


def test_a_users_table_is_split_as_the_releases_are():
    assert PARAMS["split"]["salt"] == SALT
    assert dict(zip(SPLITS, FRACTIONS, strict=True)) == PARAMS["split"]["fractions"]
