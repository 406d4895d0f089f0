"""The page that a run leaves on Prefect, under a key that stays the same."""

from prefect.artifacts import create_markdown_artifact

from tasks.patience import outwait


def leave_page(markdown: str, *, key: str, description: str) -> None:
    """Leave a page as a markdown artifact; a server that stays away costs the page, not the run.

    Args:
        markdown: The page.
        key: What Prefect shows the history of: lower-case letters, digits and hyphens.
        description: One line on this page.
    """
    outwait(create_markdown_artifact, markdown, key=key, description=description)
