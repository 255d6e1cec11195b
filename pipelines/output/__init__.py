"""An output folder: its files, manifests, dataset card and verification."""
