"""Whether everything that a night needs is there: asked live, each answer in one line."""

from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta
from urllib.parse import urlsplit

from handrail.context import ToolContext
from handrail.domain.checks import Check
from handrail.domain.connections import Found
from handrail.engine.accuracy import LEAST_ACCURACY, LEAST_COVERAGE, STALE
from handrail.errors import ConfigError, HandrailError
from handrail.flows.alarm import standing
from handrail.flows.connect import NO_QUERY_API, look, other_region
from handrail.flows.health import definition
from handrail.services.event_sources import look_at
from handrail.settings import SendMode
from handrail.workspaces import open_to_others

Finding = tuple[bool, str]
Step = Callable[[ToolContext], Awaitable[Finding]]

_FROM = {
    "environment": "credentials from the environment",
    "stored": "credentials stored by connecting over REST",
    "given": "",
}


async def check(ctx: ToolContext) -> list[Check]:
    """Every check, in the order in which an operator would mend things."""
    before: list[tuple[str, Step]] = [("database", _database), ("knowledge base", _documents)]
    if ctx.settings.workspace:
        before.insert(0, ("workspace", _workspace))
    after: list[tuple[str, Step]] = [
        ("events", _events),
        ("freshness", _freshness),
        ("accuracy", _accuracy),
        ("nights", _nights),
        ("score", _score),
        ("team", _team),
        ("model", _model),
        ("sender", _sender),
        ("opt-outs", _opt_outs),
        ("mail links", _links),
        ("opens of mails", _opens),
        ("write-back", _write_back),
    ]
    return [
        *[await _checked(ctx, name, step) for name, step in before],
        *await _project(ctx),
        *[await _checked(ctx, name, step) for name, step in after],
    ]


async def _checked(ctx: ToolContext, name: str, step: Step) -> Check:
    try:
        ok, detail = await step(ctx)
    except HandrailError as error:
        ok, detail = False, str(error)
    return Check(name=name, ok=ok, detail=detail)


async def _project(ctx: ToolContext) -> list[Check]:
    """What connecting finds, as lines."""
    try:
        found = await look(ctx)
    except HandrailError as error:
        detail = str(error)
        if isinstance(error, ConfigError) and ctx.connected is not None:
            other = await other_region(ctx.connected, ctx.settings)
            if other:
                detail = f"the project lives in another region: set HANDRAIL_MIXPANEL_REGION={other}"
        return [Check(name="Mixpanel credentials", ok=False, detail=detail)]
    steps: list[tuple[str, Finding]] = [
        (
            "Mixpanel credentials",
            (
                True,
                f"project {found.project_id} answers, {_FROM[found.credentials_from]}; "
                f"its time zone is {found.zone}",
            ),
        ),
        ("Mixpanel plan", _plan(found)),
        ("questions left", _quota(found)),
        ("account coverage", await _coverage(ctx, found)),
        ("group profiles", _groups(found)),
    ]
    return [Check(name=name, ok=ok, detail=detail) for name, (ok, detail) in steps]


def _plan(found: Found) -> Finding:
    if found.query_api is None:
        return False, "whether the plan has the Query API could not be asked: try again later"
    if not found.query_api:
        return True, NO_QUERY_API
    return True, f"the Query API answers; {found.saved_funnels} saved funnels"


def _quota(found: Found) -> Finding:
    return (
        found.questions_left > 0 and found.exports_left > 0,
        f"{found.questions_left} more questions to Mixpanel and {found.exports_left} exports in this hour",
    )


async def _coverage(ctx: ToolContext, found: Found) -> Finding:
    """Of all that was read last; before the first sync, of the sample."""
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
    read = (last.events, last.events_with_account) if last else (0, 0)
    events, named = read if read[0] else (found.sampled_events, found.sampled_with_account)
    if not events:
        return False, "; ".join(found.notes) or "no event was read yet: run `handrail sync`"
    of = "of the events carry" if read[0] else f"of {events:,} sampled events carry"
    if named < LEAST_COVERAGE * events:
        return False, (
            f"only {named / events:.1%} {of} {found.account_property}: check "
            "HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY, send the property with every event, or set "
            "HANDRAIL_MIXPANEL_PROFILE_PROPERTY or HANDRAIL_MIXPANEL_DOMAIN_ACCOUNTS"
        )
    users = ""
    if read[0] and last and last.users:
        users = f"; {last.users_with_account / last.users:.1%} of each day's users have an account"
    return True, f"{named / events:.1%} {of} {found.account_property}{users}"


def _groups(found: Found) -> Finding:
    if found.group_profiles is None:
        return True, "HANDRAIL_MIXPANEL_GROUP_ID is not set or not readable: an account's id is its name"
    if not found.group_profiles:
        return False, "the group key has no profiles: check HANDRAIL_MIXPANEL_GROUP_ID"
    return True, "accounts have their names from group profiles"


async def _database(ctx: ToolContext) -> Finding:
    async with ctx.store.read() as work:
        accounts = len(await work.accounts.all())
    return True, f"opens, and knows {accounts} accounts"


async def _documents(ctx: ToolContext) -> Finding:
    slugs = [feature.slug for feature in ctx.kb.features()]
    return True, f"{len(slugs)} feature documents: {', '.join(slugs)}"


