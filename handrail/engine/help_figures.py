"""The figures of the help, folded out of decisions, feedback, outcomes and texts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from handrail.domain.deliveries import Reason, Status
from handrail.domain.feedback import AnswerCount, FeedbackKind
from handrail.domain.help_figures import HelpFigures
from handrail.domain.outcomes import OutcomeCount
from handrail.domain.periods import Period
from handrail.domain.tutorials import Tutorial
from handrail.engine import keys, outcomes
from handrail.engine.feedback import ways


def fold(
    period: Period,
    *,
    nights: int,
    users: int,
    texts: Iterable[Tutorial],
    decisions: Iterable[tuple[str, Status, str, int]],
    told: Mapping[str, Counter[frozenset[FeedbackKind]]],
    followed: Sequence[OutcomeCount],
    answers: Collection[AnswerCount],
) -> HelpFigures:
    """All of a period in one value. `decisions` are (feature, status, reason, count), `told` by feature."""
    written = [text for text in texts if text.id == keys.original_id(text.id)]
    drafts = [text for text in written if text.source == "model" or text.refused_because]
    status: Counter[Status] = Counter()
    withheld: Counter[str] = Counter()
    for _, state, reason, count in decisions:
        status[state] += count
        if state is Status.WITHHELD:
            withheld[reason] += count
    way = ways(sum(told.values(), Counter()))
    treated = outcomes.arm(followed, "treated")
    return HelpFigures(
        from_date=period.from_date,
        to_date=period.to_date,
        nights=nights,
        users_identified=users,
        drafts=len(drafts),
        drafts_passed=sum(text.source == "model" for text in drafts),
        sent=status[Status.SENT],
        planned=status[Status.PLANNED],
        failed=status[Status.FAILED],
        unknown=status[Status.UNKNOWN] + status[Status.SENDING],
        withheld={reason.value: withheld[reason.value] for reason in Reason if withheld[reason.value]},
        delivered=way.delivered,
        lost=way.lost,
        clicked=way.clicked,
        followed=treated.people,
        completed=treated.completed,
        helpful=sum(each.yes for each in answers),
        not_helpful=sum(each.no for each in answers),
    )
