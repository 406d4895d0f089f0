"""Anomaly detection: fit an autoencoder and a threshold, score steps, find events."""
