"""Shows an operator the queues: looks at Redis and the inbox, and figures between two looks."""
