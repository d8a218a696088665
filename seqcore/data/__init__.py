"""From a source to batches: source -> table -> dataset -> batch."""
