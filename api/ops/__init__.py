"""What operators see and do over HTTP: the server side of the dashboard."""
