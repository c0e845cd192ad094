"""Runs the aggregates: orders the commands, decides them and appends the decisions to the log."""
