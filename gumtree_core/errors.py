"""The one kind of error that a user may meet."""

from __future__ import annotations


class GumtreeError(Exception):
    """A failure that the user can understand and act on.

    Parameters
    ----------
    reason
        A stable token in UPPER_SNAKE, for programs. Tango clients see it as the reason of a DevFailed.
    message
        One sentence for people: the value, its unit, the limit, and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type[GumtreeError], tuple[str, str]]:
        return type(self), (self.reason, self.message)
