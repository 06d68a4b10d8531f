"""All commands, in one place, each a few lines that call the product."""

import asyncio
import json
import logging
import os
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import TypeAdapter, ValidationError
from typer.core import TyperGroup

from agent import night as nightly
from agent import schedule
from handrail.cli import demo as demonstration
from handrail.cli import in_workspace, printing, serving
from handrail.cli.alerts import alerts
from handrail.cli.backing_up import backup, database, restore
from handrail.cli.churn import churn
from handrail.cli.each import run_each
from handrail.cli.gaps import documents
from handrail.cli.logs import set_up_logging
from handrail.cli.opening import with_context
from handrail.cli.people import erase, export_user
from handrail.cli.printing import Json
from handrail.cli.reasons import reasons
from handrail.cli.reviewing import tutorials
from handrail.cli.standing import doctor, status
from handrail.context import ToolContext, open_context
from handrail.domain.health import Sentiment
from handrail.domain.metrics import SyncRecord
from handrail.domain.runs import Refresh, Report
from handrail.engine.brief_words import text
from handrail.engine.periods import given_day, last_complete_day
from handrail.engine.personal import without_somebody
from handrail.engine.text import is_text
from handrail.errors import CallerError, ConfigError, HandrailError
from handrail.flows.brief import kept
from handrail.flows.health import feel, felt, keep_scores
from handrail.flows.refresh import refresh
from handrail.flows.rehearse import replay
from handrail.flows.reports import list_reports
from handrail.flows.sync import MOST_DAYS
from handrail.flows.sync import sync as run_sync
from handrail.services import account_file
from handrail.store.trouble import trouble
from handrail.workspaces import at_work, every
from tools import catalogue
from tools._answers import find, which
from tools.control_sending import SendingControl, control_sending

log = logging.getLogger(__name__)


class _TextAlone(TyperGroup):
    """A command line of text: what a shell can hand over beside it could be neither kept nor asked for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not all(map(is_text, args)):
            ctx.fail("An argument is not UTF-8 text: type it again, or give the file another name.")
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_TextAlone,
    help="Handrail answers questions about Mixpanel accounts, and helps the users who are stuck.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
agent = typer.Typer(no_args_is_help=True)
accounts = typer.Typer(help="The accounts that Handrail knows.", no_args_is_help=True)
app.add_typer(agent, name="agent")
app.add_typer(accounts, name="accounts")
app.add_typer(tutorials, name="tutorials")
app.add_typer(database, name="db")
app.add_typer(documents, name="docs")
app.add_typer(reasons, name="reasons")
app.command()(churn)
app.command()(erase)
app.command("export-user")(export_user)
app.command()(backup)
app.command()(restore)
app.command()(status)
app.command()(doctor)
app.add_typer(alerts, name="alerts")


def run() -> None:
    """Run the command line. Exit codes: 0 done, 1 the job failed, 2 bad usage or settings."""
    set_up_logging()
    try:
        app()
    except (ConfigError, CallerError) as error:
        _tell(error)
        sys.exit(2)
    except HandrailError as error:
        _tell(error)
        sys.exit(1)
    except Exception as error:
        if (words := trouble(error)) is None:
            # Our formatter tells where, and never the text.
            # nosemgrep: traceback-logged
            log.exception("Something broke that should not")
        else:
            _say(words)
        sys.exit(1)


def _tell(error: HandrailError) -> None:
    """A sentence may quote what was typed, and stderr is kept by whoever runs us at night."""
    _say(without_somebody(str(error)))


def _say(words: str) -> None:
    print(f"handrail: {words}", file=sys.stderr)  # noqa: T201


Workspace = Annotated[str, typer.Option(help="Which of the projects of HANDRAIL_WORKSPACES.")]


@app.callback()
def main(workspace: Workspace = "") -> None:
    in_workspace(workspace)


@app.command()
def demo(
    *,
    serve: Annotated[bool, typer.Option(help="Serve the dashboard and MCP afterwards, until Ctrl-C.")] = True,
    port: Annotated[int, typer.Option(help="Port of the dashboard.")] = 8321,
    data_dir: Annotated[Path | None, typer.Option(help="Where the database and the mails go.")] = None,
    world: Annotated[str, typer.Option(help="The default world's name, or a world's folder.")] = "acme",
    json_: Json = False,
) -> None:
    """Run the main job without any credentials, against stand-ins on this machine."""
    demonstration.run(world=world, data_dir=data_dir, as_json=json_, serve=serve, port=port)


@app.command()
def mcp(workspace: Workspace = "") -> None:
    """Serve the tools to a chat client, over stdio."""
    in_workspace(workspace)
    serving.mcp()


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Where to listen; any other needs HANDRAIL_API_TOKENS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of pages, REST and /mcp.")] = 8321,
) -> None:
    """Serve the dashboard, REST, mail links and /mcp; of several workspaces each below /w/NAME."""
    serving.web(every(), host, port)


@app.command()
def standin(
    world: Annotated[str, typer.Option(help="The default world's name, or a world's folder.")] = "acme",
    port: Annotated[int, typer.Option(help="Port of all stand-ins.")] = 8765,
) -> None:
    """Serve the stand-ins for Mixpanel, SendGrid and the Messages API alone."""
    demonstration.stand_in(world, port)


@agent.callback()
def agent_yields() -> None:
    """The nightly agent."""
    if hasattr(os, "nice"):
        os.nice(max(0, 5 - os.nice(0)))  # a night has hours, and who looks at a page waits for it


@agent.command("run")
def agent_run(
    *,
    date_: Annotated[str, typer.Option("--date", help="As-of day.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing, and keep no decision.")] = False,
    json_: Json = False,
) -> None:
    """Run one night now."""
    night = given_day(date_, "--date")

    async def work(ctx: ToolContext) -> Report:
        if dry_run:
            return await nightly.run(ctx, night=night, dry_run=True)
        from agent import flow  # noqa: PLC0415  (the engine, only where nights are run)

        return await flow.run(ctx, night=night)

    printing.report(with_context(work, actor="nightly"), as_json=json_)


@agent.command("replay")
def agent_replay(
    *, date_: Annotated[str, typer.Option("--date", help="As-of day of the night.")] = "", json_: Json = False
) -> None:
    """Ask today's rules about a past night again, send nothing, and show for whom they decide otherwise."""
    night = given_day(date_, "--date")
    printing.replay(with_context(lambda ctx: replay(ctx, night), actor="nightly"), as_json=json_)


