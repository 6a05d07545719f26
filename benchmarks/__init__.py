"""One file per performance claim; each prints ratios of one run against what a user would otherwise pick."""
