"""The aggregates: what each command does and what each event changes. All of it is pure."""
