"""The one way to a project: what it answers and offers, and whether its credentials are kept.

The doctor prints it, REST answers it, and a sync that is started by hand begins with it.
"""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

from handrail.context import Project, ToolContext, settings_of
from handrail.domain.connections import Connected, Credentials, Found
from handrail.engine.accounts import account_ids
from handrail.engine.accuracy import LEAST_COVERAGE
from handrail.engine.periods import last_complete_day
from handrail.errors import BrokenExport, CallerError, ConfigError, HandrailError, NotOffered, UpstreamError
from handrail.services.event_reader import LEFT_OUT
from handrail.services.mixpanel.client import Mixpanel
from handrail.services.seal import seal
from handrail.settings import Settings

SAMPLE_DAYS = 7
SAMPLE_EVENTS = 2000
"""Lines of the raw export that tell how many events name an account: some two megabytes, one export."""

SAMPLE_BYTES = 64 << 20
"""What that many lines never need: the largest event is one megabyte, a common one a thousandth of it."""

GROUP_PROFILES = 1000
"""Group profiles that are looked at: one page."""

NO_QUERY_API = (
    "The Query API is not in the project's plan: funnels and struggles are counted from the raw export, and "
    "addresses cannot be asked for, so nobody can be mailed."
)


async def connect(ctx: ToolContext, given: Credentials) -> Connected:
    """Check credentials live, and keep them sealed; every process that runs uses them from now on.

    Nothing is kept where Mixpanel refuses them, or where the environment names a project: it goes before.
    Raises `CallerError` with what is wrong.
    """
    _refuse_other_workspaces(ctx, given.project_id)
    again = ctx.settings.mixpanel_project_id == given.project_id
    settings = settings_of(ctx.settings if again else ctx.given, given)
    mixpanel = ctx.open_project(settings, "given").mixpanel
    if mixpanel is None:
        raise ConfigError("The project could not be opened.")
    region = await _region(mixpanel, settings, given)
    settings = settings.model_copy(update={"mixpanel_region": region})
    found = await look(ctx, ctx.open_project(settings, "given"))
    if ctx.project.source == "environment" and ctx.connected is not None:
        note = "Nothing was kept: the environment names a project, and goes before."
        return _connected(found.model_copy(update={"notes": [*found.notes, note]}), kept=False)
    await _refuse_another_project(ctx, given.project_id)
    whole = given.model_copy(
        update={
            "region": region,
            "account_property": found.account_property,
            "group_id": settings.mixpanel_group_id,
        }
    )
    sealed = seal(ctx.secret, whole.model_dump_json())
    async with ctx.store.begin() as work:
        await work.connections.keep(sealed, ctx.clock.now())
    ctx.project.become(replace(ctx.open_project(settings, "stored"), sealed=sealed))
    return _connected(found, kept=True)


def _connected(found: Found, *, kept: bool) -> Connected:
    return Connected(**found.model_dump(exclude={"coverage", "summary"}), kept=kept)


async def look(ctx: ToolContext, project: Project | None = None) -> Found:
    """What the connected project answers and offers: two or three counted questions and one small export."""
    project = project or ctx.project
    mixpanel, ledger = project.mixpanel, project.ledger
    if mixpanel is None or ledger is None:
        raise ConfigError(project.missing)
    notes: list[str] = []
    zone = await mixpanel.zone()
    query_api, funnels = await _plan(mixpanel, notes)
    last = last_complete_day(ctx.clock.now(), zone)
    first = last - timedelta(days=SAMPLE_DAYS - 1)
    sampled = await _sample(mixpanel, first, last, notes)
    named = [accounts for accounts in sampled if accounts]
    profiles = await _group_profiles(mixpanel, project.settings.mixpanel_group_id, notes)
    if sampled and len(named) < LEAST_COVERAGE * len(sampled):
        notes.append(
            f"Only {len(named) / len(sampled):.1%} of the sampled events carry {mixpanel.account_property}: "
            "is it the property that names the account?"
        )
    return Found(
        project_id=mixpanel.project_id,
        region=project.settings.mixpanel_region,
        zone=zone,
        credentials_from=project.source,
        query_api=query_api,
        saved_funnels=funnels,
        account_property=mixpanel.account_property,
        sample_from=first,
        sample_to=last,
        sampled_events=len(sampled),
        sampled_with_account=len(named),
        accounts_in_sample=len({account for accounts in named for account in accounts}),
        group_profiles=profiles,
        questions_left=await ledger.left("query"),
        exports_left=await ledger.left("export"),
        notes=notes,
    )


