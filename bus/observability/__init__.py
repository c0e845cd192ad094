"""How the processes of an installation are observed: metrics, heartbeats, traces."""
