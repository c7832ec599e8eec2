"""A study's runs in MLflow."""
