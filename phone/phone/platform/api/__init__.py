"""Serves the Voice API and the Application API over HTTP, as their references describe."""
