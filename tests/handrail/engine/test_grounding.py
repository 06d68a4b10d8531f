"""The grounding gate: what the document says may go out, and nothing else."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handrail.domain.features import ErrorHint, Feature, FeatureEvents, Step
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Draft, DraftStep
from handrail.engine.grounding import HARDEST_GRADE, MAX_STEPS, from_document, passages, problems
from handrail.services import kb

KB = Path(__file__).parents[3] / "kb"
HELP = "https://help.vendor.example/export"

FEATURE = Feature(
    slug="export",
    title="Schedule an export",
    url=HELP,
    summary="Have a table delivered.",
    events=FeatureEvents(attempt="Started", success="Done", error="Failed"),
    steps=(
        Step(
            id="open",
            event="Started",
            title="Open the page",
            url=f"{HELP}#open",
            text="Open Exports and choose New schedule.",
        ),
        Step(
            id="folder",
            event="Tested",
            title="Choose the folder",
            url=f"{HELP}#folder",
            text='Type the folder exactly as it is written, choose "Send a test file" and wait 20 seconds.',
        ),
        Step(
            id="finish",
            event="Done",
            title="Switch it on",
            url=f"{HELP}#finish",
            text="Choose Daily or Weekly, then choose Schedule.",
        ),
    ),
    errors=(
        ErrorHint(
            reason="no_folder", step="folder", text="The folder does not exist. Create it there first."
        ),
    ),
    body="# Schedule an export\n\nIt repeats itself.\n\n## Afterwards\n\nHistory lists 12 deliveries.",
)
FOLDER = DraftStep(
    step="folder",
    text='Type the folder exactly as it is written and choose "Send a test file".',
    quote="Type the folder exactly as it is written",
)
DRAFT = Draft(
    feature="export",
    tone="plain",
    subject="Quick help with your export",
    intro="The folder is where this stops.",
    steps=(FOLDER,),
)


def about(**changes: Any) -> list[str]:
    """What stands against the good draft with changes to itself."""
    return problems(DRAFT.model_copy(update=changes), FEATURE)


def telling(text: str = FOLDER.text, **changes: Any) -> list[str]:
    """What stands against the good draft with changes to its step."""
    return about(steps=(FOLDER.model_copy(update={"text": text, **changes}),))


def test_a_draft_in_the_documents_words_may_go_out() -> None:
    assert problems(DRAFT, FEATURE) == []


def test_a_draft_about_another_feature_is_refused() -> None:
    assert about(feature="alerts") == ["the draft is about another feature"]


@pytest.mark.parametrize("count", [0, MAX_STEPS + 1])
def test_a_draft_has_one_to_six_steps(count: int) -> None:
    steps = tuple(
        Step(id=f"s{number}", event="E", title="T", url=HELP, text="Open Exports.") for number in range(7)
    )
    told = tuple(
        DraftStep(step=f"s{number}", text="Open Exports.", quote="Open Exports") for number in range(count)
    )
    feature = FEATURE.model_copy(update={"steps": steps})

    assert problems(DRAFT.model_copy(update={"steps": told}), feature) == [
        f"the draft has {count} steps; 1 to 6 are allowed"
    ]


def test_a_step_may_stand_only_once() -> None:
    assert about(steps=(FOLDER, FOLDER)) == ["a step stands twice"]


def test_an_invented_step_is_refused_and_its_name_is_not_repeated() -> None:
    invented = FOLDER.model_copy(update={"step": "press-the-secret-button"})

    assert about(steps=(FOLDER, invented)) == ["a step id is not in the document"]


@pytest.mark.parametrize(
    "quote",
    [
        "The secret button unlocks everything.",
        "",
        "   ",
        "Open Exports and choose New schedule.",
        "It repeats itself.",
        "Type the folder approximately as it is written",
    ],
)
def test_a_quote_has_to_be_a_span_of_a_passage_of_its_own_step(quote: str) -> None:
    assert telling(quote=quote) == ["step folder: the quoted span is not in its passage"]


@pytest.mark.parametrize(
    "quote", ["The folder does not exist.", "create it there FIRST", "Type  the\nfolder exactly"]
)
def test_a_quote_may_come_from_an_error_at_its_step_in_any_case_and_spacing(quote: str) -> None:
    assert telling(quote=quote) == []


@pytest.mark.parametrize(
    "link",
    ["https://help.vendor.example/export", "http:evil", "www.evil", "ann@vendor", "HTTPS://EVIL"],
)
def test_a_link_or_an_address_is_refused_wherever_it_stands(link: str) -> None:
    says = "holds a link, an address or markup"

    assert f"step folder: {says}" in telling(f"{FOLDER.text} {link}")
    assert f"intro: {says}" in about(intro=f"{DRAFT.intro} {link}")
    assert f"subject: {says}" in about(subject=f"Quick help {link}")


@pytest.mark.parametrize("markup", ["<b>now</b>", "a > b", "{{name}}", "{name}", "<%name%>", "[here](there)"])
def test_markup_and_placeholders_are_refused(markup: str) -> None:
    assert "step folder: holds a link, an address or markup" in telling(f"{FOLDER.text} {markup}")


@pytest.mark.parametrize(
    "site", ["evil.example", "evil.de/unlock", "bit.ly/3xYz", "sub.evil.co.uk", "Evil.IO"]
)
def test_a_site_that_the_document_does_not_name_is_refused(site: str) -> None:
    assert "step folder: names a site that is not in the document" in telling(f"{FOLDER.text} {site}")


@pytest.mark.parametrize("number", ["42", "2", "200", "20.5", "1,000", "٤٢"])
def test_a_number_that_the_document_does_not_hold_is_refused(number: str) -> None:
    assert telling(f"{FOLDER.text} Wait {number} seconds.") == [
        "step folder: holds a number that is not in the document"
    ]


@pytest.mark.parametrize("words", ["Wait 20 seconds.", "Wait 20.", "History lists 12 deliveries."])
def test_a_number_of_the_document_may_be_said(words: str) -> None:
    assert telling(f"{FOLDER.text} {words}") == []


@pytest.mark.parametrize("words", ["Wait 12 seconds.", "Wait 20 deliveries.", "Wait twenty seconds."])
def test_a_number_of_the_document_with_another_word_behind_it_is_refused(words: str) -> None:
    assert telling(f"{FOLDER.text} {words}") == ["step folder: holds a number that is not in the document"]


def test_a_number_or_a_label_of_another_step_is_refused() -> None:
    opening = DraftStep(
        step="open", text="Open Exports and wait 20 seconds.", quote="Open Exports and choose"
    )
    daily = opening.model_copy(update={"text": 'Open Exports and choose "Daily".'})

    assert about(steps=(opening,)) == ["step open: holds a number that is not in the document"]
    assert "step open: names a label that is not in the document" in about(steps=(daily,))


@pytest.mark.parametrize("label", ['"Send everything"', "“Reset folder”", "«Purge»"])
def test_a_label_that_the_document_does_not_know_is_refused(label: str) -> None:
    assert "step folder: names a label that is not in the document" in telling(f"{FOLDER.text} {label}")


@pytest.mark.parametrize("label", ['"deliveries"', "“Send a test file”", "«send a test file»"])
def test_a_label_of_the_document_may_be_named_in_any_quotation_marks(label: str) -> None:
    assert telling(f"{FOLDER.text} Choose {label}.") == []


HIDDEN = ["\x00", "\x1b", "\x7f", "\u202e", "\u200b", "\u2066", "\ufeff", "\U000e0041", "\u00ad", "\x85"]


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_control_bidi_zero_width_and_tag_characters_are_refused(hidden: str) -> None:
    says = "holds control or hidden characters"

    assert telling(f"{FOLDER.text}{hidden}") == [f"step folder: {says}"]
    assert about(intro=f"{DRAFT.intro}{hidden}") == [f"intro: {says}"]
    assert about(subject=f"{DRAFT.subject}{hidden}") == [f"subject: {says}"]


@pytest.mark.parametrize(("part", "limit"), [("subject", 78), ("intro", 400)])
def test_subject_and_introduction_are_neither_empty_nor_too_long(part: str, limit: int) -> None:
    refusal = [f"{part}: empty or longer than {limit} characters"]

    assert about(**{part: ("open it. " * limit)[:limit]}) == []
    assert about(**{part: ("open it. " * limit)[: limit + 1]}) == refusal
    assert about(**{part: ""}) == refusal
    assert about(**{part: " \n"}) == refusal


def test_a_step_is_neither_empty_nor_longer_than_six_hundred_characters() -> None:
    words = "Choose the folder.\n" * 34

    assert telling(words[:600]) == []
    assert telling(words[:601]) == ["step folder: empty or longer than 600 characters"]
    assert telling("") == ["step folder: empty or longer than 600 characters"]


INVENTED = "says what the document does not say"


@pytest.mark.parametrize(
    ("words", "invented"),
    [
        ("The folder, dear people, is written in the export table.", True),  # four of six, two in a row
        ("Type the folder, dear, exactly.", False),  # one of two
        ("Typing the folders, dear.", False),  # the same words with other endings
        ("Dear, the folder vanishes.", True),  # one of three
        ("Remove it.", True),  # the only one that counts
        ("It usually works in the end.", False),  # common words alone
        ("The folder is there. Reply to this mail.", True),
        ("The folder is there\nreply to this mail", True),
    ],
)
def test_half_of_a_sentences_own_words_stand_in_the_document_and_no_two_in_a_row_are_new(
    words: str, invented: bool
) -> None:
    """Words of up to three letters and common ones do not count. By hand."""
    assert (f"step folder: {INVENTED}" in telling(words)) == invented
    assert (f"intro: {INVENTED}" in about(intro=words)) == invented
    assert (f"subject: {INVENTED}" in about(subject=words)) == invented


SIGN = "holds a sign that is not in the document"


@pytest.mark.parametrize(
    "sign",
    [
        "*",
        "_",
        "#",
        "`",
        "|",
        "~",
        "[",
        "\\",
        "$",
        "%",
        "&",
        "=",
        "①",
        "✓",
        "。",
        "：",
        "⁄",
        "\u0336",
        "\u3000",
    ],
    ids=ascii,
)
def test_a_sign_that_the_document_does_not_hold_is_refused(sign: str) -> None:
    with_sign = FEATURE.model_copy(update={"summary": f"Have a table {sign} delivered."})
    step = FOLDER.model_copy(update={"text": f"{FOLDER.text} {sign}"})

    assert SIGN in " ".join(telling(f"{FOLDER.text} {sign}"))
    assert problems(DRAFT.model_copy(update={"steps": (step,)}), with_sign) == []


@pytest.mark.parametrize(
    "word", ["fоlder", "ｆｏｌｄｅｒ", "𝐟𝐨𝐥𝐝𝐞𝐫", "ⓕⓞⓛⓓⓔⓡ", "ƒolder", "папка", "फ़ोल्डर"], ids=ascii
)
def test_letters_of_a_script_that_the_document_is_not_written_in_are_refused(word: str) -> None:
    assert f"step folder: {SIGN}" in telling(f"{FOLDER.text} Type it: {word}.")


def test_letters_of_the_documents_own_scripts_may_be_used_and_not_mixed_in_a_word() -> None:
    russian = FEATURE.model_copy(update={"summary": "Таблица приходит сама: naïve."})

    def signs(words: str) -> list[str]:
        step = FOLDER.model_copy(update={"text": f"{FOLDER.text} {words}"})
        return [
            each for each in problems(DRAFT.model_copy(update={"steps": (step,)}), russian) if SIGN in each
        ]

    assert signs("таблицы, é") == []
    assert signs("fоlder") == [f"step folder: {SIGN}"]


@pytest.mark.parametrize(
    "site", ["evil.рф", "еvil.ехаmple", "evil。example", "//evil.example", "evil.example."]
)
def test_a_site_in_any_alphabet_is_refused(site: str) -> None:
    assert "step folder: names a site that is not in the document" in telling(f"{FOLDER.text} {site}")


@pytest.mark.parametrize(
    "hidden", ["\ufe0f", "\U000e0100", "\u034f", "\u3164", "\u115f", "\u2028", "\u200d"], ids=ascii
)
def test_marks_and_letters_that_nothing_is_drawn_for_are_refused(hidden: str) -> None:
    says = "step folder: holds control or hidden characters"

    assert says in telling(f"{FOLDER.text[:-1]}{hidden}.")
    assert telling(quote=f"{FOLDER.quote[:-1]}{hidden}{FOLDER.quote[-1]}") == [
        "step folder: the quoted span is not in its passage"
    ]


def test_a_subject_is_one_line_and_a_quote_is_no_longer_than_its_passage() -> None:
    assert about(subject="Quick help\nwith it") == ["subject: holds a line break"]
    assert telling(quote=FOLDER.quote.replace(" ", " " * 100)) == [
        "step folder: the quoted span is not in its passage"
    ]


def test_everything_that_is_wrong_is_said() -> None:
    found = problems(
        Draft(
            feature="alerts",
            tone="plain",
            subject="Win $1000",
            intro="See https://evil.example",
            steps=(DraftStep(step="hotline", text="Call us.", quote="Call us."),),
        ),
        FEATURE,
    )

    assert found == [
        "the draft is about another feature",
        "subject: holds a number that is not in the document",
        "subject: holds a sign that is not in the document",
        "subject: names a term that is not in the document",
        "intro: holds a link, an address or markup",
        "intro: names a site that is not in the document",
        "intro: says what the document does not say",
        "a step id is not in the document",
    ]


@given(st.text(max_size=60))
def test_no_refusal_repeats_what_the_model_wrote(written: str) -> None:
    marked = f"zqx{written}zqx"
    draft = Draft(
        feature=marked,
        tone="plain",
        subject=marked,
        intro=marked,
        steps=(
            DraftStep(step=marked, text=marked, quote=marked),
            DraftStep(step="folder", text=marked, quote=marked),
        ),
    )

    assert "zqx" not in " ".join(problems(draft, FEATURE))


def test_the_passages_are_the_steps_the_errors_and_the_sections_of_the_text() -> None:
    assert [(each.id, each.kind, each.step, each.title) for each in passages(FEATURE)] == [
        ("export#open", "step", "open", "Open the page"),
        ("export#folder", "step", "folder", "Choose the folder"),
        ("export#finish", "step", "finish", "Switch it on"),
        ("export#error:no_folder", "error", "folder", "no_folder"),
        ("export#section:schedule-an-export", "section", "", "Schedule an export"),
        ("export#section:afterwards", "section", "", "Afterwards"),
    ]
    assert passages(FEATURE)[-1].text == "History lists 12 deliveries."


def own_words(stuck_step: str, reason: str) -> Draft:
    signature = Signature(feature="export", stuck_step=stuck_step, reason=reason, band="never")
    return from_document(signature, FEATURE)


def test_the_documents_own_words_begin_at_the_stuck_step_with_the_advice_on_the_error() -> None:
    draft = own_words("folder", "no_folder")

    assert [step.step for step in draft.steps] == ["folder", "finish"]
    assert draft.steps[0].text == "The folder does not exist. Create it there first."
    assert draft.steps[1].text == "Choose Daily or Weekly, then choose Schedule."
    assert draft.subject == "Quick help with schedule an export"
    assert "“Choose the folder”" in draft.intro


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("A first dashboard", "a first dashboard"),
        ("API keys", "API keys"),
        ("A/B tests", "A/B tests"),
        ("QuickBooks import", "QuickBooks import"),
    ],
)
def test_a_title_inside_a_subject_keeps_the_capitals_that_do_not_begin_a_sentence(
    title: str, told: str
) -> None:
    signature = Signature(feature="export", stuck_step="folder", reason="", band="never")

    draft = from_document(signature, FEATURE.model_copy(update={"title": title}))

    assert draft.subject == f"Quick help with {told}"


@pytest.mark.parametrize(
    ("stuck_step", "reason"), [("folder", "other"), ("folder", ""), ("open", "no_folder")]
)
def test_without_advice_at_the_stuck_step_the_step_itself_is_told(stuck_step: str, reason: str) -> None:
    step = FEATURE.step(stuck_step)

    assert step is not None
    assert own_words(stuck_step, reason).steps[0].text == step.text


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("Open [the page](https://evil.example/a). Choose Save.", "Open the page. Choose Save."),
        ("![A picture](x.png) Choose Save.", "Choose Save."),
        ("Go to https://evil.example/a, then wait. Choose Save.", "Choose Save."),
        (f"Go to {HELP}#open, then wait. Choose Save.", f"Go to {HELP}#open, then wait. Choose Save."),
        (f"Go to {HELP}.evil.example/, then wait. Choose Save.", "Choose Save."),
        ("Write to ann@evil.example. Choose Save.", "Choose Save."),
        ("Choose www.evil.example. Choose Save.", "Choose Save."),
        ("Choose mailto:ann. Choose Save.", "Choose Save."),
        ("h\u200bttps://evil.example is it. Choose\u202e Save.", "Choose Save."),
        ("Open https://evil.example", "Open the page"),
    ],
)
def test_the_documents_own_words_lead_only_where_its_front_matter_does(written: str, told: str) -> None:
    """A sentence with another link is left out; where nothing is left the step's title is told."""
    steps = (FEATURE.steps[0].model_copy(update={"text": written}), *FEATURE.steps[1:])
    feature = FEATURE.model_copy(update={"steps": steps})
    signature = Signature(feature="export", stuck_step="open", reason="", band="never")

    assert from_document(signature, feature).steps[0].text == told


