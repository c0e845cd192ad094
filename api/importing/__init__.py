"""``python -m api import``: a shop's history from CSV files or JSON lines, sent through the API."""
