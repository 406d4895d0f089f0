"""Forecasting: fit a forecaster, judge it beside its baselines, forecast the next steps."""
