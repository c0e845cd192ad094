"""Dramatiq on Redis: enqueues messages, takes them, tries them again, and runs workers."""
