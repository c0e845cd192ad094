"""The aggregates: pure functions that decide what a command does and what an event changes."""
