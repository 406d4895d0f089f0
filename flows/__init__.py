"""The order of tasks, nothing else: one file a flow."""
