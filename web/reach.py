"""What a token that sees some accounts gets of each route; one that is not listed here is refused."""

from collections.abc import Mapping

from fastapi import Request
from starlette.routing import BaseRoute

from handrail.domain.access import NOT_YOURS, Reach
from handrail.errors import NotYours

ROUTES: Mapping[str, Reach] = {
    "/": "accounts",
    "/accounts.csv": "accounts",
    "/accounts/{account}": "accounts",
    "/accounts/{account}/alerts/{alert_id}": "accounts",
    "/accounts/{account}/sending": "accounts",
    "/accounts/{account}/sentiment": "accounts",
    "/api/accounts": "accounts",
    "/api/accounts/{customer_id}/health": "accounts",
    "/api/accounts/{customer_id}/sentiment": "accounts",
    "/api/alarms": "refused",
    "/api/alerts": "accounts",
    "/api/alerts/{alert_id}": "accounts",
    "/api/briefs/latest": "refused",
    "/api/briefs/{night}": "refused",
    "/api/churn": "refused",
    "/api/deliveries": "accounts",
    "/api/integrations/mixpanel/connect": "refused",
    "/api/mixpanel/events/{customer_id}": "accounts",
    "/api/mixpanel/funnels/{customer_id}": "accounts",
    "/api/mixpanel/sync": "refused",
    "/api/mixpanel/sync/{sync_id}": "refused",
    "/api/mixpanel/users/{customer_id}": "accounts",
    "/api/reports": "refused",
    "/api/reports/{name_or_id}": "refused",
    "/api/reports/{report_id}/history": "refused",
    "/api/runs": "refused",
    "/api/runs/latest": "refused",
    "/api/runs/{night}": "refused",
    "/api/tutorials": "refused",
    "/brief": "refused",
    "/docs": "same",
    "/healthz": "same",
    "/hooks/sendgrid": "same",
    "/metrics": "refused",
    "/openapi.json": "same",
    "/readyz": "same",
    "/reports": "refused",
    "/reports/refresh": "refused",
    "/reports/{report_id}": "refused",
    "/results": "refused",
    "/runs": "refused",
    "/runs/unknown/{delivery_id}": "refused",
    "/runs/{night}": "refused",
    "/runs/{night}/replay": "refused",
    "/settings": "refused",
    "/settings/check": "refused",
    "/settings/reasons": "refused",
    "/settings/sending": "refused",
    "/static/charts.css": "same",
    "/static/handrail.css": "same",
    "/static/handrail.js": "same",
    "/static/handrail.svg": "same",
    "/static/tutorial.js": "same",
    "/t/{token}": "same",
    "/tonight": "accounts",
    "/tonight/accounts": "accounts",
    "/tonight/{review_id}": "accounts",
    "/tonight/{review_id}/approve": "accounts",
    # A person's own words are everybody's from then on, whatever account the next reader is of.
    "/tonight/{review_id}/edit": "refused",
    "/tonight/{review_id}/mail": "accounts",
    "/tonight/{review_id}/reject": "accounts",
    "/tutorials/{token}": "same",
    "/tutorials/{token}/answer": "same",
    "/tutorials/{token}/help": "same",
    "/tutorials/{token}/picture": "same",
    "/tutorials/{token}/read": "same",
    "/u/{token}": "same",
}
"""By the route's own path, for whichever method. Links of mails are the reader's: they take no token."""


def refused(path: str) -> bool:
    return ROUTES.get(path, "refused") == "refused"


def within_reach(request: Request) -> None:
    """Of every route that the framework serves. Raises `NotYours`."""
    route: BaseRoute | None = request.scope.get("route")
    if getattr(request.state, "sees", None) and refused(getattr(route, "path", "")):
        raise NotYours(NOT_YOURS)
