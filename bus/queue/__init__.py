"""Dramatiq on Redis: what is put on the queues, taken from them, tried again, and run as a process."""
