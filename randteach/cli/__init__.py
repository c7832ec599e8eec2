"""The command line: sweeps and the `randteach` command."""
