"""How many bytes after a text kernels may read; `documents.pxd` has the checks of their arguments."""
