"""Training a student from ratings, and how well it imitates its teacher."""
