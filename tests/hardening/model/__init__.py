"""The model and everybody who can write into its prompt, as enemies."""
