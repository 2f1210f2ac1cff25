"""What runs jobs; the only part of the worker that reads a clock."""
