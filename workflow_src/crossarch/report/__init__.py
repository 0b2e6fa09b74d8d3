"""Report: the tidy table of runs in; the paper's tables and figures with our numbers, and pages, out."""
