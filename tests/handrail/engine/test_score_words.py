"""The definition of the score as a page."""

from handrail.engine.score_words import definition
from handrail.services.score_file import read


def test_the_page_names_every_component_figure_weight_and_band() -> None:
    settings = read()
    page = definition(settings)

    for name, rule in settings.figures.items():
        assert f"| `{name}` | {rule.words} | {rule.weight:g} |" in page
    for component, weight in settings.weights.items():
        assert f"## {component.capitalize()}" in page
        assert f"| {weight:g} | {weight / 100:.0%} |" in page
    assert "healthy from 75, to watch from 50" in page
    assert settings.version in page
    assert "no part of it" in page


def test_a_change_of_the_definition_changes_its_version_and_its_page() -> None:
    settings = read()
    changed = settings.model_copy(
        update={"weights": {**settings.weights, "depth": 0.0}, "segments": {"free": {"trend": 40.0}}}
    )

    assert changed.version != settings.version
    assert "## Depth" not in definition(changed)
    assert "segment `free` have their own weights: trend 40" in definition(changed)