@agent.command("release")
def agent_release(*, json_: Json = False) -> None:
    """Send the planned mails whose hours have begun."""
    done = with_context(schedule.mails_due, actor="nightly")
    words = f"{done.asked} planned mails were asked about, {done.sent} sent."
    printing.show(done.model_dump(), "\n".join([words, *done.notes]), as_json=json_)


@agent.command("start")
def agent_start(
    *,
    worker: Annotated[
        bool, typer.Option("--worker", help="No clock: work along on nights that others begin. PostgreSQL.")
    ] = False,
) -> None:
    """Run a night at 02:00 UTC, and send planned mails through the day, until stopped."""
    workspaces = every()
    settings = workspaces[0]
    set_up_logging(logging.INFO, settings.log_format)
    if len(workspaces) > 1:
        run_each(workspaces, "agent", "start", *(["--worker"] if worker else []))
        return
    opened = partial(open_context, settings, actor="nightly")
    with at_work(settings.workspace):
        asyncio.run(schedule.work_along(settings, opened) if worker else schedule.start(opened))


@app.command()
def sync(
    *,
    days: Annotated[int, typer.Option(min=0, max=MOST_DAYS, help="The last N complete days.")] = 0,
    from_: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")] = "",
    to: Annotated[str, typer.Option(help="A project day, YYYY-MM-DD.")] = "",
    json_: Json = False,
) -> None:
    """Read Mixpanel's events into account figures; one that was stopped goes on where it was."""
    first, last = given_day(from_, "--from"), given_day(to, "--to")
    if days and first:
        raise CallerError("Give --days or --from, not both.")

    async def work(ctx: ToolContext) -> tuple[SyncRecord, Refresh]:
        start = first
        if days:
            end = last or last_complete_day(ctx.clock.now(), await ctx.mixpanel.zone())
            start = end - timedelta(days=days - 1)
        with printing.progress() as told:
            record = await run_sync(ctx, from_day=start, to_day=last, told=told)
        refreshed = await refresh(ctx, record.to_date)
        await keep_scores(ctx)
        return record, refreshed

    printing.synced(*with_context(work, actor="nightly"), as_json=json_)


@app.command()
def brief(
    *, date_: Annotated[str, typer.Option("--date", help="As-of day of the night.")] = "", json_: Json = False
) -> None:
    """What the last night did, which accounts are worth a look, and what was not done."""
    night = given_day(date_, "--date")
    found = with_context(lambda ctx: kept(ctx, night))
    printing.show(found.model_dump(mode="json"), text(found), as_json=json_)