def signatures(feature: Feature) -> list[Signature]:
    reasons = ["", "other", *(hint.reason for hint in feature.errors)]
    return [
        Signature(feature=feature.slug, stuck_step=step.id, reason=reason, band=band)
        for step, reason, band in product(feature.steps, reasons, ["never", "sometimes"])
    ]


def refused_own_words(folder: Path) -> tuple[int, list[tuple[str, list[str]]]]:
    """How many signatures there are, and those for which the document's own words would not go out."""
    asked = [(one, feature) for feature in kb.read(folder).features() for one in signatures(feature)]
    found = [(one.key, problems(from_document(one, feature), feature)) for one, feature in asked]
    return len(asked), [(key, wrong) for key, wrong in found if wrong]


def test_the_documents_own_words_pass_for_every_signature_of_every_document() -> None:
    asked, refused = refused_own_words(KB)

    assert refused == []
    assert asked == 2 * 4 * (6 + 5 + 6 + 5)


@pytest.mark.parametrize(
    "link", ["ftp://files.example/x", "mailto:bob", "tel:12", "javascript:alert", "data:text"]
)
def test_no_scheme_of_any_kind_passes(link: str) -> None:
    assert telling(f"{FOLDER.text} {link}")


@pytest.mark.parametrize("marks", ["‘{}’", "„{}“", "«{}»", "'{}'", "“{}”", '"{}"'])
def test_a_label_in_any_quotation_marks_has_to_stand_in_the_document(marks: str) -> None:
    invented = telling(f"Type the folder exactly as it is written and choose {marks.format('Delete all')}.")
    known = telling(
        f"Type the folder exactly as it is written and choose {marks.format('Send a test file')}."
    )

    assert any("label" in each for each in invented)
    assert known == []


