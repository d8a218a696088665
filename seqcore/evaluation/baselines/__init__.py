"""Naive and classical methods that every model is compared with, fitted on the training split alone."""
