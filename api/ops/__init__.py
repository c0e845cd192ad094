"""The server side of the dashboard: everything that operators see and do over HTTP."""