def test_a_quote_of_a_letter_rests_on_nothing() -> None:
    assert telling(quote="T")


def test_what_only_an_error_of_another_step_says_is_refused() -> None:
    hint = ErrorHint(reason="full", step="folder", text="Open Storage and delete 3 files.")
    feature = FEATURE.model_copy(update={"errors": (*FEATURE.errors, hint)})
    here = FOLDER.model_copy(update={"text": f"{FOLDER.text} Open Storage and delete 3 files."})
    there = DraftStep(step="open", text="Open Exports and Storage.", quote="Open Exports and choose")

    assert problems(DRAFT.model_copy(update={"steps": (here,)}), feature) == []
    assert problems(DRAFT.model_copy(update={"steps": (there,)}), feature) == [
        "step open: names a term that is not in the document"
    ]


def test_the_steps_stand_in_the_documents_order() -> None:
    opening = DraftStep(step="open", text="Open Exports.", quote="Open Exports and choose")

    assert about(steps=(opening, FOLDER)) == []
    assert about(steps=(FOLDER, opening)) == ["the steps are not in the document's order"]


def test_a_draft_begins_where_people_are_stuck() -> None:
    assert problems(DRAFT, FEATURE, stuck_step="folder") == []
    assert problems(DRAFT, FEATURE, stuck_step="open") == ["the draft does not begin where people are stuck"]


