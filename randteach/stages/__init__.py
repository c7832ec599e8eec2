"""What is computed, a function each; a stage knows neither Ray nor MLflow nor paths."""
