import argparse

import pytest

from transferz.cli.options import add_machine_options, positive


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "9" * 10, "9" * 5000, "1e3", "nan"])
def test_a_count_is_a_whole_number_that_a_machine_can_count_to(text):
    with pytest.raises(argparse.ArgumentTypeError, match="above 0, of 9 digits at most"):
        positive(text)
    assert positive("999999999") == 999_999_999


def test_threads_that_no_machine_has_are_refused(capsys):
    parser = argparse.ArgumentParser()
    add_machine_options(parser)
    assert parser.parse_args(["--threads", "1024"]).threads == 1024
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--threads", "1025"])
    assert "expected 1024 at most, found 1025" in capsys.readouterr().err
