"""Where the sides of the join wait for each other: in memory, or on a disk with an overlay over it."""
