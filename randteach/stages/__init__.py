"""The arithmetic, a function each; a stage knows neither Ray nor MLflow nor paths."""