@pytest.mark.parametrize(
    "words",
    [
        "Open Salesforce and choose the folder.",
        "Type it in Google Drive.",
        "Salesforce has to be open.",
        "Choose the folder in DropBox.",
        "Choose Weekly.",
        "Ask the ADMIN first.",
    ],
)
def test_a_capitalised_term_that_the_passages_of_the_step_do_not_know_is_refused(words: str) -> None:
    assert "step folder: names a term that is not in the document" in telling(f"{FOLDER.text} {words}")


@pytest.mark.parametrize(
    "words",
    [
        "Open Exports and choose New folder.",
        "Open Exports and choose New exports.",
        "Open Exports; New Export.",
    ],
)
def test_a_label_that_goes_on_otherwise_than_in_the_document_is_refused(words: str) -> None:
    step = DraftStep(step="open", text=words, quote="Open Exports and choose")

    assert "step open: names a term that is not in the document" in about(steps=(step,))


@pytest.mark.parametrize(
    "words",
    ["If you see it, open History.", "Then type it again.", "Now History lists it.", "The folder is there."],
)
def test_small_words_may_begin_a_sentence_and_terms_of_the_document_may_be_said(words: str) -> None:
    assert telling(f"{FOLDER.text} {words}") == []


NAMES = ("Acme", "Harbor & Pine Legal", "target", "Now", "Schedule", "acct_1001", "")


