"""Jobs as Ray Tune trials on this machine or a cluster."""
