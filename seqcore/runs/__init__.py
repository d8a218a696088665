"""Runs: the store, the scheduler, worker processes and their launcher."""
