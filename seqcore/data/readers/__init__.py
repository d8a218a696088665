"""Readers of user files: formats, detection of layout, dates and kind, and tables."""