async def _region(mixpanel: Mixpanel, settings: Settings, given: Credentials) -> str:
    """The region that knows these credentials. Raises `CallerError` where it is none, or another one."""
    try:
        await mixpanel.zone()
    except ConfigError as refused:
        other = await other_region(mixpanel, settings)
        if not other:
            # Whoever connects gave fields, no variables; they have the same names.
            said = re.sub(r"HANDRAIL_MIXPANEL_(\w+)", lambda name: name[1].lower(), str(refused))
            raise CallerError(said) from None
        if given.region is not None:
            raise CallerError(
                f"The project lives in another region than {given.region}: say region {other}."
            ) from None
        return other
    return settings.mixpanel_region


async def other_region(mixpanel: Mixpanel, settings: Settings) -> str:
    """The region that knows the project, where the one of the settings does not; empty if none does."""
    if settings.mixpanel_query_url:
        return ""
    for region in settings.region_hosts:
        if region == settings.mixpanel_region:
            continue
        try:
            await mixpanel.in_region(region).zone()
        except HandrailError:
            continue
        return region
    return ""


async def _refuse_another_project(ctx: ToolContext, project_id: int) -> None:
    async with ctx.store.read() as work:
        known = await work.syncs.project()
    if known not in {None, project_id}:
        raise CallerError(
            f"This data directory holds figures of project {known}: "
            f"set another HANDRAIL_DATA_DIR for project {project_id}."
        )


def _refuse_other_workspaces(ctx: ToolContext, project_id: int) -> None:
    """Another workspace's questions may not be counted in this one's ledger."""
    own = ctx.settings
    if own.workspace and own.mixpanel_project_id != project_id:
        raise CallerError(
            f"This workspace is that of project {own.mixpanel_project_id}. Project {project_id} needs a "
            "workspace of its own: a file in HANDRAIL_WORKSPACES."
        )


async def _plan(mixpanel: Mixpanel, notes: list[str]) -> tuple[bool | None, int]:
    """Whether the plan has the Query API, and how many funnels are saved."""
    try:
        return True, len(await mixpanel.list_funnels())
    except NotOffered:
        notes.append(NO_QUERY_API)
        return False, 0
    except (UpstreamError, CallerError) as error:
        notes.append(f"Whether the plan has the Query API is not known: {error}")
        return None, 0


async def _sample(mixpanel: Mixpanel, first: date, last: date, notes: list[str]) -> list[tuple[str, ...]]:
    """The accounts of each event of a small sample. Nothing of it is kept."""
    try:
        async with mixpanel.export(first, last, limit=SAMPLE_EVENTS) as stream:
            lines = (await _few(stream)).split(b"\n")
        events = [json.loads(line) for line in lines if line]
        found = [
            account_ids(event["properties"].get(mixpanel.account_property))
            for event in events
            if event["event"] not in LEFT_OUT
        ]
    except (UpstreamError, CallerError, BrokenExport) as error:
        notes.append(f"The raw export could not be read; the service account needs the role Analyst: {error}")
        return []
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        notes.append("The raw export holds a line that is no event.")
        return []
    if not found:
        notes.append(f"Mixpanel has no event from {first} to {last}.")
    return found


async def _few(stream: AsyncIterator[bytes]) -> bytes:
    """The whole stream, which is a sample: Mixpanel may not have heard that it should be small."""
    read = bytearray()
    async for chunk in stream:
        read += chunk
        if len(read) > SAMPLE_BYTES:
            raise BrokenExport("Mixpanel's sample of the export is larger than a sample; nothing was kept.")
    return bytes(read)


async def _group_profiles(mixpanel: Mixpanel, group_id: str, notes: list[str]) -> int | None:
    """How many group profiles there are; one page is enough to know that the key is right."""
    if not group_id:
        return None
    count = 0
    try:
        async for _ in mixpanel.profiles(["$name"], group_id=group_id):
            count += 1
            if count == GROUP_PROFILES:
                break
    except (UpstreamError, CallerError) as error:
        notes.append(f"Group profiles could not be read: {error}")
        return None
    if not count:
        notes.append("The group key has no profiles: check HANDRAIL_MIXPANEL_GROUP_ID.")
    return count
