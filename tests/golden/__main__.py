"""``python -m tests.golden``: write the golden files that are missing after a message changed."""

import sys

from tests.golden.golden import write_missing

if __name__ == "__main__":
    for path in write_missing():
        sys.stdout.write(f"{path}\n")
