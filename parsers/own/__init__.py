"""Readers of our own, one form a file: what the parser library does not read, or reads wrongly."""
