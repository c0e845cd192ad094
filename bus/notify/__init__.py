"""Tells other processes what is new: by doorbells on the queues, and by announcements."""
