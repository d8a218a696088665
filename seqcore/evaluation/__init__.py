"""Metrics, baselines, backtest, prediction intervals and leakage detection."""
