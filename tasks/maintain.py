"""Keep the lake's files few and sorted."""

from prefect import task
from prefect.logging import get_run_logger

from tasks.context import may_pass, open_context


@task(task_run_name="list datasets")
def list_dataset_names() -> list[str]:
    """Return the names of all datasets in the lake."""
    from pipelines_lib.lake import list_datasets

    return list_datasets(open_context().lake)


@task(
    task_run_name="compact {dataset}",
    retries=2,
    retry_delay_seconds=30,
    retry_condition_fn=may_pass,
)
def compact_tables(dataset: str, keep_hours: int) -> str:
    """Compact every table of a dataset; rows stay as they are. Return what was done, in words."""
    from pipelines_lib.tables import dataset_tables

    context = open_context()
    tables = dataset_tables(context.dataset(dataset).columns)
    files = [context.lake.compact(dataset, table, keep_hours=keep_hours) for table in tables]
    before, after, dropped = (sum(f[k] for f in files) for k in ("before", "after", "dropped"))
    done = f"{before} files joined into {after}, {dropped} old files dropped"
    get_run_logger().info("%s: %s", dataset, done)
    return done
