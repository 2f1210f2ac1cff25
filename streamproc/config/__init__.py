"""What a streamproc.yaml says: its models (`pipeline` is the whole), how it is read (`load`), what is wrong with it."""
