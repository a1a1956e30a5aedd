"""``python -m micropip_lock``."""

import sys

from micropip_lock.cli import main

if __name__ == "__main__":
    sys.exit(main())
