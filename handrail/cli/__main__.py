"""`python -m handrail.cli` is the `handrail` command."""

from handrail.cli import main

main()