@pytest.mark.parametrize("said", ["Acme", "harbor & pine legal", "Harbor Pine Legal", "acct_1001", "Acme's"])
def test_the_name_of_an_account_is_refused_wherever_it_stands(said: str) -> None:
    def about_names(**changes: Any) -> list[str]:
        return problems(DRAFT.model_copy(update=changes), FEATURE, names=NAMES)

    assert "intro: names an account" in about_names(intro=f"{DRAFT.intro} For {said} too.")
    assert "subject: names an account" in about_names(subject=f"{DRAFT.subject} for {said}")
    step = FOLDER.model_copy(update={"text": f"{FOLDER.text} So does {said}."})
    assert "step folder: names an account" in about_names(steps=(step,))


def test_a_word_of_the_document_or_of_the_language_names_no_account() -> None:
    step = FOLDER.model_copy(update={"text": f"{FOLDER.text} Now it is on target. Schedule an export."})

    assert not [
        wrong
        for wrong in problems(
            DRAFT.model_copy(update={"steps": (step,)}), FEATURE, names=[*NAMES[3:], "Target"]
        )
        if "account" in wrong
    ]


def test_a_text_harder_than_tenth_grade_and_than_the_document_is_refused() -> None:
    """By hand: 9 words of 56 letters, 1 sentence: 4.71 × 56 / 9 + 0.5 × 9 − 21.43 = 12.4."""
    hard = "Deliveries repeat, so export folders exactly as afterwards written"
    easy = "Type the folder as it is. Then wait."

    assert HARDEST_GRADE == 10
    assert telling(easy) == []
    assert "the draft is harder to read than the document" in about(
        intro=hard, steps=(FOLDER.model_copy(update={"text": hard}),)
    )
    harder = FEATURE.model_copy(update={"body": f"# More\n\n{hard} {hard}"})
    assert "the draft is harder to read than the document" not in problems(
        DRAFT.model_copy(update={"intro": hard}), harder
    )


