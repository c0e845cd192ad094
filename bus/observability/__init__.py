"""Shows what the processes of an installation do: metrics, heartbeats, traces."""
