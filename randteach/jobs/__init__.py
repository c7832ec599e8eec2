"""From a point of a study to jobs: what is to be made."""
