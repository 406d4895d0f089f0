"""How flows get to run: prefect.yaml (every job), the `tidewatch` command, serving."""
