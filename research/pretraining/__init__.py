"""Universal networks: trained once on simulated seas, they forecast series they have never seen."""
