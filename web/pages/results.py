"""Results: what became of the mails of a period, by feature and style, and what the documents lack."""

from collections import Counter
from collections.abc import Mapping

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from handrail.charts.specification import Bar, Bars, Figure
from handrail.domain.periods import PeriodName
from handrail.engine.lift import LEAST
from handrail.errors import CallerError
from handrail.flows import gaps
from handrail.flows.deliver import reason_words
from handrail.flows.learn import REACH
from tools.get_tutorial_results import FeatureResults, TutorialResults, get_tutorial_results
from web.api import Ctx
from web.frame import Framed, titles

router = APIRouter(include_in_schema=False)


@router.get("/results")
async def results(
    ctx: Ctx, frame: Framed, period: PeriodName = "last_90_days", feature: str = ""
) -> HTMLResponse:
    try:
        found = await get_tutorial_results(ctx, period=period, feature=feature)
    except CallerError as error:
        return frame.message("Nothing to show yet", str(error))
    features = titles(ctx)
    return frame(
        "results.html",
        title="Results",
        found=found,
        period=period,
        feature=feature,
        features=features,
        figures=_figures(found.features),
        charts=_charts(found, features) if found.features else [],
        gaps=await gaps.docs_gaps(ctx),
        gap_nights=gaps.NIGHTS,
        least=LEAST,
        style_days=REACH.days,
    )


def _figures(features: list[FeatureResults]) -> list[Figure]:
    sent = sum(each.sent for each in features)
    told = sum(each.delivered + each.bounced for each in features)
    delivered, clicked = sum(each.delivered for each in features), sum(each.clicked for each in features)
    followed = sum(each.after.people for each in features)
    completed = sum(each.after.completed for each in features)
    still = sum(each.after.open for each in features)
    return [
        Figure(name="mails sent", value=f"{sent:,}"),
        Figure(
            name="delivered",
            value=f"{delivered:,}" if told else "no data",
            note=f"of {sent:,} sent" if told else "the mail service told nothing",
        ),
        Figure(
            name="followed by their reader",
            value=f"{clicked:,}" if sent else "no data",
            note=f"of {sent:,} sent; machines do not count" if sent else "",
        ),
        Figure(
            name="completed the feature after it",
            value=f"{completed:,}" if followed else "no data",
            note=f"of {followed:,} followed for 7 days; {still:,} not over"
            if followed
            else f"{still:,} still followed",
        ),
        Figure(name="not mailed", value=f"{sum(sum(each.withheld.values()) for each in features):,}"),
    ]


def _charts(found: TutorialResults, features: Mapping[str, str]) -> list[Bars]:
    days = f"nights of {found.period.from_date} to {found.period.to_date} ({found.period.zone})"
    why: Counter[str] = Counter()
    for each in found.features:
        why.update(each.withheld)
    sent = sum(each.sent for each in found.features)
    return [
        Bars(
            title="Mails sent, by feature",
            about=f"{days}, {sent:,} mails",
            measured="mails",
            bars=tuple(
                Bar(name=features.get(each.feature, each.feature), value=each.sent) for each in found.features
            ),
        ),
        Bars(
            title="Not mailed, by reason",
            about=f"{days}, {why.total():,} decisions on people and feature",
            measured="decisions",
            bars=tuple(Bar(name=reason_words(reason), value=count) for reason, count in why.most_common()),
        ),
    ]
