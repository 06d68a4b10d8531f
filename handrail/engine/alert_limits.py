"""The thresholds of the alerts, in one place, each with its reason; docs/alerts.md tells them in words.

They were fixed on made-up worlds of other seeds than those that `make bench-health` reports.
"""

from collections.abc import Mapping

from handrail.domain.alerts import AlertKind

WINDOW = 7
"""Days that are judged: whole weeks, so that no weekday weighs more than in the weeks before."""

WINDOWS = (7, 14)
"""A drop is looked for in one week, and in two, which show what one week's noise hides."""

REACH = 91
"""Days before those that tell the usual: a quarter, as far as a first sync reads back."""

SPAN = REACH + WINDOW
"""Days of figures that a night looks at."""

LEAST_HISTORY = 28
"""Known days before the window: four of each weekday. With fewer nobody can say what is usual."""

LEAST_DAYS = 4
"""Judged days of the window that are known and no holiday; fewer are no week."""

LEAST_USERS = 3
"""Different users in the four weeks before: under three, one person's leave is the whole account."""

LEAST_USER_DAYS = 8
"""Active users of a usual week, added up by day, on the days that are judged. Of fewer, most is chance."""

FLEET_SLACK = 0.5
"""The same for all accounts together: their weekend is not watched."""

SLACK_DAY = 0.2
"""A weekday with less than this share of the account's best is its weekend, and tells nothing."""

LEVEL_WEEKS = 4
"""Weeks that tell the level of what is usual."""

DROP = 0.5
"""Lost of a usual week or two: two lost days of five working days are 40 %."""

NOISE = 3.3
"""Standard deviations. Thousands of accounts are judged each night on three series."""

SUREST = 0.9
"""The chance of a person to come on a day is no higher."""

LEAVE = 0.3
"""The part of leave in the variance of an account of one person."""

DRIFT = 0.04
"""By how much accounts rise and fall from a week to the next (of a logarithm), for no reason."""

LEAST_WEEKLY_NOISE = 0.1
"""Of log means, from one week to the next: seven differences can be small by luck, accounts are not."""

DECLINE = 0.3
"""Lost in four weeks beside the five that ended eight weeks ago, of users and of events."""

DECLINE_DAYS = 28
"""Four weeks: a long leave of some is a smaller part of them."""

DECLINE_FROM = 13
DECLINE_BASE = 5
"""Weeks: the first five of them are what a decline is held against."""

DECLINE_NOISE = 2.25
"""Standard deviations, of two months' drift, too."""

MIDWAY_DAYS = 21
MIDWAY = 0.25
"""Of what is lost, as a logarithm: so much was lost in the three weeks before the last three already."""

ONE_STEP = 0.5
"""Where the squares left by one step are under this share of a line's, it was a drop."""

ERRORS = 3.0
"""Times the usual errors for as many events, over ERROR_DAYS."""

ERROR_DAYS = 3
LEAST_ERRORS = 10
"""More than usual: one person who tries again and again makes a handful."""

ERROR_CHANCE = 1e-6
"""Of as many errors under the account's own spread (negative binomial)."""

CONVERSION = 0.5
"""Lost of a funnel's usual conversion."""

CONVERSION_NOISE = 3.5
"""Standard errors, of two proportions; there is one test for each funnel."""

CONVERSION_DAYS = (14, 21, 28)
"""Two weeks, and where too few enter in two, three or four."""

LEAST_ENTERED = 15
"""People a day who entered a funnel in these days; of fewer a rate is too coarse."""

ABANDONED_DAYS = 14
ABANDONED_WEEKS = 6
"""Weeks before; the feature was used in all of them but one."""

LEAST_ATTEMPTS = 5
"""In the middle one of these weeks: what is rarely used stays away by chance."""

STILL_ACTIVE = 0.5
"""Of the usual events: an account under this loses more than one feature."""

SILENT_WORKDAYS = 20
"""Days from Monday to Friday without holidays: four weeks, longer than nearly all leave."""

SILENT_DAYS = 26
"""Which so many working days take at least, and holidays more."""

SILENT_REACH = 49
"""Days after which somebody who does not come is no news."""

KEY_DAYS = 20
KEY_WEEKS = 7
"""A key user came on 20 of the 49 days before: four of seven working days, so that leave is forgiven."""

KEY_SHARE = 0.5
"""Of the account's key users: where there are many, one of them is no risk."""

FLEET_LOW, FLEET_HIGH = 0.7, 1.4
"""The median account beside its usual day: outside, the day is everybody's and no account's doing."""

FLEET_NEAR = 0.9
"""Between this and FLEET_LOW, accounts are held against the fleet's day."""

FLEET_DROP = 0.6
"""Under this the day is told, too, where all events together are under it: few accounts' median is chance."""

LEAST_FLEET = 5
"""Accounts that a fleet has; the median of fewer is somebody's own doing."""

LEAST_FLEET_DAY = 5
"""Events usual on a day for an account to count in it."""

NEW_USUAL = 35
"""Days after which what everybody does is the new usual: five of each weekday."""

PER_USER = 0.75
"""Events for each user beside the usual: on a holiday people stay away, in an outage events do."""

FLEET_DECLINE = 0.85
"""Where less is left of the median account after two months, accounts are held against it."""

COVERAGE_FALL = 0.15
"""In points of the share of events that name an account, against the median of earlier syncs."""

COVERAGE_SYNCS = 5
"""Earlier syncs, of at least 1000 events each, that tell the usual."""

LEAST_EVENT_SHARE = 0.001
"""An event that is rarer than one of a thousand is not watched for vanishing."""

RETIRED_DAYS = 2
"""Days without the event: a day may be a holiday's."""

STALE_HOURS = 36
"""After the last sync: a day, and half a day of patience."""

QUIET_DAYS = 14
"""One alert for an account and direction, unless it is worse."""

WORSE = 1.25
"""Times the size that was told."""

RESOLVED_NIGHTS = 3
"""Nights in a row without it."""

SAME_STORY = 56
"""Days for which a closed alert is remembered: what began before it was last seen is no news."""

LEARNED = 1.25
"""Each dismissal raises what this kind of alert needs for this account by a quarter."""

SMALL_CHANGE = 0.3
"""The size of a feature abandoned or key users silent, on the scale of what a drop loses."""

Dismissals = Mapping[tuple[str, AlertKind], int]
"""How often people dismissed this kind of alert of the account."""


def raised(told: Dismissals, account: str, kind: AlertKind) -> float:
    """The factor by which dismissals raise what is needed."""
    return LEARNED ** told.get((account, kind), 0)


def needed(share: float, factor: float) -> float:
    """A share lost, raised: what may be left shrinks, so that it never becomes everything."""
    return 1 - (1 - share) / factor
