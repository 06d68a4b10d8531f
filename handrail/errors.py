"""Every error raised on purpose.

HandrailError
├── CallerError            the asker can fix it: the message says how
│   ├── NotThere           nothing has the name or the id that was given
│   └── Conflict           several things have it, or what is there does not allow it now
├── NotYours               it is of accounts that the asker does not see
├── ConfigError            a missing or wrong setting, found at start
├── StoreTrouble           a disk or the database fails: what was written before is whole
├── BrokenExport           the export stopped in the middle: nothing of it is kept
└── UpstreamError          a neighbour failed
    ├── Unavailable        it may answer the next time: tried again with pauses before this is raised
    ├── NotOffered         the project's plan, role or region does not offer this call
    │   └── NotInThePlan   nor any other call of its kind
    └── RateLimited        the budget of a neighbour is used up; `retry_after` says for how long

Messages are ours. What a remote said stays out of them: it may hold addresses and keys.
"""


class HandrailError(Exception):
    """The root: one clear sentence that names the thing and the next step."""


class CallerError(HandrailError):
    """The asker can fix this."""


class NotThere(CallerError):
    """Nothing has the name or the id that was given."""


class NotYours(HandrailError):
    """It is of accounts that the asker does not see, or of all of them."""


class Conflict(CallerError):
    """What is there leaves open what is meant, or does not allow it now."""


class ConfigError(HandrailError):
    """A setting is missing or wrong."""


class StoreTrouble(HandrailError):
    """A disk, a limit of this machine or the database's server did not let us read or write."""


class BrokenExport(HandrailError):
    """An export ended before its end, or held a line that is no event."""


class UpstreamError(HandrailError):
    """A neighbour failed."""


class Unavailable(UpstreamError):
    """The neighbour did not answer, or could not just now."""


class NotOffered(UpstreamError):
    """The call is not to be had in this project: another route may be."""


class NotInThePlan(NotOffered):
    """No call of its kind is to be had in this project, whatever it asks for."""


class RateLimited(UpstreamError):
    """The neighbour asks for a pause of `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
