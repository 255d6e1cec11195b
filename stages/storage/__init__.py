"""Where inputs lie and outputs go: local folders and object stores."""
