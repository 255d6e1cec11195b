"""Models: load and predict, without Beam. May import schemas."""
