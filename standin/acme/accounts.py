"""The accounts of the world: 24 customers of skewed sizes and the vendor's own staff."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any


@dataclass(frozen=True)
class Account:
    id: str
    name: str
    people: int
    plan: str
    arr: int
    csm: str
    industry: str
    domain: str
    renewal_in: int
    """Days from the world's last day to the renewal."""
    extra: dict[str, Any] = field(default_factory=dict)

    def group(self, last_day: date) -> dict[str, Any]:
        """The group profile as Mixpanel keeps it."""
        properties = {
            "$name": self.name,
            "plan": self.plan,
            "ARR": self.arr,
            "csm": self.csm,
            "renewal": (last_day + timedelta(days=self.renewal_in)).isoformat(),
            "industry": self.industry,
            "domain": self.domain,
        }
        churned = self.extra.get("churned_days_ago")
        if churned is not None:
            properties["churned_on"] = (last_day - timedelta(days=churned)).isoformat()
        flags = {key: value for key, value in self.extra.items() if key != "churned_days_ago"}
        return properties | flags


DALIA, OWEN, PETRA, SUNIL = "Dalia Ferreira", "Owen Mbeki", "Petra Halloran", "Sunil Rautio"
E, B, T = "enterprise", "business", "team"

ACCOUNTS = (
    Account("acct_1001", "Acme", 40, E, 84_000, DALIA, "manufacturing", "acme.example", 74),
    Account("acct_1002", "Acme Labs", 9, T, 7_200, OWEN, "research", "acme-labs.example", 201),
    Account(
        "acct_1003", "Cobalt Ridge Freight", 92, E, 162_000, OWEN, "freight", "cobalt-ridge.example", 133
    ),
    Account("acct_1004", "Marigold Health", 74, E, 131_500, PETRA, "healthcare", "marigold.example", 41),
    Account("acct_1005", "Tanager Insurance", 58, E, 97_000, SUNIL, "insurance", "tanager.example", 289),
    Account("acct_1006", "Bluestem Energy", 46, E, 88_400, DALIA, "energy", "bluestem.example", 160),
    Account("acct_1007", "Quarry Lane Foods", 37, B, 39_900, PETRA, "food", "quarry-lane.example", 55),
    Account(
        "acct_1008",
        "Harbor & Pine Legal",
        31,
        B,
        36_300,
        SUNIL,
        "legal",
        "harbor-pine.example",
        112,
        {"handrail_opt_out": True},
    ),
    Account(
        "acct_1009",
        "Larch & Lantern Hotels",
        28,
        B,
        31_000,
        OWEN,
        "hotels",
        "larch-lantern.example",
        230,
    ),
    Account("acct_1010", "Sorrel Bank", 25, B, 34_700, DALIA, "banking", "sorrel.example", 18),
    Account("acct_1011", "Windrow Seeds", 21, B, 22_500, PETRA, "agriculture", "windrow.example", 310),
    Account("acct_1012", "Pelican Point Travel", 19, B, 19_800, SUNIL, "travel", "pelican-point.example", 97),
    Account("acct_1013", "Thistledown Media", 17, B, 18_200, OWEN, "media", "thistledown.example", 140),
    Account("acct_1014", "Ferrous Works", 15, B, 21_000, DALIA, "metals", "ferrous-works.example", 66),
    Account(
        "acct_1015",
        "Old Mill Outfitters",
        14,
        B,
        15_400,
        PETRA,
        "retail",
        "old-mill.example",
        120,
        {"churned_days_ago": 17},
    ),
    Account("acct_1016", "Kettle Cove Fisheries", 12, T, 8_100, SUNIL, "fishing", "kettle-cove.example", 260),
    Account("acct_1017", "Åkerlund & Søn", 11, T, 7_700, OWEN, "furniture", "akerlund.example", 182),
    Account("acct_1018", "Papel Norte", 9, T, 5_900, DALIA, "stationery", "papel-norte.example", 33),
    Account("acct_1019", "Brass Button Toys", 8, T, 5_100, PETRA, "toys", "brass-button.example", 151),
    Account("acct_1020", "Silt & Stone Pottery", 6, T, 3_600, SUNIL, "crafts", "silt-stone.example", 244),
    Account("acct_1021", "Heron Charter School", 6, T, 3_900, OWEN, "education", "heron-school.example", 87),
    Account(
        "acct_1022",
        "Copper Kite Games",
        5,
        T,
        3_200,
        DALIA,
        "games",
        "copper-kite.example",
        190,
        {"churned_days_ago": 24},
    ),
    Account("acct_1023", "Juniper Row Clinics", 7, T, 6_400, PETRA, "healthcare", "juniper-row.example", 275),
    Account("acct_1024", "Tin Roof Roasters", 4, T, 2_400, SUNIL, "food", "tin-roof.example", 215),
    Account(
        "acct_1000",
        "Gridlark (internal)",
        14,
        E,
        0,
        "",
        "software",
        "gridlark.example",
        365,
        {"internal": True},
    ),
)

BY_ID = {account.id: account for account in ACCOUNTS}
