"""`/forecast`: routes, schemas, the handler that answers, and the answer's JSON."""
