"""Grafana's dashboards, written by `python -m deploy.grafana` (needs the extra `dev`)."""
