"""The log: every decision ever made, in order."""
