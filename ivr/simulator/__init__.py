"""Simulated callers and advisers on real telephone calls: `ivr call`, `make demo` and the benchmarks."""
