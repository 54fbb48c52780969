"""Run the command line as `python -m marketctl`."""

from marketctl.cli import main

if __name__ == "__main__":
    main()
