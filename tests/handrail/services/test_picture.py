"""Where somebody is stuck, as a picture: small, true to the document, and nothing rather than empty boxes."""

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from handrail.domain.features import Feature
from handrail.services import kb
from handrail.services.kb import KnowledgeBase
from handrail.services.mail.picture import Picture, picture_of
from tests.handrail.services.test_kb import DOCUMENT, write

OURS = kb.read(Path(__file__).parents[3] / "kb")
ALERTS = OURS.feature("set-up-alerts")
GREEN, BLUE = (0, 160, 60), (30, 60, 200)
REGION = (100, 200, 300, 150)


def strip(feature: Feature, step: str = "") -> Picture | None:
    return picture_of(OURS, feature, step or feature.steps[0].id)


def titled(*titles: str) -> Feature:
    """A document with steps of these titles."""
    first = ALERTS.steps[0]
    steps = [first.model_copy(update={"id": f"s{at}", "title": title}) for at, title in enumerate(titles)]
    return ALERTS.model_copy(update={"steps": tuple(steps)})


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.png)).convert("RGB")


def with_screenshot(
    folder: Path, image: Image.Image, region: tuple[int, int, int, int] = REGION
) -> KnowledgeBase:
    """A document whose step `send` has a place on this image, whose file tells of its maker."""
    about = PngInfo()
    about.add_text("Author", "Ana")
    image.save(folder / "shot.png", pnginfo=about, dpi=(144, 144))
    text = DOCUMENT.replace("summary: Mail it.", "summary: Mail it.\nscreenshot: shot.png")
    write(folder, text.replace("  - id: send\n", f"  - id: send\n    region: {list(region)}\n"))
    return kb.read(folder)


def screen(width: int = 800, height: int = 600) -> Image.Image:
    """Blue all over, and green in the region."""
    image = Image.new("RGB", (width, height), BLUE)
    x, y, w, h = REGION
    ImageDraw.Draw(image).rectangle((x, y, x + w - 1, y + h - 1), fill=GREEN)
    return image


@pytest.mark.parametrize("feature", OURS.features(), ids=lambda feature: feature.slug)
def test_every_step_of_every_document_has_a_small_picture_of_its_own(feature: Feature) -> None:
    found = [picture_of(OURS, feature, step.id) for step in feature.steps]

    assert len({each.png for each in found if each}) == len(feature.steps)
    for each in found:
        assert each is not None
        marked = "The screenshot marks the place." in each.alt
        assert len(each.png) <= (120_000 if marked else 20_000)
        assert each.width <= 552
        assert abs(each.height * opened(each).width - each.width * opened(each).height) <= opened(each).width


def test_the_words_for_the_picture_say_what_is_done_where_the_person_is_and_what_comes() -> None:
    found = [strip(ALERTS, step) for step in ("start", "threshold", "activate")]

    assert [each.alt for each in found if each] == [
        "Your way through “Set up an alert”. You are here: Start an alert. Still to come: Pick the metric; "
        "Set the threshold and look at the preview; Choose a channel and activate.",
        "Your way through “Set up an alert”. Done: Start an alert; Pick the metric. You are here: "
        "Set the threshold and look at the preview. Still to come: Choose a channel and activate.",
        "Your way through “Set up an alert”. Done: Start an alert; Pick the metric; "
        "Set the threshold and look at the preview. You are here: Choose a channel and activate.",
    ]


def test_a_strip_shows_another_title_as_another_picture_and_an_equal_one_as_equal_bytes() -> None:
    one, same, other = (
        strip(titled("Open", "Save")),
        strip(titled("Open", "Save")),
        strip(titled("Open", "Send")),
    )

    assert one
    assert same
    assert other
    assert one.png == same.png != other.png


def test_a_strip_marks_the_row_of_the_step_alone() -> None:
    """The mark's light orange fills one band, and the band goes down with the step."""
    bands = []
    for step in ALERTS.steps:
        found = strip(ALERTS, step.id)
        assert found
        image = opened(found)
        column = [image.getpixel((image.width - 60, y)) for y in range(image.height)]
        marked = [y for y, colour in enumerate(column) if _orange(colour)]
        assert marked == list(range(marked[0], marked[-1] + 1))
        bands.append((marked[0], marked[-1]))

    assert all(upper[1] < lower[1] and upper[0] < lower[0] for upper, lower in pairwise(bands))


def _orange(colour: Any) -> bool:
    red, _, blue = colour
    return bool(red - blue > 25)


@pytest.mark.parametrize(
    "title", ["データを接続", "Подключить", "ربط", "Größe wählen", "🎉 Done", "a\u200bb", " "]
)
def test_letters_that_the_font_lacks_make_no_picture(title: str) -> None:
    assert strip(titled("Open", title)) is None