async def _events(ctx: ToolContext) -> Finding:
    """Whether the events can be read where they are said to be, by asking there."""
    if ctx.settings.events_source.kind == "export":
        return True, "read from Mixpanel's export"
    today = ctx.clock.now().astimezone(UTC).date()
    return True, await look_at(ctx.settings, ctx.mixpanel.project_id, today)


async def _freshness(ctx: ToolContext) -> Finding:
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
    if last is None:
        return False, "never synced: run `handrail sync`"
    age = max(ctx.clock.now() - last.finished_at, timedelta())
    detail = f"figures reach to {last.to_date} and were read {age // timedelta(hours=1)} hours ago"
    return age < STALE, detail if age < STALE else f"{detail}: is `handrail agent start` running?"


async def _accuracy(ctx: ToolContext) -> Finding:
    async with ctx.store.read() as work:
        agreement = await work.nights.last_agreement()
    if agreement is None or agreement.accuracy is None:
        return True, "not compared with Mixpanel's own counts yet: the night does it"
    detail = f"our counts agree with Mixpanel's to {agreement.accuracy:.2%}, up to {agreement.to_date}"
    return agreement.accuracy >= LEAST_ACCURACY, detail


async def _nights(ctx: ToolContext) -> Finding:
    alarms = await standing(ctx)
    if alarms:
        return False, " ".join(alarm.words for alarm in alarms)
    async with ctx.store.read() as work:
        last = await work.nights.report()
    return True, f"the last night was {last.night}: {last.status}" if last else "none was run yet"


async def _score(ctx: ToolContext) -> Finding:
    version, path = definition(ctx).version, ctx.settings.score_file
    return True, f"definition {version}, " + ("yours" if path else "as it is shipped")


async def _team(ctx: ToolContext) -> Finding:
    """Asks nobody: a webhook has no question that posts nothing."""
    settings = ctx.settings
    if settings.brief_to and not (settings.sendgrid_api_key and settings.mail_from):
        return False, "HANDRAIL_BRIEF_TO needs SENDGRID_API_KEY and HANDRAIL_MAIL_FROM, too"
    ways = {
        "briefs by mail": settings.brief_to,
        "briefs by webhook": settings.brief_webhook,
        "alarms by webhook": settings.alarm_webhook,
        "a heartbeat": settings.heartbeat_url,
    }
    there = [way for way, value in ways.items() if value]
    silent = "" if settings.alarm_webhook or settings.heartbeat_url else (
        "; nobody is told when a night does not come: set HANDRAIL_ALARM_WEBHOOK or HANDRAIL_HEARTBEAT_URL"
    )  # fmt: skip
    return True, f"{', '.join(there) or 'no way to reach the team is set'}{silent}"


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


async def _opens(ctx: ToolContext) -> Finding:
    """Mail programs load pictures by themselves: an open tells that a mail arrived, and no more."""
    if not ctx.settings.track_opens:
        return True, "not measured, for HANDRAIL_TRACK_OPENS is not set; clicks and later successes are"
    return True, "measured by a picture of SendGrid's in each mail; they tell that it arrived, and no more"


async def _opt_outs(ctx: ToolContext) -> Finding:
    """Where they are kept beside our tables, and whether tables of a backup wait to catch up."""
    async with ctx.store.read() as work:
        restored = await work.restores.holding(ctx.clock.now())
    if restored is not None and restored.caught_up_at is None:
        return False, (
            f"a backup of {restored.backup_at:%Y-%m-%d %H:%M} UTC was restored, and nothing is sent before "
            "`handrail db catch-up` or the next night has read what was sent since"
        )
    if restored is not None and restored.held_until is not None:
        return False, (
            f"mails since the backup of {restored.backup_at:%Y-%m-%d} are not all known: nothing is sent "
            f"before {restored.held_until:%Y-%m-%d %H:%M} UTC"
        )
    ways = [
        f"SendGrid's list {ctx.mail.opt_outs_to}" if ctx.mail.opt_outs_to else "",
        "profiles in Mixpanel" if ctx.connected and ctx.connected.ingest else "",
    ]
    there = " and ".join(filter(None, ways))
    if not there:
        return True, (
            "kept in our tables alone: after a restore nobody who was ever mailed is mailed again; set "
            "HANDRAIL_SENDGRID_UNSUBSCRIBE_GROUP or HANDRAIL_MIXPANEL_TOKEN"
        )
    return True, f"kept in our tables and told to {there}"


async def _workspace(ctx: ToolContext) -> Finding:
    """A file that is open to others is no reason to fail: some machines hand secrets out that way."""
    name = ctx.settings.workspace
    if path := open_to_others(ctx.settings):
        return True, f"{name}; warning: other users of this machine may read {path}: chmod 600 it"
    return True, name


async def _links(ctx: ToolContext) -> Finding:
    host = urlsplit(ctx.settings.public_url).hostname or ""
    if ctx.settings.send_mode is SendMode.AUTO and host in {"127.0.0.1", "localhost", "::1"}:
        return False, "links in mails lead to this machine only: set HANDRAIL_PUBLIC_URL"
    return True, f"links in mails begin with {ctx.settings.public_url}"


async def _write_back(ctx: ToolContext) -> Finding:
    if ctx.settings.mixpanel_token is None:
        return True, "HANDRAIL_MIXPANEL_TOKEN is not set: nothing is written to Mixpanel"
    return True, "mails and completions are written to Mixpanel as handrail_tutorial_… events"
