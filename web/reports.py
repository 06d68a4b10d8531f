"""REST: the users of an account in numbers, and the copies of saved reports."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from handrail.domain.reports import KeptReport, ReportAge, ReportReading
from handrail.domain.segments import AccountUsers
from handrail.engine.segments import in_words
from handrail.flows.reports import list_reports, read_report, report_history
from handrail.flows.segments import users_of
from tools._answers import AccountAnswer, find, ref, which
from web.api import Ctx

router = APIRouter()


class UsersAnswer(AccountAnswer):
    """Users in numbers; never one of them."""

    users: AccountUsers | None = Field(None, description="Null means no data, see no_data_because.")
    no_data_because: str = ""


class ReportList(BaseModel):
    reports: tuple[ReportAge, ...]


class ReportHistory(BaseModel):
    copies: tuple[KeptReport, ...] = Field(description="Newest first; one for each change, of 90 days.")


@router.get("/api/mixpanel/users/{customer_id}")
async def users(ctx: Ctx, customer_id: str) -> UsersAnswer:
    who = await find(ctx, customer_id)
    if isinstance(who, list):
        return UsersAnswer(summary=which(customer_id, who), candidates=who)
    found = await users_of(ctx, who.id)
    if found is None:
        return UsersAnswer(
            summary=f"The users of {who.name} were not counted yet.",
            account=ref(who),
            no_data_because="Users are counted once a night: run `handrail sync` to count them now.",
        )
    return UsersAnswer(
        summary=in_words(who.name, found), as_of=found.counted_at, account=ref(who), users=found
    )


@router.get("/api/reports")
async def reports(ctx: Ctx) -> ReportList:
    return ReportList(reports=await list_reports(ctx))


@router.get("/api/reports/{name_or_id}")
async def report(ctx: Ctx, name_or_id: str) -> ReportReading:
    return await read_report(ctx, name_or_id)


@router.get("/api/reports/{report_id}/history")
async def history(ctx: Ctx, report_id: int) -> ReportHistory:
    return ReportHistory(copies=await report_history(ctx, report_id))
