"""Pure: predictions and labels -> outcomes in the journal, keyed by model."""
