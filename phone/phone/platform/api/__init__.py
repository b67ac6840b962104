"""The Voice API and the Application API, served over HTTP as in their references."""
