"""The audit trail's names for each action of an operator and each way to be shown personal data."""

from enum import StrEnum


class Action(StrEnum):
    """One member for each way to change something, and for each way to be shown personal data."""

    RETRY_DEAD = "retry_dead"
    DISCARD_DEAD = "discard_dead"
    RETRY_PARKED = "retry_parked"
    REQUEST_REBUILD = "request_rebuild"
    STOP_REBUILD = "stop_rebuild"
    REBUILD = "rebuild"
    USE_GENERATION = "use_generation"
    DROP_GENERATION = "drop_generation"
    REPAIR_LOG = "repair_log"
    DENY_TOKENS = "deny_tokens"
    LIFT_DENIAL = "lift_denial"

    READ_STORY = "read_story"
    READ_COMMAND = "read_command"
    READ_EVENTS = "read_events"
    READ_DEAD = "read_dead"
    READ_PARKED = "read_parked"
    READ_AUDIT_TRAIL = "read_audit_trail"

    @property
    def is_read(self) -> bool:
        """Return True if the action changes nothing. Such an action is counted by the hour."""
        return self.value.startswith("read_")


class Ended(StrEnum):
    """The outcome of an action, as far as it is known."""

    BEGUN = "begun"
    """No end is known: the process died, the database went away, or others carry the action out."""
    DONE = "done"
    REFUSED = "refused"
    """The action could not be done as things were, and nothing was changed."""
    FAILED = "failed"
