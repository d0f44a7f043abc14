"""How contestants are measured: own processes on cores of their own, interleaved rounds, ratios within a round."""