DOCUMENTS = kb.read(KB).features()
SAID = [(from_document(one, feature), feature) for feature in DOCUMENTS for one in signatures(feature)]


def without(feature: Feature, word: str) -> bool:
    return word.casefold() not in feature.model_dump_json().casefold()


WITH_DIGITS = [(draft, of) for draft, of in SAID if any(re.search(r"\d", each.text) for each in draft.steps)]


@settings(deadline=None)
@given(st.sampled_from(WITH_DIGITS), st.data())
def test_a_draft_with_a_changed_digit_never_passes(said: tuple[Draft, Feature], data: st.DataObject) -> None:
    draft, feature = said
    places = [
        (number, match.start())
        for number, step in enumerate(draft.steps)
        for match in re.finditer(r"\d", step.text)
    ]
    number, at = data.draw(st.sampled_from(places))
    text = draft.steps[number].text
    changed = f"{text[:at]}{(int(text[at]) + data.draw(st.integers(1, 9))) % 10}{text[at + 1 :]}"
    steps = [
        each.model_copy(update={"text": changed}) if n == number else each
        for n, each in enumerate(draft.steps)
    ]

    assert problems(draft.model_copy(update={"steps": tuple(steps)}), feature) != []


@settings(deadline=None)
@given(st.sampled_from(SAID), st.data(), st.from_regex(r"[A-Z][a-z]{4,9}", fullmatch=True))
def test_a_draft_with_a_changed_label_never_passes(
    said: tuple[Draft, Feature], data: st.DataObject, other: str
) -> None:
    draft, feature = said
    assume(without(feature, other))
    places = [
        (number, match)
        for number, step in enumerate(draft.steps)
        for match in re.finditer(r"(?<=[a-z,] )[A-Z][a-z]+", step.text)
    ]
    assume(places)
    number, match = data.draw(st.sampled_from(places))
    text = draft.steps[number].text
    changed = text[: match.start()] + other + text[match.end() :]
    steps = [
        each.model_copy(update={"text": changed}) if n == number else each
        for n, each in enumerate(draft.steps)
    ]

    assert problems(draft.model_copy(update={"steps": tuple(steps)}), feature) != []


@settings(deadline=None)
@given(st.sampled_from(SAID), st.data(), st.from_regex(r"[a-z][a-z-]{1,20}", fullmatch=True))
def test_a_draft_with_an_invented_step_never_passes(
    said: tuple[Draft, Feature], data: st.DataObject, step_id: str
) -> None:
    draft, feature = said
    assume(feature.step(step_id) is None)
    at = data.draw(st.integers(0, len(draft.steps)))
    invented = draft.steps[0].model_copy(update={"step": step_id})
    steps = (*draft.steps[:at], invented, *draft.steps[at:])

    assert problems(draft.model_copy(update={"steps": steps}), feature) != []


@settings(deadline=None)
@given(st.sampled_from(SAID), st.data(), st.sampled_from(HIDDEN))
def test_a_draft_with_a_hidden_character_never_passes(
    said: tuple[Draft, Feature], data: st.DataObject, hidden: str
) -> None:
    draft, feature = said
    at = data.draw(st.integers(0, len(draft.intro)))

    assert problems(draft.model_copy(update={"intro": draft.intro[:at] + hidden + draft.intro[at:]}), feature)
