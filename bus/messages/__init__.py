"""The language that both sides share: commands ask, events tell.

The file of an aggregate shows what can be asked of it and what can happen to it. Everything here
is immutable data: no driver, no framework, no clock.
"""
