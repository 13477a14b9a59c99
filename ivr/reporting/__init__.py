"""Figures of calls: facts, KPIs, latency, and the reports that show them."""
