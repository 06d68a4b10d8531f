"""REST: the users of an account in numbers, and the copies of saved reports."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from handrail.domain.reports import KeptReport
from handrail.flows.reports import report_history
from tools._params import Detail
from tools.get_saved_report import SavedReports, get_saved_report
from tools.get_user_segments import UserSegments, get_user_segments
from web.api import Ctx

router = APIRouter()


class ReportHistory(BaseModel):
    copies: tuple[KeptReport, ...] = Field(description="Newest first; one for each change, of 90 days.")


@router.get("/api/mixpanel/users/{customer_id}")
async def users(ctx: Ctx, customer_id: str, by: str = "") -> UserSegments:
    return await get_user_segments(ctx, account=customer_id, by=by)


@router.get("/api/reports")
async def reports(ctx: Ctx, cursor: str = "") -> SavedReports:
    return await get_saved_report(ctx, cursor=cursor)


@router.get("/api/reports/{name_or_id}")
async def report(ctx: Ctx, name_or_id: str, detail: Detail = "concise", cursor: str = "") -> SavedReports:
    return await get_saved_report(ctx, report=name_or_id, detail=detail, cursor=cursor)


@router.get("/api/reports/{report_id}/history")
async def history(ctx: Ctx, report_id: int) -> ReportHistory:
    return ReportHistory(copies=await report_history(ctx, report_id))
