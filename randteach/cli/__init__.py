"""The command line of sweeps, and the `randteach` command."""
