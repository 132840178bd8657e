"""python3 -m infrakit, from a checkout."""

import sys

from infrakit.cli import main

if __name__ == "__main__":
    sys.exit(main())
