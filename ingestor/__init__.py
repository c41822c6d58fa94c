"""The program: it sees every other package and is seen by none."""
