"""The public Python API. Import its names from `curricle` itself: this package's layout may change."""
