"""Whether everything that a night needs is there: asked live, each answer in one line."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from handrail.context import ToolContext
from handrail.domain.checks import Check
from handrail.engine.accuracy import LEAST_ACCURACY
from handrail.errors import ConfigError, HandrailError, NotOffered
from handrail.settings import REGION_HOSTS, SendMode

LEAST_COVERAGE = 0.9
STALE_HOURS = 24

Finding = tuple[bool, str]


async def check(ctx: ToolContext) -> list[Check]:
    """Every check, in the order in which an operator would mend things."""
    steps: list[tuple[str, Callable[[ToolContext], Awaitable[Finding]]]] = [
        ("database", _database),
        ("knowledge base", _documents),
        ("Mixpanel credentials", _credentials),
        ("Mixpanel plan", _plan),
        ("questions left", _quota),
        ("account coverage", _coverage),
        ("freshness", _freshness),
        ("accuracy", _accuracy),
        ("model", _model),
        ("sender", _sender),
        ("mail links", _links),
    ]
    found = []
    for name, step in steps:
        try:
            ok, detail = await step(ctx)
        except HandrailError as error:
            ok, detail = False, str(error)
        found.append(Check(name=name, ok=ok, detail=detail))
    return found


async def _database(ctx: ToolContext) -> Finding:
    async with ctx.store.read() as work:
        accounts = len(await work.accounts.all())
    return True, f"opens, and knows {accounts} accounts"


async def _documents(ctx: ToolContext) -> Finding:
    slugs = [feature.slug for feature in ctx.kb.features()]
    return True, f"{len(slugs)} feature documents: {', '.join(slugs)}"


async def _credentials(ctx: ToolContext) -> Finding:
    try:
        zone = await ctx.mixpanel.zone()
    except ConfigError as refused:
        other = await _other_region(ctx)
        if other:
            return False, f"the project lives in another region: set HANDRAIL_MIXPANEL_REGION={other}"
        raise refused from None
    return True, f"project {ctx.mixpanel.project_id} answers; its time zone is {zone}"


async def _other_region(ctx: ToolContext) -> str:
    """The region that knows these credentials, if the one in the settings does not."""
    if ctx.settings.mixpanel_query_url or ctx.connected is None:
        return ""
    for region in REGION_HOSTS:
        if region == ctx.settings.mixpanel_region:
            continue
        try:
            await ctx.connected.in_region(region).zone()
        except HandrailError:
            continue
        return region
    return ""


async def _plan(ctx: ToolContext) -> Finding:
    try:
        funnels = await ctx.mixpanel.list_funnels()
    except NotOffered:
        return True, (
            "the Query API is not in the project's plan: funnels and struggles are counted from the "
            "raw export, and addresses cannot be asked for, so nobody can be mailed"
        )
    return True, f"the Query API answers; {len(funnels)} saved funnels"


async def _quota(ctx: ToolContext) -> Finding:
    if ctx.ledger is None:
        return False, "no project is connected"
    left = await ctx.ledger.left("query")
    return left > 0, f"{left} more questions to Mixpanel in this hour"


async def _coverage(ctx: ToolContext) -> Finding:
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
    if last is None or not last.events:
        return False, "no event was read yet: run `handrail sync`"
    share = last.events_with_account / last.events
    users = f" and {last.users_with_account / last.users:.1%} of the daily users" if last.users else ""
    where = ctx.settings.mixpanel_account_property
    if share < LEAST_COVERAGE:
        return False, (
            f"only {share:.1%} of the events{users} have an account by {where}: check "
            "HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY, send the property with every event, or set "
            "HANDRAIL_MIXPANEL_PROFILE_PROPERTY or HANDRAIL_MIXPANEL_DOMAIN_ACCOUNTS"
        )
    return True, f"{share:.1%} of the events{users} have an account by {where}"


async def _freshness(ctx: ToolContext) -> Finding:
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
    if last is None:
        return False, "never synced: run `handrail sync`"
    hours = (ctx.clock.now() - last.finished_at).total_seconds() / 3600
    detail = f"figures reach to {last.to_date} and were read {hours:.0f} hours ago"
    return (
        hours < STALE_HOURS,
        detail if hours < STALE_HOURS else f"{detail}: is `handrail agent start` running?",
    )


async def _accuracy(ctx: ToolContext) -> Finding:
    async with ctx.store.read() as work:
        report = await work.nights.report()
    agreement = report.agreement if report else None
    if agreement is None or agreement.accuracy is None:
        return True, "not compared with Mixpanel's own counts yet: the night does it"
    detail = f"our counts agree with Mixpanel's to {agreement.accuracy:.2%}, up to {agreement.to_date}"
    return agreement.accuracy >= LEAST_ACCURACY, detail


async def _model(ctx: ToolContext) -> Finding:
    if ctx.settings.anthropic_api_key is None:
        return True, "no ANTHROPIC_API_KEY: tutorials are told in the documents' own words"
    return True, f"{ctx.settings.model} words the tutorials"


async def _sender(ctx: ToolContext) -> Finding:
    if ctx.settings.send_mode is SendMode.OFF and ctx.settings.sendgrid_api_key is None:
        return True, "HANDRAIL_SEND_MODE is off: nobody is mailed"
    ctx.mail.require()
    if not await ctx.mail.may_send():
        return False, "SendGrid refuses the key, or the key may not send: it needs the scope mail.send"
    return (
        True,
        f"SendGrid takes mail from {ctx.settings.mail_from}; HANDRAIL_SEND_MODE is {ctx.settings.send_mode}",
    )


async def _links(ctx: ToolContext) -> Finding:
    host = urlsplit(ctx.settings.public_url).hostname or ""
    if ctx.settings.send_mode is SendMode.AUTO and host in {"127.0.0.1", "localhost", "::1"}:
        return False, "links in mails lead to this machine only: set HANDRAIL_PUBLIC_URL"
    return True, f"links in mails begin with {ctx.settings.public_url}"
