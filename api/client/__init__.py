"""A client of the API that tries again; ``python -m api import`` and ``demo`` send with it."""
