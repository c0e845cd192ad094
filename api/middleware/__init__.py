"""The middleware of every request: finds the caller, refuses, limits the time, and logs."""
