"""The weekly digest for those who look after accounts: open alerts by person in charge, in one mail."""

from collections.abc import Sequence
from datetime import date

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.alerts import Alert
from handrail.engine.alert_words import line
from handrail.engine.text import shown
from handrail.flows.alerts import listed

BY_MAIL = "digest by mail"
SUNDAY = 6
"""The as-of day of the night that ends on a Monday morning."""

MOST = 10
"""Alerts told for each person in charge, the largest first."""


async def told(ctx: ToolContext, night: date) -> list[str]:
    """Mail the digest of a week that ended with this night, once; answers what failed."""
    settings = ctx.settings
    if not settings.digest_to or night.weekday() != SUNDAY:
        return []
    if settings.sendgrid_api_key is None or not settings.mail_from:
        return ["HANDRAIL_DIGEST_TO needs SENDGRID_API_KEY and HANDRAIL_MAIL_FROM, too."]
    from handrail.services.mail.brief import team_mail  # noqa: PLC0415  (brings the mail's templates along)

    async with ctx.store.begin() as work:
        if not await work.briefs.tell(BY_MAIL, night, ctx.clock.now()):
            return []
    alerts = await listed(ctx, state="open")
    subject = f"Alerts, week to {night}: {len(alerts)} open"
    outcome = await ctx.mail.post(team_mail(subject, text(alerts), settings.mail_from, settings.digest_to))
    if outcome.kind in {"refused", "not_sent"}:
        async with ctx.store.begin() as work:
            await work.briefs.untell(BY_MAIL, night)
    return [] if outcome.kind == "accepted" else [f"The mail service did not take it ({outcome.detail})."]


def text(alerts: Sequence[tuple[Alert, Account | None]]) -> str:
    """All open alerts under the name of the account's person in charge; what is about all accounts first."""
    parts: dict[str, list[tuple[Alert, str]]] = {}
    for alert, account in alerts:
        heading = "All accounts" if account is None else shown(account.csm) or "Nobody is in charge"
        parts.setdefault(heading, []).append((alert, account.name if account else ""))
    lines = []
    for heading in sorted(parts, key=lambda each: (each != "All accounts", each)):
        found = sorted(parts[heading], key=lambda each: -each[0].size)
        more = f" (showing {MOST} of {len(found)})" if len(found) > MOST else ""
        lines += ["", f"{heading}{more}", *(f"- {line(*each)}" for each in found[:MOST])]
    return "\n".join(lines).strip() or "No alert is open."
