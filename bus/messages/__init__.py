"""The language that both sides share: commands ask, events tell.

Opening ``commands/`` and ``events/`` shows what the system does, one file per message. Everything here
is immutable data: no driver, no framework, no clock.
"""
