"""One file a revision. A revision never changes after its release, and imports nothing of the schema, which does."""
