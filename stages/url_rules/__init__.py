"""Block lists of domains, URLs and words; see `stages.url_rules.tag`."""
