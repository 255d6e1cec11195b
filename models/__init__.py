"""Load and predict, without Beam. May import schemas."""
