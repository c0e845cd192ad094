"""The process that serves: its main, waitress with its limits, and the requests that wait."""
