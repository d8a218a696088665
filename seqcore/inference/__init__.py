"""Trained models in use: predictors, and the schema of their input."""
