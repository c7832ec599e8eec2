"""Tables, summaries and figures, all from the store."""
