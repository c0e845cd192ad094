"""The embedded servers and the local runner: everything on one machine, without root and without Docker.

For development, demonstrations and tests; production brings its own servers and supervises each process.
"""
