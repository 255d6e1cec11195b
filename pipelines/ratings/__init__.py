"""Makes ratings of samples, compares them, and distills them into a student."""
