"""What a job runs in: code, cluster, numerics, paths and the terminal."""
