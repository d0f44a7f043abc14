"""The parts of the soak: what a wave is, its server, its jobs, what is true of them, and what the process takes."""
