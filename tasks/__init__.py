"""@task functions: read by name, one library call, write by name.

Tasks exchange names and small summaries, never frames, tensors or models. What computes is
imported inside the functions: a flow's modules load in a second, torch and mlflow when needed.

No task has tags: for each of them Prefect asks the server for a place before every task run, and a
server that is away for a moment would fail the run.
"""
