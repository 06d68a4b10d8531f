"""The knowledge base: documents read with every fault named, and searched by words."""

from pathlib import Path

import pytest
from PIL import Image

from handrail.domain.features import Struggling
from handrail.errors import CallerError, ConfigError
from handrail.services import kb

OURS = Path(__file__).parents[3] / "kb"
DOCUMENT = """---
slug: send-report
title: Send a report
url: https://help.vendor.example/report
summary: Mail it.
events:
  attempt: Report Started
  success: Report Sent
  error: Report Failed
steps:
  - id: start
    event: Report Started
    title: Start the report
    url: https://help.vendor.example/report#start
    text: Open Reports and choose New.
  - id: send
    event: Report Sent
    title: Choose the people
    url: https://help.vendor.example/report#send
    text: Pick colleagues and choose Send.
errors:
  - reason: no_people
    step: send
    text: Nobody is chosen. Pick at least one colleague.
---
# Send a report

Reports leave at once.

## Afterwards

Look at the archive for every report that was sent.
"""


def write(folder: Path, text: str = DOCUMENT, name: str = "send-report.md") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_document_is_its_front_matter_and_its_text(tmp_path: Path) -> None:
    write(tmp_path)

    [feature] = kb.read(tmp_path).features()

    assert (feature.slug, feature.title, feature.summary) == ("send-report", "Send a report", "Mail it.")
    assert [(step.id, step.event) for step in feature.steps] == [
        ("start", "Report Started"),
        ("send", "Report Sent"),
    ]
    assert feature.event_names() == ("Report Started", "Report Sent", "Report Failed")
    assert feature.struggle == Struggling(more_than_attempts=3, completion_below=0.3, days=7)
    assert feature.body.startswith("# Send a report\n\nReports leave at once.")
    assert feature.body.endswith("every report that was sent.")


def test_a_document_may_set_when_its_use_is_a_struggle(tmp_path: Path) -> None:
    write(tmp_path, DOCUMENT.replace("steps:\n", "struggle:\n  more_than_attempts: 5\nsteps:\n", 1))

    [feature] = kb.read(tmp_path).features()

    assert feature.struggle == Struggling(more_than_attempts=5, completion_below=0.3, days=7)


def test_the_version_changes_with_every_letter_of_the_document(tmp_path: Path) -> None:
    write(tmp_path)
    before = kb.read(tmp_path).feature("send-report").version
    again = kb.read(tmp_path).feature("send-report").version
    write(tmp_path, DOCUMENT.replace("leave at once", "leave at noon"))

    assert before == again
    assert kb.read(tmp_path).feature("send-report").version not in {before, ""}


def test_our_own_documents_can_be_read() -> None:
    assert [feature.slug for feature in kb.read(OURS).features()] == [
        "build-dashboard",
        "connect-data-source",
        "schedule-export",
        "set-up-alerts",
    ]


def test_a_readme_among_the_documents_is_none_of_them(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "# How to write documents", "README.md")

    assert len(kb.read(tmp_path).features()) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# Only text", "no front matter"),
        ("---\nslug: send-report\n", "no front matter"),
        ("", "no front matter"),
        ("---\n- a\n- b\n---\n", "no mapping"),
        ("---\njust words\n---\n", "no mapping"),
        ("---\n---\n", "no front matter"),
        (DOCUMENT.replace("title: Send a report\n", ""), "title: Field required"),
        (DOCUMENT.replace("summary: Mail it.", "summary: Mail it.\nowner: Ana"), "owner: Extra inputs"),
        (DOCUMENT.replace("    event: Report Sent\n", ""), "steps.1.event: Field required"),
        (DOCUMENT.replace("  success: Report Sent\n", ""), "events.success: Field required"),
        (DOCUMENT.replace("slug: send-report", "slug: report"), "'report' must be the file's name"),
        (DOCUMENT.replace("slug:", "struggle:\n  days: 31\nslug:"), "struggle.days"),
    ],
)
def test_a_document_with_a_fault_is_named_with_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        kb.read(tmp_path)

    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_front_matter_that_is_not_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, DOCUMENT.replace("title: Send a report", "title: Send: a: report"))

    with pytest.raises(ConfigError) as caught:
        kb.read(tmp_path)

    assert str(caught.value) == f"{path}, line 3: the front matter is not YAML."


