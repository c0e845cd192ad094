"""A client of the API that can be relied on: what ``python -m api import`` and ``demo`` send with."""
