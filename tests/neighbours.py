"""Two projects side by side: the default world, and one in which every word that names anything is marked."""

import asyncio
import gzip
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from agent import night
from handrail.context import DEFAULT_KB, ToolContext, open_context
from handrail.domain.deliveries import Delivery
from handrail.flows.health import keep_scores
from handrail.flows.reports import read_report
from handrail.flows.sync import sync
from handrail.settings import Settings
from standin.state import Standin
from tests.hardening.doors.mails import NIGHT, Mailed, mailed
from tests.raised import alert

MARK = "Zqanary"
"""Begins every name of the second world; the first has it nowhere."""

DAYS = 4
PROJECT, SECRET = 7_700_077, "zqanary-secret-for-laptops-only"


def second_world(first: Path, folder: Path) -> Path:
    """The default world's last days and its documents, with other names for everything that has one."""
    (folder / "events").mkdir(parents=True)
    shutil.copytree(DEFAULT_KB, folder / "kb")
    lines = {path: gzip.decompress(path.read_bytes()).decode() for path in _days(first)}
    project = json.loads((first / "project.json").read_text("utf-8"))
    groups = (first / "groups.jsonl").read_text("utf-8")
    marked = _marker(_names(project, groups, "".join(lines.values()), folder / "kb"))
    for path, text in lines.items():
        (folder / "events" / path.name).write_bytes(gzip.compress(marked(text).encode(), 1))
    for name in ("groups.jsonl", "profiles.jsonl", "project.json"):
        text = re.sub(r"\b5211(\d{4})\b", r"7711\1", (first / name).read_text("utf-8"))
        (folder / name).write_text(marked(text), "utf-8")
    for path in (folder / "kb").rglob("*.md"):
        text = marked(path.read_text("utf-8"))
        path.unlink()
        path.with_name(f"zqanary-{path.name}").write_text(text, "utf-8")
    for path in (folder / "kb" / "images").iterdir():
        path.rename(path.with_name(f"zqanary-{path.name}"))
    told = json.loads((folder / "project.json").read_text("utf-8"))
    told |= {"project_id": PROJECT, "username": "zqanary.mp-service-account", "secret": SECRET}
    (folder / "project.json").write_text(json.dumps(told), "utf-8")
    return folder


def _days(first: Path) -> list[Path]:
    return sorted((first / "events").iterdir())[-DAYS:]


def _names(project: Mapping[str, Any], groups: str, events: str, kb: Path) -> set[str]:
    found = set(re.findall(r'"event": ?"([^"$][^"]*)"', events))
    for row in map(json.loads, groups.splitlines()):
        told = row["$properties"]
        found |= {row["$group_id"], *(told[name] for name in ("$name", "csm", "domain") if told.get(name))}
    for kind in ("funnels", "cohorts", "reports", "dashboards"):
        found |= {each[name] for each in project.get(kind, []) for name in ("name", "title") if name in each}
    for path in kb.glob("*.md"):
        title = re.search(r"^title: (.*)$", path.read_text("utf-8"), re.MULTILINE)
        found |= {path.stem, *([title[1]] if title else [])}
    return found


def _marker(names: set[str]) -> Any:
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, longest_first))})(?![\w-])")

    def mark(name: re.Match[str]) -> str:
        return f"{MARK} {name[1]}" if " " in name[1] or name[1][0].isupper() else f"{MARK.lower()}-{name[1]}"

    return lambda text: pattern.sub(mark, text)


@dataclass
class Belongings:
    """What names things of one workspace: what another must never tell, by the parameter it stands for."""

    values: dict[str, list[str]] = field(default_factory=dict)
    mails: list[Mailed] = field(default_factory=list)

    def secret(self) -> set[str]:
        """Everything long enough to be nobody else's by chance."""
        return {each for many in self.values.values() for each in many if len(each) >= 12}


def write_workspace(folder: Path, name: str, world: Standin, **more: str) -> None:
    """NAME.env for a project that a stand-in plays."""
    project, base = world.world.project, f"{world.base_url}/mixpanel"
    values = {
        "HANDRAIL_MIXPANEL_PROJECT_ID": project["project_id"],
        "HANDRAIL_MIXPANEL_USERNAME": project["username"],
        "HANDRAIL_MIXPANEL_SECRET": project["secret"],
        "HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY": project["account_property"],
        "HANDRAIL_MIXPANEL_GROUP_ID": next(iter(project["group_keys"].values())),
        "HANDRAIL_MIXPANEL_QUERY_URL": base,
        "HANDRAIL_MIXPANEL_EXPORT_URL": base,
        "HANDRAIL_NOW": world.world.start().isoformat(),
        "SENDGRID_API_KEY": "SG.test",
        "HANDRAIL_SENDGRID_URL": f"{world.base_url}/sendgrid",
        "ANTHROPIC_BASE_URL": f"{world.base_url}/anthropic",
        "HANDRAIL_MAIL_FROM": "guides@vendor.example",
        "HANDRAIL_MAIL_POSTAL_ADDRESS": "Vendor, 1 Example Street",
        "HANDRAIL_SEND_HOURS": "always",
        **more,
    }
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.env"
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()), "utf-8")
    path.chmod(0o600)


def filled(settings: Settings, world: Standin) -> Belongings:
    """Sync, run a night that leaves texts to approve, and put mails on record."""

    async def fill() -> Belongings:
        async with open_context(settings, actor="nightly") as ctx:
            await sync(ctx, from_day=world.world.days()[0])
            await night.run(ctx)
            await keep_scores(ctx)
            report = str(world.world.project["reports"][0]["id"])
            await read_report(ctx, report)
            mails = await mailed(ctx, 1)
            async with ctx.store.begin() as work:
                marked = {"evidence": f"{MARK} evidence.", "next_step": f"{MARK} next."}
                account = (await work.accounts.all())[0].id
                await work.alerts.keep([alert("zqanary-alert", account, NIGHT, **marked)])
            return await _belongings(ctx, mails, report)

    return asyncio.run(fill())


async def _belongings(ctx: ToolContext, mails: list[Mailed], report: str) -> Belongings:
    async with ctx.store.read() as work:
        accounts = await work.accounts.all()
        reviews = await work.reviews.waiting(ctx.clock.now())
        alerts = await work.alerts.remembered(date(2026, 1, 1))
        deliveries: list[Delivery] = await work.deliveries.of_night(NIGHT)
    first = accounts[0]
    names = [str(first.id), first.mixpanel_id, first.name]
    tokens = [
        token
        for each in mails
        for token in (each.tokens.click, each.tokens.page, each.tokens.guide, each.tokens.unsubscribe)
    ]
    return Belongings(
        {
            "account": names,
            "customer_id": names,
            "feature": sorted({each.feature for each in deliveries if MARK.lower() in each.feature}),
            "project": [str(PROJECT), SECRET],
            "review_id": [each.id for each in reviews][:2],
            "review": [each.id for each in reviews][:1],
            "alert_id": [str(each.id) for each in alerts],
            "delivery_id": [each.id for each in deliveries][:2],
            "token": tokens,
            "report_id": [report],
            "report": [report],
            "funnel": [f"{MARK} Connect a data source", report],
            "query": [names[-1]],
            "signature": [each.signature for each in deliveries if each.signature][:2],
            "tutorial_id": [each.tutorial_id for each in deliveries if each.tutorial_id][:2],
            "name_or_id": [report],
            "user_key": [each.user_key for each in deliveries][:5],
        },
        mails,
    )