def test_a_document_without_steps_is_refused(tmp_path: Path) -> None:
    head, _, rest = DOCUMENT.partition("steps:\n")
    write(tmp_path, head + "steps: []\nerrors:" + rest.partition("errors:")[2])

    with pytest.raises(ConfigError, match="steps: Tuple should have at least 1 item"):
        kb.read(tmp_path)


def test_a_folder_without_documents_is_named_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HANDRAIL_KB_DIR"):
        kb.read(tmp_path / "missing")


def test_front_matter_makes_no_objects_of_python(tmp_path: Path) -> None:
    write(tmp_path, DOCUMENT.replace("Mail it.", "!!python/object/apply:os.getcwd []"))

    with pytest.raises(ConfigError, match="not YAML"):
        kb.read(tmp_path)


def test_an_unknown_feature_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CallerError) as caught:
        kb.read(OURS).feature("make-coffee")

    assert str(caught.value) == (
        "There is no feature document 'make-coffee'. "
        "Known: build-dashboard, connect-data-source, schedule-export, set-up-alerts."
    )


def test_without_a_query_all_passages_of_the_feature_come_in_the_documents_order(tmp_path: Path) -> None:
    write(tmp_path)

    found = kb.read(tmp_path).search("", feature="send-report")

    assert [passage.id for passage in found] == [
        "send-report#start",
        "send-report#send",
        "send-report#error:no_people",
        "send-report#section:send-a-report",
        "send-report#section:afterwards",
    ]


def test_passages_with_more_of_the_words_come_first_and_titles_count_thrice(tmp_path: Path) -> None:
    write(tmp_path)

    found = kb.read(tmp_path).search("pick colleague, people!", feature="send-report")

    # "send" has people in its title and pick in its text: 4. The error has people in its id (no_people): 3,
    # pick and colleague in its text: 5.
    assert [passage.id for passage in found] == ["send-report#error:no_people", "send-report#send"]


def test_one_word_in_a_title_outweighs_two_in_a_text(tmp_path: Path) -> None:
    write(tmp_path)

    found = kb.read(tmp_path).search("start, pick, colleague", feature="send-report")

    assert [passage.id for passage in found] == [
        "send-report#start",
        "send-report#error:no_people",
        "send-report#send",
    ]


def test_a_search_over_everything_finds_the_document_that_is_meant() -> None:
    found = kb.read(OURS).search("my database does not let Gridlark's addresses in", limit=3)

    assert found[0].id == "connect-data-source#error:ip_not_allowed"
    assert len(found) == 3


@pytest.mark.parametrize("query", ["zzyzx", "quantum entanglement"])
def test_a_search_without_hits_finds_nothing(query: str) -> None:
    assert kb.read(OURS).search(query) == []


def test_a_search_in_an_unknown_feature_says_which_there_are() -> None:
    with pytest.raises(CallerError, match="Known: build-dashboard"):
        kb.read(OURS).search("report", feature="make-coffee")


def test_an_error_at_a_step_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, DOCUMENT.replace("step: send", "step: sent"))

    with pytest.raises(ConfigError, match="'sent'") as refused:
        kb.read(tmp_path)
    assert str(path) in str(refused.value)


def test_a_document_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "send-report.md"
    path.write_bytes(DOCUMENT.replace("Mail it.", "Größe").encode("latin-1"))

    with pytest.raises(ConfigError, match="UTF-8"):
        kb.read(tmp_path)


# Screenshots

SHOT = DOCUMENT.replace("summary: Mail it.", "summary: Mail it.\nscreenshot: images/shot.png").replace(
    "  - id: send\n", "  - id: send\n    region: [10, 20, 100, 50]\n"
)


def shot(folder: Path, size: tuple[int, int] = (640, 480), colour: str = "navy", kind: str = "PNG") -> Path:
    (folder / "images").mkdir(exist_ok=True)
    path = folder / "images" / "shot.png"
    Image.new("RGB", size, colour).save(path, kind)
    return path


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_document_may_name_a_screenshot_and_where_its_steps_are_on_it(tmp_path: Path, kind: str) -> None:
    file = shot(tmp_path, kind=kind).read_bytes()
    write(tmp_path, SHOT)

    known = kb.read(tmp_path)

    feature = known.feature("send-report")
    assert [step.region for step in feature.steps] == [None, (10, 20, 100, 50)]
    assert known.screenshot(feature, "send") == file
    assert known.screenshot(feature, "start") is None
    assert known.screenshot(feature, "gone") is None


