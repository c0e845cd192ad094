"""The version of this build, as heartbeats, metrics and the API's description tell it."""

VERSION = "0.2.0"
