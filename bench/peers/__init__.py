"""Echo servers that echo-service is measured against."""
