"""The morning brief and the figures of the help, as a page."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from handrail.engine.periods import given_day
from handrail.errors import CallerError
from handrail.flows.alarm import standing
from handrail.flows.brief import kept
from handrail.flows.help_figures import last_night_and_month
from web.api import Ctx
from web.frame import Framed

router = APIRouter(include_in_schema=False)


@router.get("/brief")
async def brief_page(ctx: Ctx, frame: Framed, night: str = "") -> HTMLResponse:
    """A night's brief, the alarms that stand, and the figures of the last night and of 30 days."""
    try:
        found = await kept(ctx, given_day(night, "the night"))
    except CallerError as error:
        return frame.message("No brief yet", str(error))
    return frame(
        "brief.html",
        title="Morning brief",
        brief=found,
        alarms=await standing(ctx),
        windows=await last_night_and_month(ctx),
    )