@app.command()
def reports(*, json_: Json = False) -> None:
    """List the saved reports of the Mixpanel project, and how old the copies of them are."""
    found = with_context(list_reports)
    printing.saved_reports(found, as_json=json_)


@accounts.command("import")
def accounts_import(
    file: Annotated[Path, typer.Argument(help="With a line of column names.")], *, json_: Json = False
) -> None:
    """Take over names, aliases, domains, segment, ARR, CSM, renewal and churn dates from a CSV file."""
    facts = account_file.read(file)

    async def work(ctx: ToolContext) -> int:
        async with ctx.store.begin() as store:
            described, unknown = await store.accounts.describe(
                facts, project_id=ctx.mixpanel.project_id, now=ctx.clock.now()
            )
            if unknown:
                lines = ", ".join(map(str, unknown))
                raise CallerError(
                    f"{file}: no account has the name on line {lines}; give its Mixpanel id. "
                    "Nothing was taken over."
                )
        return described

    described = with_context(work)
    printing.show({"accounts": described}, f"{described} accounts were described.", as_json=json_)


@accounts.command("list")
def accounts_list(*, json_: Json = False) -> None:
    """List the accounts."""

    async def work(ctx: ToolContext) -> list[dict[str, Any]]:
        async with ctx.store.read() as store:
            return [account.model_dump(mode="json") for account in await store.accounts.all()]

    found = with_context(work)
    words = "\n".join(f"{account['mixpanel_id']}\t{account['name']}" for account in found)
    printing.show(
        {"accounts": found}, words or "No account is known yet: run `handrail sync`.", as_json=json_
    )


@accounts.command("sentiment")
def accounts_sentiment(
    account: Annotated[str, typer.Argument(help="Name, domain or id.")],
    value: Annotated[
        int | None, typer.Argument(help="1 (bad) to 5 (good). Without it: what was felt so far.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why, in a few words; no person's address or number.")] = "",
    *,
    json_: Json = False,
) -> None:
    """Keep what you feel about an account, beside its engagement score and never in it."""
    if note and value is None:
        raise CallerError("A note goes with a value from 1 (bad) to 5 (good). Nothing was kept.")

    async def work(ctx: ToolContext) -> list[Sentiment]:
        who = await find(ctx, account)
        if isinstance(who, list):
            raise CallerError(which(account, who))
        return await felt(ctx, who) if value is None else [await feel(ctx, who, value, note)]

    found = with_context(work)
    words = "\n".join(f"{each.at:%Y-%m-%d}\t{each.value}\t{each.note}" for each in found)
    kept = {"sentiments": [each.model_dump(mode="json") for each in found]}
    printing.show(kept, words or "Nobody has said how this account feels yet.", as_json=json_)


@app.command()
def tool(
    name: Annotated[str, typer.Argument(help="Of the tool.")],
    arguments: Annotated[str, typer.Argument(help="As the tool takes them.")] = "{}",
    *,
    json_: Json = False,
) -> None:
    """Call any tool from the shell; arguments are one JSON object."""
    known = {each.name: each for each in catalogue()}
    if name not in known:
        raise CallerError(f"There is no tool {name!r}. Known: {', '.join(known)}.")
    try:
        given = TypeAdapter(dict[str, Any]).validate_json(arguments)
    except ValidationError:
        raise CallerError(
            f"The arguments must be one JSON object, such as '{json.dumps({'account': 'Acme'})}'."
        ) from None

    async def work(ctx: ToolContext) -> None:
        answer = await serving.call(ctx, name, given)
        printing.show(answer, json.dumps(answer, indent=2, ensure_ascii=False), as_json=json_)
        await ctx.background.finish()

    with_context(work)


AccountOption = Annotated[str, typer.Option(help="Only this account.")]
FeatureOption = Annotated[str, typer.Option(help="Only this feature.")]


@app.command()
def pause(account: AccountOption = "", feature: FeatureOption = "") -> None:
    """Stop all mail at once, or that of one account or feature."""
    _switch("pause", account, feature)


@app.command()
def resume(account: AccountOption = "", feature: FeatureOption = "") -> None:
    """Lift a pause; without an account or a feature, release the brakes too."""
    _switch("resume", account, feature)


def _switch(action: Literal["pause", "resume"], account: str, feature: str) -> None:
    async def work(ctx: ToolContext) -> SendingControl:
        return await control_sending(ctx, action=action, account=account, feature=feature)

    done = with_context(work)
    if done.candidates:
        raise CallerError(done.summary)
    print(done.summary)  # noqa: T201
