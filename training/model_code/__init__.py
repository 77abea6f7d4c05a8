"""The code that MLflow runs when it loads a registered model; only bundles and tables, no MLflow store."""
