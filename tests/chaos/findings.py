"""What a round found wrong. A line for each, so that a reader can go and look."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Findings:
    """``lost``: accepted and not carried out. ``doubled``: carried out or kept twice, or asked for by nobody.

    ``differences``: everything else that is not as it must be.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        return bool(self.lost or self.doubled or self.differences)

    def compare(self, what: str, expected: object, found: object) -> None:
        if expected != found:
            self.differences.append(f"{what}: expected {expected}, found {found}")
