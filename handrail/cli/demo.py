"""The main job without credentials: stand-ins over HTTP, a throw-away configuration, mails as files."""

import asyncio
import json
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx2
from pydantic import SecretStr

from handrail.cli import printing, serving
from handrail.context import ToolContext, open_context
from handrail.domain.periods import Period
from handrail.domain.runs import Report
from handrail.engine import funnels
from handrail.errors import CallerError, HandrailError
from handrail.settings import SendMode, Settings
from handrail.workspaces import OWN
from standin import acme
from standin.server import running
from standin.server import serve as serve_standins
from standin.state import Standin
from standin.world import World, check_events, load
from standin.world_files import WorldError

OURS = "acme"
"""The default world's name."""

SENDER = {
    "mail_from": "guides@handrail-demo.example",
    "mail_reply_to": "success@handrail-demo.example",
    "mail_postal_address": "Handrail Demo, 1 Example Street, 10115 Berlin",
}


_WHERE = """
{count} mails are in {outbox} (.html, .txt, .eml):
made-up people of the demo world, the only ones whose addresses are ever kept.

To ask in a chat client, paste this into its configuration (no credentials needed):
{configuration}
"""


def run(*, world: str, data_dir: Path | None, as_json: bool, serve: bool, port: int) -> None:
    """Sync, one night, the report, mails as files; then the dashboard until Ctrl-C."""
    folder = _folder(world, Path(".handrail"))
    data = data_dir or Path(".handrail") / f"demo-{folder.name}"
    with _standins(world, folder) as standins:
        settings = _settings(standins, folder, data, port)
        report, figures = asyncio.run(_night(settings, standins.world))
        outbox = data / "outbox"
        written = _write_mails(standins, outbox)
        if as_json:
            printing.as_object({**figures, "outbox": str(outbox), "mails_written": written})
        else:
            printing.report(report, as_json=False)
            sys.stdout.write(_WHERE.format(count=written, outbox=outbox, configuration=configuration(world)))
        if serve:
            address = f"http://127.0.0.1:{port}"
            sys.stderr.write(f"\nDashboard: {address}   MCP: {address}/mcp   (Ctrl-C ends)\n")
            serving.web([settings], "127.0.0.1", port)


def configuration(world: str) -> str:
    """For a chat client: whole paths, for clients know neither our PATH nor the folder we are in."""
    command = str(Path(sys.executable).parent / "handrail")
    shown = world if world == OURS else str(Path(world).resolve())
    demo = {"command": command, "args": ["mcp"], "env": {"HANDRAIL_DEMO": shown}}
    return json.dumps({"mcpServers": {"handrail-demo": demo}}, indent=2)


def stand_in(world: str, port: int) -> None:
    """Serve the stand-ins until Ctrl-C, and say which settings reach them."""
    loaded = _load(world, _folder(world, Path(".handrail")))
    base = f"http://127.0.0.1:{port}"
    project = loaded.project
    for name, value in {
        "HANDRAIL_NOW": loaded.start().isoformat(),
        "HANDRAIL_MIXPANEL_PROJECT_ID": project["project_id"],
        "HANDRAIL_MIXPANEL_USERNAME": project["username"],
        "HANDRAIL_MIXPANEL_SECRET": project["secret"],
        "HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY": project["account_property"],
        "HANDRAIL_MIXPANEL_GROUP_ID": next(iter(project.get("group_keys", {}).values()), ""),
        "HANDRAIL_MIXPANEL_QUERY_URL": f"{base}/mixpanel",
        "HANDRAIL_MIXPANEL_EXPORT_URL": f"{base}/mixpanel",
        "HANDRAIL_SENDGRID_URL": f"{base}/sendgrid",
        "ANTHROPIC_BASE_URL": f"{base}/anthropic",
    }.items():
        sys.stderr.write(f"{name}={value}\n")
    serve_standins(loaded, port)


async def _night(settings: Settings, world: World) -> tuple[Report, dict[str, Any]]:
    async with open_context(settings, actor="nightly") as ctx:
        from agent import flow  # noqa: PLC0415  (the engine, only where nights are run)

        report = await flow.run(ctx, backfill_from=world.days()[0])
        return report, await _figures(ctx, report)


async def _figures(ctx: ToolContext, report: Report) -> dict[str, Any]:
    """Everything the night counted, for scripts: account days, funnels by account, struggles by user key."""
    month = Period.of_days(30, report.night, report.zone)
    async with ctx.store.read() as work:
        book = await work.accounts.all()
        first = await work.metrics.first_day() or report.night
        everything = Period(from_date=first, to_date=report.night, zone=report.zone)
        measured = await work.funnels.of_period(month)
        totals = await work.metrics.totals(month)
        days = {each.id: await work.metrics.days(each.id, everything) for each in book}
        struggles = await work.nights.struggles(report.night)
    names = {each.id: each.mixpanel_id for each in book}
    return {
        "report": report.model_dump(mode="json"),
        "period": {"from_date": str(month.from_date), "to_date": str(month.to_date), "zone": month.zone},
        "accounts": [
            {
                "name": each.name,
                "mixpanel_id": each.mixpanel_id,
                "period": totals[each.id].model_dump() if each.id in totals else None,
                "days": [day.model_dump(mode="json", exclude={"mixpanel_id"}) for day in days[each.id]],
            }
            for each in book
        ],
        "funnels": [
            {
                "funnel_id": one.funnel_id,
                "name": one.name,
                "mixpanel_id": names[one.account_id],
                "users": one.counts.users,
                "conversion": funnels.conversion(one.counts),
                "route": one.route,
            }
            for one in measured
        ],
        "struggles": [
            {**one.model_dump(mode="json"), "accounts": [names[each] for each in one.account_ids]}
            for one in struggles
        ],
    }


