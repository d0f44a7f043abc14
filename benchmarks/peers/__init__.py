"""The clients that generators make of docs/openapi.yaml, to be measured beside this library."""
