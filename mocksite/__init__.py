"""A small stand-in for Sina Finance on loopback, for the demo, the tests and the benchmarks."""
