"""Bringing recorded history into a running system, through the API like any other client."""
