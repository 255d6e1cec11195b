"""Our own extractor of main content: blocks of a page, a small model of which belong to the main text, and the text."""
