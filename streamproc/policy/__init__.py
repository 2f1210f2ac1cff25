"""Pure: values of a model -> whether to retrain it, and why (not)."""
