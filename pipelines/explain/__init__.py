"""Why a document is where it is: its rules, its scores beside those of the others, and what weighs most in them."""
