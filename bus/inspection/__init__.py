"""What an operator is told of the queues: looks at Redis and the inbox, and the figures between two looks."""
