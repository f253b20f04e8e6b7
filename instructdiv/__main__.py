"""Run the command line with python -m instructdiv."""

from instructdiv.cli import main

main()