def test_dashes_and_no_break_spaces_are_drawn() -> None:
    assert strip(titled("Open – then\u00a0save", "Check “it” — now…")) is not None


def test_the_longest_strip_that_is_drawn_is_small_and_a_longer_one_is_none() -> None:
    longest = strip(titled(*[f"Check the {'very ' * 30}long title number {at}" for at in range(8)]))

    assert longest
    assert len(longest.png) <= 20_000
    assert strip(titled(*[f"Step {at}" for at in range(9)])) is None


def test_one_word_that_is_too_long_stays_inside_the_picture() -> None:
    found = strip(titled("W" * 200, "Save"))

    assert found
    image = opened(found)
    edge = image.crop((image.width - 22, 0, image.width, image.height))
    assert len(edge.getcolors() or []) == 1


def test_a_step_that_the_document_does_not_have_has_no_picture() -> None:
    assert picture_of(OURS, ALERTS, "gone") is None


def test_a_screenshot_is_dark_but_for_the_region_of_the_step(tmp_path: Path) -> None:
    own = with_screenshot(tmp_path, screen())
    found = picture_of(own, own.feature("send-report"), "send")

    assert found
    assert found.alt == (
        "Your way through “Send a report”. Done: Start the report. You are here: Choose the people. "
        "The screenshot marks the place."
    )
    assert (found.width, found.height) == (552, 414)  # 800 x 600 in a column of 552
    image = opened(found)
    assert image.size == (800, 600)
    for spot in [(104, 204), (395, 204), (250, 275), (104, 345), (395, 345)]:
        assert _near(image.getpixel(spot), GREEN, 12), spot
    # 45 % of the ink #1f2933 over the blue: 0.55 * (30, 60, 200) + 0.45 * (31, 41, 51)
    for spot in [(5, 5), (795, 5), (5, 595), (795, 595), (60, 300), (600, 300), (250, 400)]:
        assert _near(image.getpixel(spot), (30, 51, 133), 12), spot
    for spot in [(97, 275), (403, 275), (250, 353)]:
        assert _near(image.getpixel(spot), (0xB2, 0x5E, 0x00), 12), spot


def _near(colour: Any, wanted: tuple[int, int, int], by: int) -> bool:
    return all(abs(one - other) <= by for one, other in zip(colour, wanted, strict=True))


def test_what_is_transparent_in_a_screenshot_is_white(tmp_path: Path) -> None:
    own = with_screenshot(tmp_path, Image.new("RGBA", (800, 600), (0, 0, 0, 0)))
    found = picture_of(own, own.feature("send-report"), "send")

    assert found
    assert _near(opened(found).getpixel((250, 275)), (255, 255, 255), 4)


def test_a_step_without_a_region_has_the_strip_though_the_document_has_a_screenshot(tmp_path: Path) -> None:
    own = with_screenshot(tmp_path, screen())
    found = picture_of(own, own.feature("send-report"), "start")

    assert found
    assert "screenshot" not in found.alt
    assert found.width == 440


@pytest.mark.parametrize("region", [(0, 0, 800, 600), (0, 0, 8, 8), (792, 592, 8, 8), (0, 300, 800, 20)])
def test_a_region_at_the_edge_is_marked_too(tmp_path: Path, region: tuple[int, int, int, int]) -> None:
    own = with_screenshot(tmp_path, screen(), region)
    found = picture_of(own, own.feature("send-report"), "send")

    assert found
    assert "The screenshot marks" in found.alt


def test_a_large_screenshot_is_made_small_enough_for_a_mail(tmp_path: Path) -> None:
    large = Image.linear_gradient("L").resize((2400, 1800)).convert("RGB")
    own = with_screenshot(tmp_path, large)
    found = picture_of(own, own.feature("send-report"), "send")

    assert found
    assert len(found.png) <= 120_000
    assert (found.width, found.height) == (552, 414)


def test_a_screenshot_that_cannot_be_made_small_is_left_out_for_the_strip(tmp_path: Path) -> None:
    own = with_screenshot(tmp_path, Image.effect_noise((700, 800), 100).convert("RGB"))
    found = picture_of(own, own.feature("send-report"), "send")

    assert found
    assert "screenshot" not in found.alt
    assert found.width == 440


def test_no_picture_holds_metadata(tmp_path: Path) -> None:
    own = with_screenshot(tmp_path, screen())

    for step in ("start", "send"):
        found = picture_of(own, own.feature("send-report"), step)
        assert found
        assert Image.open(io.BytesIO(found.png)).info == {}