def test_a_step_may_have_a_screenshot_of_its_own(tmp_path: Path) -> None:
    common = shot(tmp_path).read_bytes()
    Image.new("RGB", (400, 300), "teal").save(tmp_path / "own.png")
    own = "  - id: start\n    screenshot: own.png\n    region: [0, 0, 400, 300]\n"
    write(tmp_path, SHOT.replace("  - id: start\n", own))

    known = kb.read(tmp_path)

    feature = known.feature("send-report")
    assert known.screenshot(feature, "start") == (tmp_path / "own.png").read_bytes() != common
    assert known.screenshot(feature, "send") == common


def test_another_screenshot_is_another_version_of_the_document(tmp_path: Path) -> None:
    write(tmp_path, SHOT)
    shot(tmp_path)
    before = kb.read(tmp_path).feature("send-report").version
    again = kb.read(tmp_path).feature("send-report").version
    shot(tmp_path, colour="teal")

    assert before == again != kb.read(tmp_path).feature("send-report").version


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SHOT.replace("images/shot.png", "../shot.png"), "lies outside the folder"),
        (SHOT.replace("images/shot.png", "/etc/passwd"), "lies outside the folder"),
        (SHOT.replace("images/shot.png", "images/link.png"), "lies outside the folder"),
        (SHOT.replace("images/shot.png", "images/other.png"), "does not exist"),
        (SHOT.replace("images/shot.png", "images"), "does not exist, or may not be read"),
        (SHOT.replace("images/shot.png", '"a\\0b"'), "does not exist"),
        (SHOT.replace("images/shot.png", "send-report.md"), "no PNG or JPEG"),
        (SHOT.replace("images/shot.png", "images/cut.png"), "no PNG or JPEG, or a broken one"),
        (SHOT.replace("images/shot.png", "images/large.png"), "larger than 2 MB"),
        (SHOT.replace("images/shot.png", "images/narrow.png"), "is 200 x 200 pixels"),
        (SHOT.replace("images/shot.png", "images/tall.png"), "is 400 x 700 pixels"),
        (SHOT.replace("[10, 20, 100, 50]", "[10, 20, 100]"), "steps.1.region"),
        (SHOT.replace("[10, 20, 100, 50]", "[10, 20, a, 50]"), "steps.1.region"),
        (SHOT.replace("[10, 20, 100, 50]", "[600, 20, 100, 50]"), "'send' does not lie on"),
        (SHOT.replace("[10, 20, 100, 50]", "[10, 450, 100, 50]"), "which is 640 x 480 pixels"),
        (SHOT.replace("[10, 20, 100, 50]", "[-1, 20, 100, 50]"), "does not lie on"),
        (SHOT.replace("[10, 20, 100, 50]", "[10, 20, 7, 50]"), "at least 8 wide and high"),
        (SHOT.replace("screenshot: images/shot.png\n", ""), "'send' has a region, but no screenshot"),
        (SHOT.replace("    region: [10, 20, 100, 50]\n", ""), "no step has a region on it"),
        (
            SHOT.replace("  - id: start\n", "  - id: start\n    screenshot: images/shot.png\n"),
            "'start' has a",
        ),
    ],
)
def test_a_fault_of_a_screenshot_is_named_with_the_document(tmp_path: Path, text: str, says: str) -> None:
    folder = tmp_path / "kb"
    folder.mkdir()
    file = shot(folder).read_bytes()
    shot(tmp_path)
    images = folder / "images"
    (images / "link.png").symlink_to(tmp_path / "images" / "shot.png")
    (images / "cut.png").write_bytes(file[: len(file) // 2])
    (images / "large.png").write_bytes(file + b"0" * 2_000_000)
    Image.new("RGB", (200, 200)).save(images / "narrow.png")
    Image.new("RGB", (400, 700)).save(images / "tall.png")
    path = write(folder, text)

    with pytest.raises(ConfigError) as caught:
        kb.read(folder)

    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """81 million pixels in a file of some hundred kilobytes."""
    write(tmp_path, SHOT)
    shot(tmp_path, size=(9_000, 9_000))

    with pytest.raises(ConfigError, match="9000 x 9000 pixels"):
        kb.read(tmp_path)
