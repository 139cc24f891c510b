"""The same checkpoint in general model servers, each in an environment of its own."""
