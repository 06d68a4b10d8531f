"""Churn in the terminal: from a file of days to what can be said, and weights that nobody applied."""

from pathlib import Path

import pytest

from handrail.cli.churn import tell
from handrail.context import ToolContext
from handrail.domain.churn import Separation
from handrail.settings import Settings
from tests.agent.test_kill import environment
from tests.handrail.cli.test_commands import handrail
from tests.handrail.cli.test_writing_commands import one_object
from tools.analyze_churn import ChurnAnalysis, Compared, SuggestedWeights


def test_days_of_a_file_are_taken_over_and_told_as_too_few(
    ctx: ToolContext, settings: Settings, tmp_path: Path
) -> None:
    env = environment(ctx.settings)
    (tmp_path / "left.csv").write_text("id,churned_at\nacct_1015,2026-11-18\nacct_1022,2026-09-30\n", "utf-8")

    assert handrail("accounts", "import", "left.csv", cwd=tmp_path, env=env).returncode == 0
    found = one_object("churn", "--days-before", "7", cwd=tmp_path, env=env)

    assert found["summary"].startswith("Too few to say: 1 of 2 churned accounts, 7 days before they left")
    assert "1 churned accounts have no 28 days of figures" in " ".join(found["caveats"])
    assert "of 1 churned accounts" in found["track_record"]["words"]


def test_figures_stand_in_a_table_and_suggested_weights_as_lines_for_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = Separation(
        metric="trend", verdict="separates", direction="lower", auc=0.9, low=0.8, high=0.95, effect=0.8,
        p=0.001, churned=25, kept=50,
    )  # fmt: skip

    tell(
        ChurnAnalysis(
            summary="trend (lower) separated churned from kept accounts.",
            compared=Compared(days_before=30, churned=25, kept=50),
            metrics=[one],
            suggested_weights=SuggestedWeights(
                weights={"trend": 70, "recency": 30}, auc_now=0.7, auc_suggested=0.8
            ),
        )
    )

    printed = capsys.readouterr().out
    assert "0.80 to 0.95" in printed
    assert "Nothing was changed." in printed
    assert "HANDRAIL_SCORE_FILE" in printed
    assert printed.endswith("[weights]\ntrend = 70\nrecency = 30\n")
