"""The errors that the bus raises, each with its occasion."""


class TwofoldError(Exception):
    """The base of every error that this system raises on purpose."""


class ConfigurationError(TwofoldError):
    """The environment asks for something that cannot work; the process must not start."""


class ServerUnavailableError(TwofoldError):
    """A server is not there, or an embedded one cannot be had or did not start."""


class VersionConflictError(TwofoldError):
    """Somebody else committed this version of the stream first: load again and decide again."""


class AlreadyCommittedError(TwofoldError):
    """The log already holds the outcome of this command."""


class LogMismatchError(TwofoldError):
    """The log is not the one that this configuration or this checkpoint belongs to."""


class UnknownMessageError(TwofoldError):
    """A stored message is of a type or version that this build does not know."""


class RefusedError(TwofoldError):
    """The request of an operator cannot be met as things are; the error says why."""


class NotThereError(RefusedError):
    """The thing that an operator asks for is not there at all."""
