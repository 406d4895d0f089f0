"""A night as markdown: its sentences, pictures and tables."""

from collections.abc import Sequence

from pipelines_lib.reports.artifact import (
    file_sentence,
    picture_lines,
    problem_lines,
    run_sentence,
)
from pipelines_lib.reports.event_lines import events_to_markdown
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.model_lines import model_sentence
from pipelines_lib.reports.sentiment_lines import scored_sentence, texts_sentence, texts_to_markdown
from pipelines_lib.reports.summary import NightSummary, ingest_sentence, rule_counts, series_news
from pipelines_lib.reports.text import cell_text, number, one_line


def to_markdown(night: NightSummary, *, pictures: Sequence[Picture] = ()) -> str:
    """Return the night as markdown, for MLflow and, with pictures, for the Prefect artifact."""
    news, lines = night.texts, [f"# {night.dataset}: night of {night.newest}", ""]
    if night.has_series:
        lines += [
            f"- **Ingest**: {ingest_sentence(night)}",
            f"- **Lake**: {night.total_rows:,} rows of {night.n_series:,} series; repaired: "
            f"{rule_counts(night.repaired)}; quarantined: {rule_counts(night.quarantined)}",
        ]
    lines += [f"- **{title}**: {one_line(text)}" for title, text in series_news(night, limit=5)]
    lines += [f"- **{m.name} v{m.version}**: {model_sentence(m)}" for m in night.models]
    if night.has_series:
        lines += [
            f"- **Forecasts**: {night.n_forecast_series:,} series",
            f"- **Events**: {night.n_events:,}, of them new tonight {night.n_new_events:,}, "
            f"alerts {night.n_alerts:,}",
        ]
    if news is not None:
        lines.append(f"- **Documents**: {texts_sentence(news)}")
        lines += [f"- **Sentiment**: {scored_sentence(news)}"] if news.scorer else []
    lines += [
        *[f"- **Skipped**: {text}" for text in night.skipped],
        f"- **Report**: {file_sentence(night.report)}",
        f"- **MLflow run**: "
        f"{run_sentence(night.run_id, night.run_page, f'{night.dataset}/nightly')}",
        "",
        *picture_lines(pictures),
    ]
    if night.realised:
        r = night.realised
        lines += [
            f"Earlier forecasts that came true since: {r.n:,}; MAE {number(r.mae)} against "
            f"{number(r.last_value_mae)} of the last value (skill {r.skill_pct:+.1f} %); "
            f"{r.coverage_pct:.0f} % within the {r.interval_pct:.0f} % interval.",
            "",
        ]
    if night.forecasts:
        lines += [
            f"| series | last {night.target} | next | {night.interval_pct:.0f} % interval "
            f"| in {len(night.forecasts[0].values)} steps |",
            "|---|---:|---:|---|---:|",
        ]
        lines += [
            f"| {f.series_id} | {number(f.last_value)} | {number(f.values[0])} "
            f"| {number(f.lower[0])} to {number(f.upper[0])} | {f.change_pct:+.2f} % |"
            for f in night.forecasts[:20]
        ]
        lines.append("")
    if news is not None:
        lines += texts_to_markdown(news)
    if night.events:
        told = {picture.caption for picture in pictures}
        words = {name: text for name, text in night.words.items() if text not in told}
        lines += events_to_markdown(night.events, words, dataset=night.dataset)
    if night.rules:
        lines += ["| rule | what happened | count | newest | reason |", "|---|---|---:|---|---|"]
        for rule in night.rules:
            texts = f"{cell_text(rule.example)} | {cell_text(rule.reason)}"
            lines.append(f"| {rule.rule} | {rule.outcome} | {rule.rows:,} | {texts} |")
        lines.append("")
    lines += problem_lines(night.failures | night.left_out | night.failures)
    return "\n".join(lines)
