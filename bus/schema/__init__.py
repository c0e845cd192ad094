"""Describes the forms of the stored messages, and checks that a change of one is compatible."""
