"""How processes tell each other that there is something new: doorbells on the queues, and announcements."""
