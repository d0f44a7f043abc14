"""What the package costs and saves, measured. From the repository's root: ``python -m benchmarks.scale``."""
