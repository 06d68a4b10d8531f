"""Alerts in the terminal: what is open, and how a person closes one."""

from typing import Annotated

import typer

from handrail.cli import printing
from handrail.cli.opening import with_context
from handrail.cli.printing import Json
from handrail.errors import CallerError
from handrail.flows.alerts import close
from tools.list_alerts import AlertCard, State, list_alerts

alerts = typer.Typer(help="What changed for accounts, and what was done about it.", no_args_is_help=True)

AlertId = Annotated[str, typer.Argument(help="From `handrail alerts list`.")]
Reason = Annotated[str, typer.Option(help="Why.")]


@alerts.command("list")
def list_all(
    *,
    account: Annotated[str, typer.Option(help="Only this account.")] = "",
    state: Annotated[State, typer.Option(help="Of the alert.")] = "open",
    json_: Json = False,
) -> None:
    """List alerts, those told last first."""
    found = with_context(lambda ctx: list_alerts(ctx, account=account, state=state, limit=200))
    if found.candidates:
        raise CallerError(found.summary)
    words = "\n".join(filter(None, [found.summary, *map(_line, found.alerts), found.showing]))
    printing.show(found.model_dump(mode="json"), words, as_json=json_)


@alerts.command()
def dismiss(alert_id: AlertId, *, reason: Reason, json_: Json = False) -> None:
    """It was no news: such alerts of this account need more from now on."""
    done = with_context(lambda ctx: close(ctx, alert_id, "dismissed", reason))
    printing.show(done.model_dump(mode="json"), f"Dismissed: {done.evidence}", as_json=json_)


@alerts.command()
def resolve(alert_id: AlertId, *, reason: Reason = "", json_: Json = False) -> None:
    """It is taken care of."""
    done = with_context(lambda ctx: close(ctx, alert_id, "resolved", reason))
    printing.show(done.model_dump(mode="json"), f"Resolved: {done.evidence}", as_json=json_)


def _line(one: AlertCard) -> str:
    whose = one.account or ("the data" if one.scope == "data" else "all accounts")
    return f"{one.id}\t{one.state}\t{whose}\t{one.kind}\t{one.evidence} {one.next_step}"
