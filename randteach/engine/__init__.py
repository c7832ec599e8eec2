"""Making jobs: one way to execute one, two ways to run many."""
