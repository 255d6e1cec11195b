"""Quality raters."""
