"""Links that open something in Mixpanel's own pages."""

from urllib.parse import quote


def account_view(host: str, project_id: int, group_id: str, mixpanel_id: str) -> str:
    """The account's profile with what its people did; empty where accounts are no group profiles.

    `group_id` is the data group id. A person's own profile is addressed by an id that we do not pass on.
    """
    if not group_id:
        return ""
    where = f"distinct_id={quote(mixpanel_id, safe='')}&data_group_id={quote(group_id, safe='')}"
    return f"{host}/project/{project_id}/app/profile#{where}"


def report_view(host: str, project_id: int, kind: str, report_id: int) -> str:
    """A saved report; empty for a kind whose address is not known."""
    places = {"insights": "insights#report", "funnels": "funnels#view"}
    return f"{host}/project/{project_id}/app/{places[kind]}/{report_id}" if kind in places else ""
