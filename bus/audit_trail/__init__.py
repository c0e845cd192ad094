"""The audit trail: who did what as an operator, and who was shown personal data."""
