"""Records what operators do, and which callers are shown personal data."""
