"""`make judge`: programs that nobody here wrote say whether the MCP server is right."""

import re
import sys
import tempfile
from pathlib import Path

from tests.judge.court import Court, Unavailable, Verdict, node_judges, served
from tests.judge.judges import JUDGES

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COMPLAINT = re.compile(r"✗|Error|error|FAIL|WARN|Issue")


def main() -> int:
    """Print a line for each thing judged. Exit code 1 if one is wrong, or a judge is not to be had."""
    with tempfile.TemporaryDirectory(prefix="handrail-judge-") as name:
        folder = Path(name)
        try:
            node = node_judges()
        except Unavailable as missing:
            sys.stdout.write(f"not judged  {missing}\n")
            return 1
        with served(folder / "ours") as ours, served(folder / "fixture", "--fixture") as fixture:
            court = Court(node=node, folder=folder, ours=ours, fixture=fixture)
            found = [_told(verdict) for judge in JUDGES for verdict in judge(court)]
    wrong = sum(not verdict.good for verdict in found)
    sys.stdout.write(f"{len(found)} judged, {wrong} wrong\n")
    return min(wrong, 1)


def complaints(words: str) -> list[str]:
    """The lines of a judge that say what is wrong; without such lines its last ones."""
    lines = _COLOUR.sub("", words).splitlines()
    return [line for line in lines if _COMPLAINT.search(line)] or lines[-20:]


def _told(verdict: Verdict) -> Verdict:
    sys.stdout.write(f"{'right' if verdict.good else 'WRONG'}  {verdict.judge}: {verdict.what}\n")
    if not verdict.good:
        sys.stdout.write("".join(f"       {line}\n" for line in complaints(verdict.words)))
    sys.stdout.flush()
    return verdict


if __name__ == "__main__":
    sys.exit(main())
