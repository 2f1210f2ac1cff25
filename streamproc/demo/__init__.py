"""`streamproc demo`: the whole loop on a genuine Kafka and real data, in a minute.

`market` and `feed` are what happens in the world, `server` is the model in production, `train` retrains it; `run` ties
them to the broker and to `streamproc run`, which is started as users start it. `screen` and `lines` show it. `offline`
is the same loop without Kafka, for trying policies. `tutorial` is the textbook case.
"""
