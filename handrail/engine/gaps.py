"""Which gaps the documents have, by what people struggle with."""

from collections import Counter
from collections.abc import Mapping, Sequence

from handrail.domain.features import Feature
from handrail.domain.gaps import Gap, GapKind
from handrail.domain.struggles import Signature, Stuck


def gaps(
    stuck: Sequence[Stuck], features: Mapping[str, Feature], refused: Mapping[str, Sequence[str]]
) -> list[Gap]:
    """Gaps by how many people are stuck there, the most first; equals by feature, step and reason.

    `refused`: why the model's draft was not used, by the key of the signature. A signature is one gap at
    most: the first of no document, no such step, no errors explained, this error not explained, a refused
    draft.
    People whose first success lies between two nights count once before and once after.
    """
    people: Counter[tuple[GapKind, str, str, str]] = Counter()
    why: dict[tuple[GapKind, str, str, str], Sequence[str]] = {}
    for each in stuck:
        one = Signature.of(each.signature)
        kind = _kind(one, features.get(one.feature), refused=each.signature in refused)
        if kind is None:
            continue
        step = "" if kind in ("no_document", "no_errors") else one.stuck_step
        place = (kind, one.feature, step, one.reason if kind == "unknown_reason" else "")
        people[place] += each.people
        why.setdefault(place, refused.get(each.signature, ()))
    ranked = sorted(people, key=lambda place: (-people[place], *place[1:], place[0]))
    return [
        Gap(
            kind=kind,
            feature=feature,
            step=step,
            reason=reason,
            people=people[kind, feature, step, reason],
            words=_words(kind, feature, step, reason, why[kind, feature, step, reason]),
        )
        for kind, feature, step, reason in ranked
    ]


def _kind(one: Signature, feature: Feature | None, *, refused: bool) -> GapKind | None:
    if feature is None:
        return "no_document"
    if feature.step(one.stuck_step) is None:
        return "no_step"
    if one.reason and not feature.errors:
        return "no_errors"
    if one.reason and feature.hint(one.reason) is None:
        return "unknown_reason"
    return "refused_draft" if refused else None


def _words(kind: GapKind, feature: str, step: str, reason: str, why: Sequence[str]) -> str:
    return {
        "no_document": f"{feature} has no document.",
        "no_step": f"The document {feature} has no step {step} any more.",
        "no_errors": f"The document {feature} explains no error at all.",
        "unknown_reason": f"The document {feature} does not explain {reason} at the step {step}.",
        "refused_draft": f"What was written on {feature} from the step {step} on did not hold: "
        f"{'; '.join(why[:3])}.",
    }[kind]
