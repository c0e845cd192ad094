"""The process that serves HTTP: its main, waitress with its limits, and the requests that wait."""
