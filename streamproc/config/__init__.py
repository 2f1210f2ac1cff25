"""What a streamproc.yaml says: its models (`model`), how it is read (`load`), what may be wrong (`findings`)."""
