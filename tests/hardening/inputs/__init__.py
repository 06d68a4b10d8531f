"""What is typed, pasted, imported and brought along: understood, or refused in a sentence of ours."""