def _settings(standins: Standin, folder: Path, data: Path, port: int) -> Settings:
    """Every neighbour is a stand-in: nothing of the environment can point the demo at a real one.

    What belongs to one project is the world's or stands as if nobody had set it; so does where alarms go.
    """
    project, base = standins.world.project, standins.base_url
    own_kb = folder / "kb"
    unset = {name: Settings.model_fields[name].default for name in (OWN - {"secret_key"}) | {"alarm_webhook"}}
    given = {
        "data_dir": data,
        "workspaces": None,
        "workspace": "",
        "kb_dir": own_kb if own_kb.is_dir() else None,
        "now": standins.clock.now(),
        "mixpanel_project_id": project["project_id"],
        "mixpanel_username": project["username"],
        "mixpanel_secret": SecretStr(project["secret"]),
        "mixpanel_account_property": project["account_property"],
        "mixpanel_group_id": next(iter(project.get("group_keys", {}).values()), ""),
        "mixpanel_project_created": project.get("created"),
        "mixpanel_query_url": f"{base}/mixpanel",
        "mixpanel_export_url": f"{base}/mixpanel",
        "anthropic_api_key": SecretStr("demo"),
        "anthropic_base_url": f"{base}/anthropic",
        "sendgrid_api_key": SecretStr("SG.demo"),
        "sendgrid_url": f"{base}/sendgrid",
        "public_url": f"http://127.0.0.1:{port}",
        "send_mode": SendMode.AUTO,
        "send_hours": "always",
        "track_opens": True,
        **SENDER,
    }
    return Settings.load(_env_file=None, **{**unset, **given})


@asynccontextmanager
async def open_demo(world: str) -> AsyncIterator[ToolContext]:
    """A context over stand-ins of its own, for a chat client without credentials; runs one night first.

    A chat client starts programs in a folder of its own choice, so everything lies below the home folder.
    """
    home = Path.home() / ".handrail"
    folder = _folder(world, home)
    with _standins(world, folder) as standins:
        async with open_context(_settings(standins, folder, home / f"demo-{folder.name}", 8321)) as ctx:
            async with ctx.store.read() as work:
                synced = await work.metrics.last_sync()
            if synced is None:
                from agent import flow  # noqa: PLC0415  (as above)

                await flow.run(ctx, backfill_from=standins.world.days()[0])
            yield ctx


def _folder(world: str, base: Path) -> Path:
    """A world's folder; the default world is made below `base` when it is not there yet."""
    if world != OURS:
        return Path(world)
    folder = base / "worlds" / OURS
    if not (folder / "project.json").exists():
        acme.generate(folder)
    return folder


def _load(world: str, folder: Path) -> World:
    """The world in its folder; one that somebody brought is read to its end before anything is made of it."""
    try:
        loaded = load(folder)
        if world != OURS:
            check_events(loaded)
    except WorldError as error:
        raise CallerError(str(error)) from None
    return loaded


@contextmanager
def _standins(world: str, folder: Path) -> Iterator[Standin]:
    with running(_load(world, folder)) as standins:
        yield standins


def _write_mails(standins: Standin, outbox: Path) -> int:
    """The mails that the SendGrid stand-in took, as files a person can open."""
    mails: list[dict[str, Any]] = _told(standins, "mails")
    attachments: dict[str, str] = _told(standins, "attachments")
    outbox.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number, mail in enumerate(mails, 1):
        name = f"{number:03d}-{''.join(c if c.isalnum() else '-' for c in mail['subject'].lower())[:50]}"
        pictures = [
            Inline(part["content_id"], part["sha256"], b64decode(attachments[part["sha256"]]))
            for part in mail["attachments"]
        ]
        (outbox / f"{name}.html").write_text(_page(mail["html"], pictures, outbox), "utf-8")
        (outbox / f"{name}.txt").write_text(mail["text"], "utf-8")
        (outbox / f"{name}.eml").write_bytes(_eml(mail, pictures))
    return len(mails)


class Inline(NamedTuple):
    """A picture inside a mail."""

    content_id: str
    sha256: str
    png: bytes


def _told(standins: Standin, what: str) -> Any:
    answer = httpx2.get(f"{standins.base_url}/control/{what}", trust_env=False)
    if answer.status_code != 200:
        raise HandrailError(f"The stand-ins do not tell which {what} arrived.")
    return answer.json()


def _page(html: str, pictures: list[Inline], outbox: Path) -> str:
    """The HTML part for a browser, which knows no content ids: the pictures lie beside it."""
    for each in pictures:
        file = outbox / f"picture-{each.sha256[:12]}.png"
        file.write_bytes(each.png)
        html = html.replace(f'"cid:{each.content_id}"', f'"{file.name}"')
    return html


def _eml(mail: dict[str, Any], pictures: list[Inline]) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = SENDER["mail_from"], mail["to"]
    message["Subject"] = mail["subject"]
    for name, value in mail["headers"].items():
        message[name] = value
    message.set_content(mail["text"])
    message.add_alternative(mail["html"], subtype="html")
    for each in pictures:
        html = cast("EmailMessage", message.get_payload(1))
        html.add_related(
            each.png, "image", "png", cid=f"<{each.content_id}>", filename=f"{each.content_id}.png"
        )
    return message.as_bytes()
