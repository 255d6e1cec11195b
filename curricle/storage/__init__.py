"""Files and folders, local or in an object store: where inputs lie and outputs go."""
