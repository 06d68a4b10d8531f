"""The own team's channels beside mail: Slack-compatible webhooks, and a heartbeat that others watch."""

import logging

import httpx2
from pydantic import SecretStr

from handrail.errors import Unavailable
from handrail.settings import Settings

SECONDS = 10.0

# At INFO this logger writes whole addresses.
logging.getLogger("httpx2").setLevel(logging.WARNING)


class Team:
    """Each answers False where its address is not set, and raises `Unavailable` where it is not answered.

    The addresses are secrets: they stand in no error and no log.
    """

    def __init__(self, settings: Settings, http: httpx2.AsyncClient) -> None:
        self._settings = settings
        self._http = http

    async def brief(self, text: str) -> bool:
        return await self._post(self._settings.brief_webhook, "HANDRAIL_BRIEF_WEBHOOK", text)

    async def alarm(self, text: str) -> bool:
        return await self._post(self._settings.alarm_webhook, "HANDRAIL_ALARM_WEBHOOK", text)

    async def alert(self, text: str) -> bool:
        return await self._post(self._settings.alert_webhook, "HANDRAIL_ALERT_WEBHOOK", text)

    async def beat(self) -> bool:
        """One GET, as https://healthchecks.io/docs/http_api/ takes it."""
        return await self._ask("GET", self._settings.heartbeat_url, "HANDRAIL_HEARTBEAT_URL")

    async def _post(self, address: SecretStr | None, name: str, text: str) -> bool:
        """`{"text": …}`: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""
        return await self._ask("POST", address, name, {"text": text})

    async def _ask(
        self, method: str, address: SecretStr | None, name: str, body: dict[str, str] | None = None
    ) -> bool:
        if address is None:
            return False
        try:
            answer = await self._http.request(method, address.get_secret_value(), json=body, timeout=SECONDS)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            raise Unavailable(f"The address in {name} did not answer: check it.") from None
        if not answer.is_success:
            raise Unavailable(f"The address in {name} answered {answer.status_code}: check it.")
        return True
