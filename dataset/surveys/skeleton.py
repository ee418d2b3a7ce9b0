"""A new survey: its files, with a comment at every entry."""

import re
from pathlib import Path

from transferz.dataset.pipeline.params import PARAMS_FILE, load_params
from transferz.dataset.surveys.pipeline import PIPELINE, write_pipeline
from transferz.schemas import ParameterError
from transferz.schemas.survey import survey as configured
from transferz.tables.files import replace_directory

SKELETON = Path(__file__).with_name("skeleton.yaml")


def write_skeleton(name: str) -> Path:
    """Write the files of a new survey, ``survey.yaml`` and ``dvc.yaml``; return their folder.

    A ParameterError says that a name won't do, is taken, or that this is no checkout of the
    project; nothing is written then.
    """
    folder = configured.FOLDER / name
    if not re.match(configured.NAME, name):
        raise ParameterError(
            f"expected a survey's name of small letters, digits and '_', a letter first, found "
            f"'{name}'; choose another"
        )
    if not (configured.FOLDER.parent / PIPELINE).is_file():
        raise ParameterError(
            f"{configured.FOLDER.parent} is no checkout of the project, where surveys are added: "
            f"it has no {PIPELINE}; run this in a checkout, with its own environment (`make env`)"
        )
    if folder.exists():
        raise ParameterError(f"{folder} is there already; choose another name, or move it away")
    load_params(configured.FOLDER.parent / PARAMS_FILE)  # read for the pipeline, or nothing is made
    with replace_directory(folder) as beside:
        text = SKELETON.read_text(encoding="utf-8").replace("NAME", name)
        (beside / configured.FILE).write_text(text, encoding="utf-8")
    write_pipeline(configured.find_survey(name))
    return folder
