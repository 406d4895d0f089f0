"""Keep the lake's files few and sorted."""

from prefect import task
from prefect.logging import get_run_logger

from tasks.context import may_pass, open_context


@task(task_run_name="datasets", tags=["maintain"])
def list_dataset_names() -> list[str]:
    """Return the names of all datasets in the lake."""
    from pipelines_lib.lake import list_datasets

    return list_datasets(open_context().lake)


@task(
    task_run_name="compact {dataset}",
    tags=["maintain"],
    retries=2,
    retry_delay_seconds=30,
    retry_condition_fn=may_pass,
)
def compact_tables(dataset: str, keep_hours: int) -> dict[str, dict[str, int]]:
    """Compact every table of a dataset; rows stay as they are."""
    from pipelines_lib.tables import dataset_tables

    context = open_context()
    files = {}
    for table in dataset_tables(context.dataset(dataset).columns):
        files[table.name] = context.lake.compact(dataset, table, keep_hours=keep_hours)
        get_run_logger().info("%s.%s: files %s", dataset, table.name, files[table.name])
    return files
