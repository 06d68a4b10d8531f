"""200 hostile names from analytics on the pages: nothing of them runs, loads or is followed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handrail.context import open_context
from handrail.flows.health import keep_scores
from handrail.flows.reports import read_report
from handrail.flows.segments import count_users
from handrail.flows.sync import sync
from standin.server import running
from tests.conftest import settings_for
from tests.standin.conftest import event, write_world
from tests.web.dashboard import visit

LAST = "2026-11-20"
TEMPLATES = [
    "<script>alert({0})</script>",
    '"><script>alert({0})</script>',
    "</title><script>alert({0})</script>",
    "</textarea></select><img src=x onerror=alert({0})>",
    '"><img src=x onerror=alert({0})>',
    "'><svg onload=alert({0})>",
    "<svg><script>alert({0})</script></svg>",
    "<img src=//evil.example/{0}.png>",
    "<iframe src=//evil.example/{0}></iframe>",
    "<link rel=stylesheet href=//evil.example/{0}.css>",
    "<style>body{{background:url(//evil.example/{0}.png)}}</style>",
    "<meta http-equiv=refresh content=0;url=//evil.example/{0}>",
    "<base href=//evil.example/{0}/>",
    "<form action=//evil.example/{0}><button autofocus>x</button></form>",
    "<details open ontoggle=alert({0})>x</details>",
    '" autofocus onfocus=alert({0}) x="',
    "' onmouseover='alert({0})",
    "javascript:alert({0})",
    "{{{{ {0}*{0} }}}}{{% for x in y %}}",
    "\u2028</desc></svg><script>alert({0})</script>&lt;script&gt;",
]
NAMES = [template.format(number) for number in range(10) for template in TEMPLATES]
REPORT = 9000
ACCOUNT = "/accounts/a0"
SEGMENT = {"value": "plan", "propertyName": "plan", "resourceType": "events"}


def project() -> dict[str, Any]:
    """Every report, a dashboard and the funnel have a hostile name; one report is broken down by plan."""
    shown = {
        "type": "metric",
        "behavior": {"type": "event", "name": "Opened", "resourceType": "events"},
        "measurement": {"math": "total"},
    }
    time = [{"dateRangeType": "between", "unit": "day", "value": ["2026-11-19", LAST]}]
    params = {
        "sections": {"show": [shown], "time": time, "filter": [], "group": [SEGMENT]},
        "displayOptions": {"chartType": "table"},
    }
    common = {"type": "insights", "project_id": 12345, "dashboard_id": 1, "params": params}
    return {
        "reports": [{"id": REPORT + at, "name": name, **common} for at, name in enumerate(NAMES)],
        "dashboards": [{"id": 1, "title": NAMES[0], "description": "", "reports": [REPORT]}],
        "funnels": [
            {
                "funnel_id": 7,
                "name": NAMES[1],
                "steps": [{"event": NAMES[0]}, {"event": NAMES[1]}],
                "length": 1,
                "length_unit": "day",
            }
        ],
    }


def events() -> Iterator[dict[str, Any]]:
    """One event an account; the first account has 15 hostile events by six people with hostile plans."""
    for at in range(len(NAMES)):
        yield event("Opened", f"u-{at}", f"{LAST}T10:00:00", company_id=f"a{at}", plan=NAMES[at])
    for person in range(6):
        for at, name in enumerate(NAMES[:15]):
            yield event(name, f"p-{person}", f"{LAST}T11:{at:02}:00", company_id="a0", plan=name)


async def test_two_hundred_hostile_names_open_no_dialog_and_ask_nothing_of_anybody(tmp_path: Path) -> None:
    world = write_world(
        tmp_path / "world",
        list(events()),
        groups={"company_id": {f"a{at}": {"$name": name} for at, name in enumerate(NAMES)}},
        profiles={f"p-{person}": {"company_id": "a0", "role": NAMES[5]} for person in range(6)},
        **project(),
    )
    assert len(set(NAMES)) == 200
    seen: dict[str, str] = {"/": ""}
    with running(world) as state:
        settings = settings_for(state, tmp_path / "data", segment_properties=("role",))
        async with open_context(settings) as ctx:
            await sync(ctx, from_day=world.days()[0])
            await count_users(ctx, world.days()[-1])
            await keep_scores(ctx)
            await read_report(ctx, str(REPORT))
        async with visit(settings) as tab:
            await tab.go("/")
            for _ in range(3):
                seen["/"] += await tab.page.inner_text("main")
                await tab.page.get_by_role("link", name="Next page").click()
                await tab.page.wait_for_load_state()
            seen["/"] += await tab.page.inner_text("main")
            for path in (ACCOUNT, "/reports", f"/reports/{REPORT}", "/accounts/<script>alert(1)"):
                await tab.go(path)
                for details in await tab.page.locator("details").all():
                    await details.locator("summary").click()
                seen[path] = await tab.page.inner_text("main")
            happened = [each for each in tab.wrong if "status of 404" not in each]

    assert happened == []
    assert missing(NAMES, seen["/"]) == missing(NAMES, seen["/reports"]) == []
    assert missing(NAMES[:15], seen[ACCOUNT]) == []
    assert missing(NAMES[:10], seen[f"/reports/{REPORT}"]) == []


def missing(names: list[str], text: str) -> list[str]:
    """Names that do not stand on a page as what they are: a text."""
    return [name for name in names if name.strip("\u2028") not in text]
