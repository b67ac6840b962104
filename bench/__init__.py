"""Benchmarks: measure the services and compare them with peers. See README.md."""
