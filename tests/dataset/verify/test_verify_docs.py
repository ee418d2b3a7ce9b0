"""docs/verifying.md lists the promises that are checked, in the words of the code."""

import re

from releases import ROOT

from transferz.dataset.verify.findings import PROMISES


def test_the_document_lists_every_promise_and_no_other():
    text = (ROOT / "docs" / "verifying.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)) == PROMISES
