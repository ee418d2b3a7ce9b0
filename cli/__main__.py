"""`python -m transferz.cli`, where the `transferz` script is not on the path."""

import sys

from transferz.cli import main

if __name__ == "__main__":
    sys.exit(main())
