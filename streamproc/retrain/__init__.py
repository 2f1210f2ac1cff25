"""From a trigger to a better model in service, or a reasoned refusal.

In the worker: `stage` folds triggers and deploy events (`fold`) and runs jobs (`jobs`, `executors`). In a job's own
process: `child` reads the window (`window`), calls the user's function (`api`, `challenger`), and judges what came out
(`score`, `gate`, `course`).
"""
