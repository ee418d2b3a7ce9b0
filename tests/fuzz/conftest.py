"""The harness lies beside the tests: `run.py` imports it the same way."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
