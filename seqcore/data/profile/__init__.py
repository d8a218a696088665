"""What is known of a table before training: facts, diagnostics, seasonality and a preview of the windows."""
