"""What travels on the topics, and the codec between bytes and events."""
