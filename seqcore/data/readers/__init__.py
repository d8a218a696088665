"""The user's own files: opened, recognised, and made tables."""
