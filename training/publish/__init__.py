"""From fitted networks to a release on disk: export, evaluation, report, model card, plot, publication."""
