"""What the documents lack: one gap a signature, the most people first."""

from handrail.domain.features import ErrorHint, Feature, FeatureEvents, Step
from handrail.domain.struggles import Signature, Stuck
from handrail.engine.gaps import gaps

HELP = "https://help.vendor.example/export"


def feature(slug: str, *errors: ErrorHint) -> Feature:
    step = Step(id="folder", event="Chosen", title="Choose", url=HELP, text="Choose the folder.")
    events = FeatureEvents(attempt="Started", success="Done")
    return Feature(
        slug=slug, title="Export", url=HELP, summary="Send it.", events=events, steps=(step,), errors=errors
    )


FEATURES = {
    "export": feature("export", ErrorHint(reason="no_folder", step="folder", text="Create it.")),
    "alerts": feature("alerts"),
}


def stuck(key: str, people: int) -> Stuck:
    return Stuck(signature=key, feature=key.split("/", maxsplit=1)[0], people=people, attempts=4)


def test_a_signature_comes_back_from_its_key() -> None:
    for reason in ("", "no_folder", "the folder is full", "a/b"):
        one = Signature(feature="export", stuck_step="folder", reason=reason, band="never")
        assert Signature.of(one.key) == one


def test_what_the_document_explains_is_no_gap() -> None:
    known = [stuck("export/folder/no_folder/never", 9), stuck("export/folder/no-error/sometimes", 9)]

    assert gaps(known, FEATURES, {}) == []


def test_every_kind_of_gap_is_said_and_the_most_people_come_first() -> None:
    found = gaps(
        [
            stuck("export/folder/no-error/never", 1),
            stuck("gone/start/no-error/never", 2),
            stuck("export/moved/no_folder/never", 3),
            stuck("alerts/folder/no_folder/never", 4),
            stuck("export/folder/reason_7/never", 5),
        ],
        FEATURES,
        {"export/folder/no-error/never": ["step folder: names an account"]},
    )

    assert [(each.kind, each.people, each.words) for each in found] == [
        ("unknown_reason", 5, "The document export does not explain reason_7 at the step folder."),
        ("no_errors", 4, "The document alerts explains no error at all."),
        ("no_step", 3, "The document export has no step moved any more."),
        ("no_document", 2, "gone has no document."),
        (
            "refused_draft",
            1,
            "What was written on export from the step folder on did not hold: step folder: names an account.",
        ),
    ]


def test_those_who_ever_succeeded_and_those_who_never_did_are_one_gap() -> None:
    both = [stuck("export/folder/reason_7/never", 2), stuck("export/folder/reason_7/sometimes", 3)]

    [found] = gaps(both, FEATURES, {})

    assert (found.people, found.reason) == (5, "reason_7")


def test_gaps_of_as_many_people_stand_in_the_order_of_their_names() -> None:
    found = gaps([stuck("b/x/no-error/never", 2), stuck("a/x/no-error/never", 2)], {}, {})

    assert [each.feature for each in found] == ["a", "b"]
