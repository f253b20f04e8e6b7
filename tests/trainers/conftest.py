"""What is here runs in a process of its own, with a trainer's code on its path."""

collect_ignore_glob = ["feed_*.py", "common.py"]
