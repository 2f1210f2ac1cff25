"""What a running process tells about itself: metrics, health, logs. Read at scrape time; nothing is done per event."""
