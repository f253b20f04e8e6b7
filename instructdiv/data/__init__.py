"""Records in, before there are vectors: reading, layouts, views, sources, licenses."""
