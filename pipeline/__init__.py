"""IGNY8 Pipeline: a website's content, from a keyword list to published articles."""
