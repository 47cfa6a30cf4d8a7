"""A mock of Sina Finance on loopback, for the demo, the tests and the benchmarks."""
