"""The machine around the aggregates: in which order commands are decided, and how it reaches the log."""
