"""Ratings of samples: made, compared, distilled into a student."""
