"""Numbers made visible: tables, charts, the page."""
