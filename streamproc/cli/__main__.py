"""`python -m streamproc.cli`: the same as `streamproc`."""

from streamproc.cli import main

main()
