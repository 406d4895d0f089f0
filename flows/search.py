"""Search a better forecaster."""

from pipelines_lib.config import DatasetConfig, ForecasterConfig, SearchConfig
from pipelines_lib.config.space import parse_space
from tasks.ingest import ingest_rows
from tasks.job import job
from tasks.outcome import end_state
from tasks.search import Searched, search_forecaster


@job("search", "search forecaster of {dataset.name}")
def search(
    dataset: DatasetConfig,
    forecaster: ForecasterConfig = ForecasterConfig(),
    search: SearchConfig = SearchConfig(),
) -> Searched:
    """Ingest a dataset, search a better forecaster for it, and store the best as a job.

    A search that was cut off goes on where it was.

    Args:
        dataset: The declaration: source, series, calendar, columns.
        forecaster: What the search starts from; what is not in the space stays as it is here.
        search: What is varied, how often, and by whom.
    """
    parse_space(search.space, forecaster)  # a mistake is refused before anything is fetched
    ingested = ingest_rows(dataset)
    searched = search_forecaster(dataset.name, forecaster, search)
    return end_state(searched, ingested.report)
