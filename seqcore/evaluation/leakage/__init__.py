"""Leakage detection: what would let a model know the answer."""
