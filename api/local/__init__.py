"""The embedded servers and the local runner: everything on one machine, without root or Docker.

They are for development, demonstrations and tests. Production brings its own servers and supervises
each process.
"""
