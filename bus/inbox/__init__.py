"""Accepted commands, kept before anything is enqueued, until they are finished."""
