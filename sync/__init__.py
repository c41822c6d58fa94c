"""What is said to NetBox: the only package that speaks to it."""
