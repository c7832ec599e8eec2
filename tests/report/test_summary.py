"""The summary against numbers worked out by hand."""
