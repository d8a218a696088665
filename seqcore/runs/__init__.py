"""How runs are executed and kept: store, jobs, worker. It knows nothing of pages."""
