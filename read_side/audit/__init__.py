"""The audit: every read model must equal the fold of the log."""
