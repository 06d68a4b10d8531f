"""Who follows a mail's link: its reader, or a machine that looks at every link on the way."""

import re
from datetime import timedelta

HUMAN_AFTER = timedelta(seconds=10)
"""Nobody reads a mail so soon after it left; scanners fetch its links at once."""

_MACHINES = re.compile(
    r"(?<!cu)bots?\b|crawl|spider|scan|preview|prefetch|proxy|fetch|monitor|headless|facebookexternalhit|"
    r"safelinks|proofpoint|mimecast|barracuda|symantec|python|curl|wget|okhttp|java/|go-http-client|libwww",
    re.IGNORECASE,
)
"""Names that programs give themselves. A browser's begins with Mozilla/5.0 and holds none of these."""


def by_machine(method: str, user_agent: str, after: timedelta) -> bool:
    """Whether a request for a mail's link is no person's click. `after` is the time since the mail left."""
    agent = user_agent.strip()
    return method != "GET" or after < HUMAN_AFTER or not agent or _MACHINES.search(agent) is not None
