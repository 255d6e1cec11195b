"""From a recipe and inputs to a checked plan, before anything starts."""
