"""What is true without any input or output: the rules of messages, updates and events."""
