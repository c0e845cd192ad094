"""Rebuilding read models: a new generation is filled beside the live one and put in its place."""
