"""The documents in the terminal: what they lack."""

import typer

from handrail.cli import printing
from handrail.cli.opening import with_context
from handrail.cli.printing import Json
from handrail.flows.gaps import docs_gaps

documents = typer.Typer(help="The feature documents.", no_args_is_help=True)


@documents.command("gaps")
def list_gaps(*, json_: Json = False) -> None:
    """List what people struggle with and no document explains, by how many people it would have helped."""
    found = with_context(docs_gaps)
    words = "\n".join(f"{each.people}\t{each.words}" for each in found) or "The documents have no known gap."
    printing.show({"gaps": [each.model_dump() for each in found]}, words, as_json=json_)
