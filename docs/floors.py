"""The drawing of the architecture, made of the import contract in pyproject.toml: it shows what holds."""

import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]

WORDS = {
    "handrail.cli": "the shell: one command a verb",
    "agent": "02:00 UTC",
    "mcp_server": "chat clients",
    "web": "browser, REST, mail links",
    "tools": "what the product can do: one file a tool, found by being there",
    "handrail.flows": "work in several steps: sync, measure, detect, write, decide and mail",
    "handrail.context": "what a tool works with; the only place that picks real neighbours or stand-ins",
    "handrail.ledger": "the budget of questions",
    "handrail.purse": "the budget of model money",
    "handrail.workspaces": "several projects",
    "handrail.services": "the outside: Mixpanel, mail, model, documents",
    "handrail.store": "the database: every query",
    "handrail.charts": "a chart as SVG, PNG and table",
    "handrail.engine": "rules: pure functions of values to values",
    "handrail.domain": "words: frozen values",
    "handrail.settings": "settings",
    "handrail.clock": "the time",
    "handrail.ending": "how processes end",
    "handrail.setting_values": "what settings may hold",
    "handrail.errors": "every error that is raised on purpose",
}
"""What each room of the contract is. A room without words, or words without a room, is an error."""

PURE = {"handrail.engine", "handrail.domain"}
"""Rooms that know no neighbour, no database and no clock; another contract holds it."""

DOORS = {"agent", "mcp_server", "web"}

LEFT, WIDTH, HEIGHT, GAP = 44, 812, 46, 8

_STYLE = """
svg { --ink: #1f2933; --quiet: #52606d; --paper: #ffffff; --edge: #9fb3c8;
  --door: #dcebfa; --pure: #e6f4ea }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e4e9ee; --quiet: #a9b6c2; --paper: #1b232b; --edge: #5a6d80;
    --door: #17344f; --pure: #1c3a2a }
}
text { font: 14px system-ui, sans-serif; fill: var(--ink) }
.name { font-family: ui-monospace, monospace; font-weight: 600 }
.quiet { fill: var(--quiet); font-size: 13px }
rect { fill: var(--paper); stroke: var(--edge) }
.door { fill: var(--door) } .pure { fill: var(--pure) }
path { stroke: var(--quiet); fill: none; stroke-width: 1.5 }
"""


def layers() -> list[list[str]]:
    """The floors of the contract from the top, each with its rooms."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    [floors] = [each for each in contracts if each["type"] == "layers"]
    return [[room.strip() for room in floor.split("|")] for floor in floors["layers"]]


def svg() -> str:
    """docs/images/floors.svg as it should be. Raises `ValueError` where words and contract differ."""
    floors = layers()
    rooms = {room for floor in floors for room in floor}
    if wrong := rooms ^ WORDS.keys():
        raise ValueError(f"docs/floors.py and the import contract differ in: {', '.join(sorted(wrong))}")
    tall = len(floors) * (HEIGHT + GAP) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 8} {tall}" role="img">',
        "<title>The floors of the code: each imports only from those below it</title>",
        f"<style>{_STYLE}</style>",
        f'<path d="M20 14 V{tall - 22} M14 {tall - 32} L20 {tall - 20} L26 {tall - 32}"/>',
        f'<text class="quiet" transform="translate(14 {tall // 2}) rotate(-90)" text-anchor="middle" '
        'dy="-4">imports go down only</text>',
    ]
    for number, floor in enumerate(floors):
        parts += _floor(floor, 10 + number * (HEIGHT + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _floor(rooms: list[str], top: int) -> Iterator[str]:
    wide = (WIDTH - GAP * (len(rooms) - 1)) // len(rooms)
    for place, room in enumerate(rooms):
        left = LEFT + place * (wide + GAP)
        kind = ' class="door"' if room in DOORS else ' class="pure"' if room in PURE else ""
        yield f'<rect x="{left}" y="{top}" width="{wide}" height="{HEIGHT}" rx="6"{kind}/>'
        yield f'<text class="name" x="{left + 12}" y="{top + 19}">{escape(room.replace(".", "/"))}</text>'
        yield f'<text class="quiet" x="{left + 12}" y="{top + 37}">{escape(WORDS[room])}</text>'
